import type { Failure } from '../runs/run-life';

/** One attempt of a run, to be carried out by a trainer of its own. */
export interface Job {
  runId: string;
  attempt: number;
}

/** How a trainer left. */
export interface JobEnd {
  exitCode: number | null;
  /** The signal that ended it, where one did. */
  signal: string | null;
  /** The last lines it wrote for a person. */
  lastWords: string;
  /** Whether the launcher asked it to stop. */
  asked: boolean;
  /** Why it was asked to, where it had to be told from a wish: the trainer itself was at fault. */
  killedFor: string | null;
  /** What the place where it ran knows of the cause, where the trainer itself could not tell. */
  verdict?: Verdict;
}

export type Verdict =
  /** The machine was taken away: no fault of the run. */
  | { kind: 'reclaimed'; reason: string }
  /** Another attempt would meet the same. */
  | { kind: 'failed'; failure: Failure }
  /** The machinery failed. */
  | { kind: 'crashed'; message: string };

/** What a launcher tells of its jobs. */
export interface LauncherEvents {
  /** A trainer exists for the job. */
  started(job: Job, place: { host: string; pid: number }): void;
  /** The trainer says that it stored an object: a hint, which may be lost. */
  wrote(job: Job, key: string): void;
  /** The trainer is gone; told once for every job that was launched. */
  ended(job: Job, end: JobEnd): void;
}

/**
 * Where trainers are run. Launching and stopping are orders: what becomes of them is told by the events, and what is
 * true is in the objects of the run.
 */
export interface Launcher {
  /** How it runs trainers, for a person: "2 slots of 1 thread". */
  readonly description: string;
  slots(): { total: number; busy: number };
  launch(job: Job): void;
  /** Has the trainer of a run write a checkpoint and leave; it is killed if it takes too long. */
  stop(runId: string, killedFor?: string): void;
  jobs(): Job[];
  /** Stops all trainers and waits until they are gone; launches nothing after. */
  close(): Promise<void>;
}
