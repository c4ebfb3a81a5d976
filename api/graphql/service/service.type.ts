import { Field, ObjectType } from 'type-graphql';

@ObjectType('Service', { description: 'How clients reach this service.' })
export class ServiceType {
  @Field(() => String, {
    description:
      'Where subscriptions are answered, by the protocol graphql-transport-ws. An address that is not absolute is relative to the one of this API; `http` in it stands for `ws`, and `https` for `wss`.',
  })
  subscriptionsUrl: string;
}
