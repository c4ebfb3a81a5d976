import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { answer } from './answer';
import { costSection } from './costs';
import { caveatsSection, confusionSection, presentationSection } from './details';
import type { ReportData } from './fetch';
import { Html, html } from './html';
import { repeatSection } from './repeat';
import { curvesSection, pairsSection, resultsSection } from './results';

/** The whole page: one file that needs nothing else. @param command that makes it again */
export function page(data: ReportData, { command, writtenAt }: { command: string; writtenAt: Date }): string {
  const { experiment, accuracy } = data;
  const style = new Html(readFileSync(join(__dirname, 'style.css'), 'utf8'));
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${experiment.name}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1>${experiment.name}</h1>
${experiment.question && html`<p class="question">${experiment.question}</p>`}
${accuracy.selectedOnTest && html`<p class="mark" role="note">The epochs shown were selected on the test set. Every value is too good by what that selection gains.</p>`}
${accuracy.dataDifferences.length > 0 && html`<p class="mark" role="note">The runs differ in their data, which is compared as well: ${accuracy.dataDifferences.join('; ')}.</p>`}
</header>
<main>
${answer(data)}
${resultsSection(data)}
${pairsSection(data)}
${curvesSection(data)}
${confusionSection(data)}
${costSection(data)}
${presentationSection(data)}
${repeatSection(data, command)}
${caveatsSection(data)}
</main>
<footer class="quiet">Written by Stillhouse on ${writtenAt.toISOString().slice(0, 10)}.</footer>
</body>
</html>
`.text;
}
