import { Query, Resolver } from 'type-graphql';
import { type MetricDescription, metricCatalogue } from '../../../contract/metrics';
import { catalogue } from '../../definition/catalogue';
import { listCost } from '../../shared/limits';
import { Metric } from '../metrics/metric.type';
import { Method } from './method.type';

@Resolver()
export class MethodResolver {
  @Query(() => [Method], {
    description: 'The catalogue: every method, its hyper-parameters and their defaults.',
    complexity: listCost(),
  })
  methods(): Method[] {
    return catalogue;
  }

  @Query(() => [Metric], {
    description: 'Every metric a run may log, with its unit and direction.',
    complexity: listCost(),
  })
  metrics(): readonly MetricDescription[] {
    return metricCatalogue;
  }
}
