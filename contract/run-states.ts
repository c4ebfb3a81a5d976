/** The states of a run, in the order of its life. */
export const runStates = [
  'PENDING',
  'SUBMITTED',
  'STARTING',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'STOPPED',
] as const;
export type RunState = (typeof runStates)[number];

/** States from which only a retry leads away. */
export const overStates: readonly RunState[] = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'STOPPED'];

export const isOver = (state: RunState): boolean => overStates.includes(state);
