import type { GraphQLResolveInfo } from 'graphql';
import { Arg, Ctx, FieldResolver, ID, Info, Int, Query, Resolver, Root } from 'type-graphql';
import type { ApiContext } from '../../context/context';
import { findProvenance } from '../../ingest/provenance.service';
import { findRun, searchRuns } from '../../runs/run.service';
import { limits, listCost, namedCost, pageCost } from '../../shared/limits';
import { loadersOf } from '../common/loaders';
import { afterDescription, connection, connectionTypes, firstDescription } from '../common/page.type';
import { Provenance } from './provenance.type';
import { RunFilterInput, RunOrderInput } from './run.input';
import { Attempt, RunParameter, RunType, SummaryMetric } from './run.type';
import { attemptView, columnsOfRuns, metricView, runView } from './run-view';

export const RunConnection = connectionTypes('Run', () => RunType);

/** The entries with these names; all where none are named. */
const only = <Entry extends { name: string }>(entries: Entry[], names: string[] | null | undefined): Entry[] =>
  names == null ? entries : entries.filter(({ name }) => names.includes(name));

@Resolver(() => RunType)
export class RunResolver {
  @Query(() => RunType, { nullable: true, description: 'One run; null where there is none.' })
  async run(
    @Ctx() { services }: ApiContext,
    @Arg('id', () => ID, { description: 'Its id.' }) id: string,
  ): Promise<RunType | null> {
    const row = await findRun(services, id);
    return row && runView(row);
  }

  @Query(() => RunConnection, {
    description:
      'Runs of all experiments, page by page; those of the newest experiment first unless ordered otherwise.',
    complexity: pageCost,
  })
  async runs(
    @Ctx() { services }: ApiContext,
    @Info() info: GraphQLResolveInfo,
    @Arg('filter', () => RunFilterInput, { nullable: true, description: 'Which; all when left out.' })
    filter: RunFilterInput | null,
    @Arg('orderBy', () => [RunOrderInput], { nullable: true, description: 'In which order.' })
    orderBy: RunOrderInput[] | null,
    @Arg('first', () => Int, { defaultValue: limits.defaultPageSize, description: firstDescription }) first: number,
    @Arg('after', () => String, { nullable: true, description: afterDescription }) after: string | null,
  ) {
    const page = { first, after };
    const found = await searchRuns(services, filter ?? {}, orderBy ?? null, page, columnsOfRuns(info));
    const { edges, hasNextPage, totalCount } = found;
    return connection(
      { edges: edges.map(({ cursor, node }) => ({ cursor, node: runView(node) })), hasNextPage },
      totalCount,
    );
  }

  @FieldResolver(() => [RunParameter], {
    description: 'The hyper-parameters its method reads, resolved, in alphabetical order.',
    complexity: namedCost(40),
  })
  async parameters(
    @Root() { id }: RunType,
    @Ctx() context: ApiContext,
    @Arg('names', () => [String], { nullable: true, description: 'Only these; all when left out.' })
    names: string[] | null,
  ): Promise<RunParameter[]> {
    return only(await loadersOf(context).run.parameters.load(id), names);
  }

  @FieldResolver(() => [SummaryMetric], {
    description: `Metrics over their whole history, in alphabetical order; at most ${limits.metricsPerRun}: name those you want.`,
    complexity: namedCost(40),
  })
  async metrics(
    @Root() { id }: RunType,
    @Ctx() context: ApiContext,
    @Arg('names', () => [String], { nullable: true, description: 'Only these; all when left out.' })
    names: string[] | null,
  ): Promise<SummaryMetric[]> {
    const rows = await loadersOf(context).run.metrics.load({ runId: id, names: names ?? null });
    return rows.map(metricView);
  }

  @FieldResolver(() => Int, {
    nullable: true,
    description:
      'Where it is STOPPED: the epoch at which successive halving judged it last, and up to which it counts.',
  })
  async stoppedAtEpoch(@Root() { id, state }: RunType, @Ctx() context: ApiContext): Promise<number | null> {
    return state === 'STOPPED' ? loadersOf(context).run.stoppedEpochs.load(id) : null;
  }

  @FieldResolver(() => [Attempt], { description: 'Its attempts, the first first.', complexity: listCost(3) })
  async attempts(@Root() { id }: RunType, @Ctx() context: ApiContext): Promise<Attempt[]> {
    return (await loadersOf(context).run.attempts.load(id)).map(attemptView);
  }

  @FieldResolver(() => Provenance, {
    nullable: true,
    description: 'What its result was made from; null before it has one.',
    // Some objects are read for each.
    complexity: 20,
  })
  async provenance(@Root() { id, state }: RunType, @Ctx() { services }: ApiContext): Promise<Provenance | null> {
    return findProvenance(services, id, state === 'SUCCEEDED');
  }
}
