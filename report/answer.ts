import { countText } from '../presentation/format';
import { trainsTeacher } from '../presentation/methods';
import { rangeText, scoreText } from '../presentation/statistics';
import type { ReportData } from './fetch';
import { type Html, html, list } from './html';
import type { Comparison, Group, Pair } from './queries';
import { joined, momentText } from './words';

/** What a reader takes away who reads nothing else. */
export function answer(data: ReportData): Html {
  const { accuracy, at } = data;
  const students = studentGroups(data);
  const best = bestOf(students);
  if (best === null) return html`<div class="answer"><p>No variant has a value ${momentText(at)}.</p></div>`;
  const verdicts = accuracy.pairs.filter(
    ({ againstId, groupId }) => againstId === accuracy.baseline && students.some(({ id }) => id === groupId),
  );
  return html`<div class="answer">
<p>${headline(best, students, accuracy)}</p>
<p>${best.name}: mean test accuracy ${scoreText(best.mean)}${best.interval && html` (95 % ${rangeText(best.interval)})`}, ${countText(best.n, 'seed')}, ${momentText(at)}.${teacherText(data)}</p>
${verdicts.length > 0 && list(verdicts.map(({ verdict }) => sentence(verdict.text)))}
</div>`;
}

/** Groups of students; where there are none, of what was trained. */
export function studentGroups(data: ReportData): Group[] {
  const { accuracy } = data;
  const teachers = teacherGroups(data);
  const students = accuracy.groups.filter(({ id }) => !teachers.has(id));
  return students.length > 0 ? students : accuracy.groups;
}

function bestOf(groups: readonly Group[]): (Group & { mean: number }) | null {
  return groups.reduce<(Group & { mean: number }) | null>(
    (best, { mean, ...group }) => (mean !== null && (best === null || mean > best.mean) ? { ...group, mean } : best),
    null,
  );
}

function headline(best: Group, students: readonly Group[], { pairs }: Comparison): string {
  const others = students.filter(({ id, mean }) => id !== best.id && mean !== null);
  if (others.length === 0) return `${best.name} is the only variant with results: there is nothing to compare it with.`;
  const isBeaten = (other: Group) => pairs.some((pair) => kindFor(pair, best, other) === 'BETTER');
  const equal = others.filter((other) => !isBeaten(other));
  if (equal.length === 0)
    return `${best.name} is better than ${others.length === 1 ? others[0]!.name : 'every other variant'}.`;
  if (equal.length === others.length)
    return `No winner: ${best.name} has the highest mean, but these runs do not tell it from ${joined(equal.map(({ name }) => name))}.`;
  const beaten = others.filter(isBeaten).map(({ name }) => name);
  return `${best.name} has the highest mean and is better than ${joined(beaten)}; these runs do not tell it from ${joined(equal.map(({ name }) => name))}.`;
}

/** What a pair says of one group against another, whichever stands first in it. */
function kindFor({ groupId, againstId, verdict }: Pair, group: Group, other: Group): Pair['verdict']['kind'] | null {
  if (groupId === group.id && againstId === other.id) return verdict.kind;
  if (groupId !== other.id || againstId !== group.id) return null;
  return verdict.kind === 'WORSE' ? 'BETTER' : verdict.kind === 'BETTER' ? 'WORSE' : verdict.kind;
}

/** Ids of the groups whose runs trained a teacher. */
const teacherGroups = ({ runs, methods }: ReportData): ReadonlySet<string> =>
  new Set(runs.filter(({ method }) => trainsTeacher(methods, method)).map(({ groupId }) => groupId));

function teacherText(data: ReportData): string {
  const { accuracy } = data;
  const teachers = teacherGroups(data);
  const teacher = accuracy.groups.find(({ id, mean }) => teachers.has(id) && mean !== null);
  if (teacher === undefined || studentsAreTeachers(teachers, accuracy)) return '';
  return ` The teacher scores ${scoreText(teacher.mean)}.`;
}

const studentsAreTeachers = (teachers: ReadonlySet<string>, { groups }: Comparison): boolean =>
  groups.every(({ id }) => teachers.has(id));

export const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
