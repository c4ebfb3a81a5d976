import { Ctx, Query, Resolver } from 'type-graphql';
import type { ApiContext } from '../../context/context';
import { ServiceType } from './service.type';

/** One machine answers subscriptions at the address of the API, under whatever name a client reaches it. */
const ownAddress = '/graphql';

@Resolver()
export class ServiceResolver {
  @Query(() => ServiceType, { description: 'How clients reach this service.' })
  service(@Ctx() { services }: ApiContext): ServiceType {
    return { subscriptionsUrl: services.subscriptionsUrl ?? ownAddress };
  }
}
