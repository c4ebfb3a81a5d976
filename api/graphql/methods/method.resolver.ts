import { Query, Resolver } from 'type-graphql';
import { catalogue } from '../../definition/catalogue';
import { listCost } from '../../shared/limits';
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
}
