import { Arg, Ctx, Field, FieldResolver, Float, ID, Int, ObjectType, Query, Resolver, Root } from 'type-graphql';
import type { ApiContext } from '../../context/context';
import { type MetricSeries as MetricSeriesData, metricHistory } from '../../metrics/metric-history.service';
import type { SeriesPoint } from '../../metrics/series';
import { breathe } from '../../shared/breathe';
import { limits } from '../../shared/limits';

@ObjectType({ simpleResolvers: true, description: 'One value of a metric.' })
export class MetricPoint implements SeriesPoint {
  @Field(() => Int, { description: 'Steps done, over all epochs.' })
  step: number;

  @Field(() => Int, { description: 'Epoch it was logged in.' })
  epoch: number;

  @Field(() => Float, { description: 'Wall clock of the run up to here, over all attempts.' })
  elapsedSeconds: number;

  @Field(() => Float, { nullable: true, description: 'The value; null where it is not a number, or infinite.' })
  value: number | null;
}

@ObjectType({ simpleResolvers: true, description: 'One metric of one run over its stitched history.' })
export class MetricSeries implements MetricSeriesData {
  @Field(() => ID, { description: 'The run.' })
  runId: string;

  @Field(() => String, { description: 'Name of the metric.' })
  name: string;

  points: SeriesPoint[];

  @Field(() => Int, { description: 'Values there are; with `exact`, behind `afterStep`.' })
  totalPoints: number;

  @Field(() => Boolean, {
    description:
      'Whether values were left out. The first, last, smallest and largest of the whole, and of each part of it, are always there (M4).',
  })
  downsampled: boolean;

  @Field(() => Int, { nullable: true, description: 'With `exact`: `afterStep` of the next page; null on the last.' })
  nextAfterStep: number | null;

  @Field(() => [String], {
    description:
      'Damaged objects of the run that its history was to be read from, each with its key and what to do. Values that are in nothing else are left out.',
  })
  damage: string[];
}

const lengthOf = (list: unknown): number => (Array.isArray(list) ? list.length : 1);

/** Fields of points that cost as much as one field of a record: they come side by side from one file. */
const pointFieldsOfCost = 30;

/** A run costs the reading of its file, a series its points. */
const historyCost = ({ args, childComplexity }: { args: Record<string, unknown>; childComplexity: number }): number => {
  const series = lengthOf(args.runIds) * lengthOf(args.names);
  const points = series * Math.max(1, Number(args.maxPoints));
  return 10 * lengthOf(args.runIds) + Math.ceil((points * childComplexity) / pointFieldsOfCost);
};

@Resolver(() => MetricSeries)
export class MetricHistoryResolver {
  @Query(() => [MetricSeries], {
    description: 'Histories of metrics: runs in the order given, names within. The same query gives the same points.',
    complexity: historyCost,
  })
  metricHistory(
    @Ctx() { services }: ApiContext,
    @Arg('runIds', () => [ID], { description: 'Which runs.' }) runIds: string[],
    @Arg('names', () => [String], { description: 'Which metrics, such as `train/loss` and `test/accuracy`.' })
    names: string[],
    @Arg('maxPoints', () => Int, {
      defaultValue: 500,
      description: `Points of a series, at most ${limits.historyPoints}; longer ones are down-sampled.`,
    })
    maxPoints: number,
    @Arg('exact', () => Boolean, {
      defaultValue: false,
      description: 'Every value, `maxPoints` at a time, instead of a down-sampled whole.',
    })
    exact: boolean,
    @Arg('afterStep', () => Int, { nullable: true, description: 'With `exact`: only values behind this step.' })
    afterStep: number | null,
  ): Promise<MetricSeriesData[]> {
    return metricHistory(services, { runIds, names, maxPoints, exact, afterStep });
  }

  /** graphql-js goes through a whole list of points at once: others are answered between two series. */
  @FieldResolver(() => [MetricPoint], {
    description: 'The values, in the order of their steps; none where it logged none.',
  })
  async points(@Root() { points }: MetricSeriesData): Promise<SeriesPoint[]> {
    await breathe();
    return points;
  }
}
