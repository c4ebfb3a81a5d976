import { metricNames, scoreName } from '../../contract/metric-names';
import type { MetricRecord } from '../../contract/records';
import type { Reporter } from './attempt';

/** Seconds between two lines of progress where the output is no terminal. */
const lineSeconds = 10;

/** Tells on a stream what an attempt does: in a terminal one line that is written over, else a line now and then. */
export function consoleReporter(stream: NodeJS.WriteStream): Reporter & { end(): void } {
  let plan = { totalSteps: 0, totalEpochs: 0 };
  let overwritten = false;
  let toldAt = -Infinity;
  const line = (text: string) => {
    stream.write(`${overwritten ? '\r\x1b[K' : ''}${text}\n`);
    overwritten = false;
  };
  const passing = (text: string) => {
    if (stream.isTTY) {
      stream.write(`\r\x1b[K${text}`);
      overwritten = true;
    } else if (performance.now() - toldAt > lineSeconds * 1000) {
      toldAt = performance.now();
      line(text);
    }
  };
  return {
    attempt: ({ runId, attempt, engine, resumedFromStep }) => {
      const from = resumedFromStep === null ? 'from the start' : `from the checkpoint of step ${resumedFromStep}`;
      line(`run ${runId}, attempt ${attempt}, ${from}`);
      line(`engine ${engine.name} ${engine.version} on ${engine.device}, threads ${engine.threads} (${engine.reason})`);
    },
    note: (text) => line(`note: ${text}`),
    phase: (text) => passing(text),
    plan: (totals) => {
      plan = totals;
    },
    record: (record) => {
      if (record.scope === 'epoch') line(epochLine(record, plan.totalEpochs));
      else passing(stepLine(record, plan.totalSteps));
    },
    end: () => {
      if (overwritten) stream.write('\n');
    },
  };
}

function stepLine({ step, values }: MetricRecord, totalSteps: number): string {
  const speed = values[metricNames.examplesPerSecond]?.toFixed(0);
  return `step ${step}/${totalSteps}  loss ${decimal(values[metricNames.trainLoss])}  ${speed} examples/s`;
}

function epochLine({ epoch, values, elapsedSeconds }: MetricRecord, totalEpochs: number): string {
  const scores = (['', 'teacher/'] as const).flatMap((subject) => {
    const accuracies = (['dev', 'test'] as const).map((split) => values[scoreName(split, 'accuracy', subject)]);
    if (accuracies.every((accuracy) => accuracy === undefined)) return [];
    const macroF1 = decimal(values[scoreName('test', 'macro-f1', subject)]);
    return [
      `${subject === '' ? '' : 'teacher '}accuracy dev ${decimal(accuracies[0])} test ${decimal(accuracies[1])} (macro F1 ${macroF1})`,
    ];
  });
  const loss = values[metricNames.trainLoss] === undefined ? [] : [`loss ${decimal(values[metricNames.trainLoss])}`];
  return [`epoch ${epoch}/${totalEpochs}`, ...loss, ...scores, `${elapsedSeconds.toFixed(1)} s`].join('  ');
}

const decimal = (value: number | null | undefined): string => value?.toFixed(4) ?? '-';

/** The table at the end of a run: the scores of the epoch selected on dev and of the last one. */
export function resultTable(result: {
  selected: { epoch: number; values: Readonly<Record<string, number | null>> };
  final: { epoch: number; values: Readonly<Record<string, number | null>> };
}): string {
  const columns = [
    ['', 'epoch', 'dev accuracy', 'dev macro F1', 'test accuracy', 'test macro F1'],
    ...(['selected', 'final'] as const).map((which) => {
      const { epoch, values } = result[which];
      const scores = (['dev', 'test'] as const).flatMap((split) =>
        (['accuracy', 'macro-f1'] as const).map((score) => decimal(values[scoreName(split, score)])),
      );
      return [which, String(epoch), ...scores];
    }),
  ];
  return columns
    .map((row) =>
      row
        .map((cell) => cell.padEnd(14))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}
