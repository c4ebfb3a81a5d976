import { GraphQLSafeInt } from 'graphql-scalars';
import { type ClassType, Field, ObjectType, registerEnumType } from 'type-graphql';
import { limits } from '../../shared/limits';

export enum OrderDirection {
  ASC = 'ASC',
  DESC = 'DESC',
}
registerEnumType(OrderDirection, {
  name: 'OrderDirection',
  description: 'Which way an order runs.',
  valuesConfig: { ASC: { description: 'Smallest first.' }, DESC: { description: 'Largest first.' } },
});

export enum NullsPlace {
  FIRST = 'FIRST',
  LAST = 'LAST',
}
registerEnumType(NullsPlace, {
  name: 'NullsPlace',
  description: 'Where those without a value stand in an order.',
  valuesConfig: { FIRST: { description: 'Before all others.' }, LAST: { description: 'Behind all others.' } },
});

@ObjectType({ simpleResolvers: true, description: 'Where a page lies in its list.' })
export class PageInfo {
  @Field(() => Boolean, { description: 'Whether there is more behind this page.' })
  hasNextPage: boolean;

  @Field(() => String, { nullable: true, description: 'Cursor of the first entry; null on an empty page.' })
  startCursor: string | null;

  @Field(() => String, { nullable: true, description: 'Cursor of the last entry: `after` of the next page.' })
  endCursor: string | null;
}

export const firstDescription = `Entries of a page, at most ${limits.pageSize}.`;
export const afterDescription = 'Cursor behind which the page begins; must come from the same order.';

/** Page, edge and count types around a node, as in the Relay connection specification. */
export function connectionTypes<Node extends object>(name: string, nodeType: () => ClassType<Node>) {
  @ObjectType(`${name}Edge`, { simpleResolvers: true, description: `One entry of a page of ${name.toLowerCase()}s.` })
  class EdgeClass {
    @Field(() => String, { description: 'Place of this entry in its order.' })
    cursor: string;

    @Field(nodeType, { description: 'The entry.' })
    node: Node;
  }

  @ObjectType(`${name}Connection`, { simpleResolvers: true, description: `A page of ${name.toLowerCase()}s.` })
  class ConnectionClass {
    // The cost of a page is counted at the field that takes `first`.
    @Field(() => [EdgeClass], { description: 'The entries with their cursors.' })
    edges: EdgeClass[];

    @Field(() => [nodeType()], { description: 'The entries alone.' })
    nodes: Node[];

    @Field(() => PageInfo, { description: 'Where the page lies in its list.' })
    pageInfo: PageInfo;

    countAll: () => Promise<number>;

    @Field(() => GraphQLSafeInt, { description: 'Entries on all pages.' })
    totalCount(): Promise<number> {
      return this.countAll();
    }
  }
  return ConnectionClass;
}

/** A connection from the edges of a page; the total is counted only where it is asked for. */
export function connection<Node>(
  { edges, hasNextPage }: { edges: { cursor: string; node: Node }[]; hasNextPage: boolean },
  countAll: () => Promise<number>,
) {
  return {
    edges,
    nodes: edges.map(({ node }) => node),
    pageInfo: { hasNextPage, startCursor: edges[0]?.cursor ?? null, endCursor: edges.at(-1)?.cursor ?? null },
    countAll,
  };
}
