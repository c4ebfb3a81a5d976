import { Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import type { ApiContext } from '../../context/context';
import { listCost } from '../../shared/limits';
import { loadersOf } from '../common/loaders';
import { RunType } from '../runs/run.type';
import { ExperimentType, Note } from './experiment.type';
import { experimentView, noteView } from './experiment-view';

/** The fields of a run that lead to its experiment: here, so that experiments know runs and not the reverse. */
@Resolver(() => RunType)
export class RunExperimentResolver {
  @FieldResolver(() => ExperimentType, { description: 'The experiment it belongs to.' })
  async experiment(@Root() { id, experimentId }: RunType, @Ctx() context: ApiContext): Promise<ExperimentType> {
    const row = await loadersOf(context).experiment.experiments.load(experimentId);
    if (row === null) throw new Error(`run ${id} is of experiment ${experimentId}, which is not there`);
    return experimentView(row);
  }

  @FieldResolver(() => [Note], { description: 'Remarks on it, the oldest first.', complexity: listCost(3) })
  async notes(@Root() { id }: RunType, @Ctx() context: ApiContext): Promise<Note[]> {
    return (await loadersOf(context).experiment.runNotes.load(id)).map(noteView);
  }
}
