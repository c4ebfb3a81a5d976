import type { Provenance } from '../graphql/runs/provenance.type';
import type { Services } from '../shared/context';
import { readAttempts, readResult } from './run-objects';

/** From the objects of the run: seldom asked for, so the records do without. null while it has no result. */
export async function findProvenance({ objects }: Services, runId: string): Promise<Provenance | null> {
  const [result, attempts] = await Promise.all([readResult(objects, runId), readAttempts(objects, runId)]);
  if (result === null) return null;
  return {
    code: [...new Set(attempts.map(({ code }) => code))],
    node: [...new Set(attempts.map(({ node }) => node))],
    rows: result.rows,
    trainFile: result.dataFiles?.train ?? null,
    testFile: result.dataFiles?.test ?? null,
  };
}
