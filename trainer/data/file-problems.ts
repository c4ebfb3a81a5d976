import type { Problem } from '../../contract/run-spec';

/** Problems told one by one; the rest of a file's is counted. */
const toldProblems = 20;

/** Collects what is wrong with one input file, with line numbers, and keeps the list short enough to read. */
export class FileProblems {
  private readonly told: Problem[] = [];
  private count = 0;

  /** @param path Where the run definition names the file: `data.train`. */
  constructor(readonly path: string) {}

  get found(): boolean {
    return this.count > 0;
  }

  add(message: string): void {
    this.count++;
    if (this.count <= toldProblems) this.told.push({ path: this.path, message });
  }

  addAtLine(line: number, message: string): void {
    this.add(`line ${line}: ${message}`);
  }

  list(): Problem[] {
    const untold = this.count - this.told.length;
    return untold === 0 ? this.told : [...this.told, { path: this.path, message: `and ${untold} more problems` }];
  }
}
