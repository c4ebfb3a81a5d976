import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, FieldResolver, ID, Info, Int, Query, Resolver, Root } from 'type-graphql';
import { isOver } from '../../../contract/run-states';
import type { ApiContext } from '../../context/context';
import { searchExperiments } from '../../experiments/experiment.service';
import { searchRuns } from '../../runs/run.service';
import { limits, listCost, pageCost } from '../../shared/limits';
import { loadersOf } from '../common/loaders';
import { afterDescription, connection, connectionTypes, firstDescription } from '../common/page.type';
import { RunFilterInput, RunOrderInput } from '../runs/run.input';
import { RunConnection } from '../runs/run.resolver';
import { columnsOfRuns, runView } from '../runs/run-view';
import { ExperimentFilterInput, ExperimentOrderInput } from './experiment.input';
import { ExperimentCosts, ExperimentType, Note, RunCount } from './experiment.type';
import { experimentView, noteView } from './experiment-view';

const ExperimentConnection = connectionTypes('Experiment', () => ExperimentType);

@Resolver(() => ExperimentType)
export class ExperimentResolver {
  @Query(() => ExperimentType, { nullable: true, description: 'One experiment; null where there is none.' })
  async experiment(
    @Ctx() context: ApiContext,
    @Arg('id', () => ID, { description: 'Its id.' }) id: string,
  ): Promise<ExperimentType | null> {
    const row = await loadersOf(context).experiment.experiments.load(id);
    return row && experimentView(row);
  }

  @Query(() => ExperimentConnection, {
    description: 'Experiments, page by page; the newest first unless another order is given.',
    complexity: pageCost,
  })
  async experiments(
    @Ctx() { services }: ApiContext,
    @Arg('filter', () => ExperimentFilterInput, { nullable: true, description: 'Which; all when left out.' })
    filter: ExperimentFilterInput | null,
    @Arg('orderBy', () => [ExperimentOrderInput], { nullable: true, description: 'In which order.' })
    orderBy: ExperimentOrderInput[] | null,
    @Arg('includeArchived', () => Boolean, { defaultValue: false, description: 'Also those put out of sight.' })
    includeArchived: boolean,
    @Arg('first', () => Int, { defaultValue: limits.defaultPageSize, description: firstDescription }) first: number,
    @Arg('after', () => String, { nullable: true, description: afterDescription }) after: string | null,
  ) {
    const search = { filter: filter ?? {}, includeArchived };
    const { edges, hasNextPage, totalCount } = await searchExperiments(services, search, orderBy ?? null, {
      first,
      after,
    });
    return connection(
      { edges: edges.map(({ cursor, node }) => ({ cursor, node: experimentView(node) })), hasNextPage },
      totalCount,
    );
  }

  @FieldResolver(() => [String], { description: 'Words to find it by, in alphabetical order.' })
  tags(@Root() { id }: ExperimentType, @Ctx() context: ApiContext): Promise<string[]> {
    return loadersOf(context).experiment.tags.load(id);
  }

  @FieldResolver(() => [Note], {
    description: 'Remarks on it and on its runs, the oldest first.',
    complexity: listCost(),
  })
  async notes(@Root() { id }: ExperimentType, @Ctx() context: ApiContext): Promise<Note[]> {
    return (await loadersOf(context).experiment.notes.load(id)).map(noteView);
  }

  @FieldResolver(() => [RunCount], {
    description: 'How many runs are in each state; states without runs are left out.',
  })
  async runCounts(@Root() { id }: ExperimentType, @Ctx() context: ApiContext): Promise<RunCount[]> {
    const counts = await loadersOf(context).experiment.runCounts.load(id);
    return counts.map(({ state, count }) => ({ state, isOver: isOver(state), count }));
  }

  @FieldResolver(() => ExperimentCosts, { description: 'What its runs have taken so far.' })
  async costs(@Root() { id }: ExperimentType, @Ctx() context: ApiContext): Promise<ExperimentCosts> {
    const none = { cost: 0, unpricedRuns: 0, billedSeconds: 0, energyWattHours: 0, estimatedEnergyRuns: 0 };
    return (await loadersOf(context).experiment.costs.load(id))[0] ?? none;
  }

  @FieldResolver(() => RunConnection, {
    description: 'Its runs, page by page; in the order of their positions unless another is given.',
    complexity: pageCost,
  })
  async runs(
    @Root() { id }: ExperimentType,
    @Ctx() { services }: ApiContext,
    @Info() info: GraphQLResolveInfo,
    @Arg('filter', () => RunFilterInput, { nullable: true, description: 'Which; all when left out.' })
    filter: RunFilterInput | null,
    @Arg('orderBy', () => [RunOrderInput], { nullable: true, description: 'In which order.' })
    orderBy: RunOrderInput[] | null,
    @Arg('first', () => Int, { defaultValue: limits.defaultPageSize, description: firstDescription }) first: number,
    @Arg('after', () => String, { nullable: true, description: afterDescription }) after: string | null,
  ) {
    const ofThis = { experimentId: { eq: id }, ...(filter ? { AND: [filter] } : {}) };
    const { edges, hasNextPage, totalCount } = await searchRuns(
      services,
      ofThis,
      orderBy ?? null,
      { first, after },
      columnsOfRuns(info),
    );
    return connection(
      { edges: edges.map(({ cursor, node }) => ({ cursor, node: runView(node) })), hasNextPage },
      totalCount,
    );
  }
}
