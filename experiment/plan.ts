import type { PresetInput } from '../client/create';
import type { Api } from '../client/graphql';
import { graphql, type ResultOf } from '../client/operation';

const planPreset = graphql(`query Plan($input: PresetExperimentInput!, $slots: Int) {
  plan: planPreset(input: $input, slots: $slots) {
    ... on ExperimentPlan { runs seconds cost slots wallClockSeconds notes methods { method runs epochs seconds basis } }
    ... on Failure { problems { path message } }
  }
}`);
export type Plan = Extract<ResultOf<typeof planPreset>['plan'], { runs: number }>;

/** Prints what an experiment would take. @returns the exit code */
export async function printPlan(api: Api, input: PresetInput, slots: number | null): Promise<number> {
  const { plan } = await api.request(planPreset, { input, slots });
  if ('problems' in plan) {
    for (const { path, message } of plan.problems) console.error(`${path}: ${message}`);
    return 1;
  }
  for (const line of planLines(plan)) console.log(line);
  return 0;
}

/** One line a method, then the whole. */
export function planLines({ runs, seconds, cost, slots, wallClockSeconds, notes, methods }: Plan): string[] {
  return [
    ...methods.map(
      (each) =>
        `${each.method}: ${runsText(each.runs)}, ${each.epochs} epochs, ${timeText(each.seconds)} (${each.basis})`,
    ),
    `in all: ${runsText(runs)}, ${timeText(seconds)}, ${cost === null ? 'cost unknown' : `${cost.toFixed(2)} USD`}`,
    ...(wallClockSeconds === null ? [] : [`wall clock: ${timeText(wallClockSeconds)} with ${slotsText(slots)}`]),
    ...notes.map((note) => `note: ${note}`),
  ];
}

const slotsText = (slots: number | null): string =>
  slots === null ? 'a machine for every run' : `${runsText(slots)} at a time`;

const runsText = (runs: number): string => `${runs} ${runs === 1 ? 'run' : 'runs'}`;

function timeText(seconds: number | null): string {
  if (seconds === null) return 'time unknown';
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
