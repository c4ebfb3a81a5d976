import { Query, Resolver } from 'type-graphql';
import { listCost } from '../limits';
import { catalogue } from './catalogue';
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
