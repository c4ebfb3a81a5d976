import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  Kind,
  type SelectionSetNode,
  visit,
} from 'graphql';
import { fieldExtensionsEstimator, getComplexity, simpleEstimator } from 'graphql-query-complexity';

/** A limit on everything a caller can make large. */
export const limits = {
  /** Nested fields of an operation. */
  depth: 12,
  /** Sum over the fields of an operation, lists counted with their page size. */
  cost: 20_000,
  /** Fields that are given another name: without a limit one operation could repeat a costly field. */
  aliases: 50,
  /** Fields directly under query, mutation or subscription. */
  rootFields: 20,
  /** Lexical tokens of a document: stops parsing early (`maxTokens` of graphql-js). */
  tokens: 10_000,
  /** A request body; a definition with a large grid has some 20 KB. */
  bodyBytes: 1_000_000,
  pageSize: 200,
  defaultPageSize: 50,
  /** Conditions of one filter, at all levels. */
  filterConditions: 100,
  /** Values of one `in` or `notIn`. */
  listValues: 500,
  /** Values of all conditions of one filter: SQLite takes 32,766 in a statement. */
  filterValues: 5000,
  /** Runs an experiment may have. */
  runsPerExperiment: 1000,
  /** Specs of all runs of an experiment: they are stored in one transaction, which Aurora DSQL limits to 10 MiB. */
  specBytesPerExperiment: 6_000_000,
  /** Metrics of one run that are given out without their names being asked for. */
  metricsPerRun: 500,
  /** Series (runs x names) of one metricHistory. */
  historySeries: 200,
  /** Points of one series. */
  historyPoints: 10_000,
  /** Points of all series of one metricHistory together. */
  historyValues: 100_000,
  /** Runs of one comparison. */
  comparedRuns: 5000,
  comparedExperiments: 20,
  /** Pairs of groups tested in one comparison: all pairs of 32 groups. */
  comparedPairs: 500,
  /** Rows of a split that are resampled: 75 MB of draws. */
  resampledRows: 100_000,
  /** Rows of a page of an export. */
  exportRows: 10_000,
  /** Bytes of a page of an export: AWS Lambda answers with 6 MB at most, JSON's own quotes included. */
  exportBytes: 2_000_000,
  /** Metrics that are named for an export. */
  exportMetrics: 200,
} as const;

/** A list without a page has about this many entries; used for the cost alone. */
const typicalListLength = 10;

/** Cost of a field that returns a list: its entries times what is asked of each. */
export const listCost =
  (length = typicalListLength) =>
  ({ childComplexity }: { childComplexity: number }): number =>
    1 + length * childComplexity;

/** Cost of a list that `names` can narrow: one entry a name. */
export const namedCost =
  (length: number) =>
  ({ args, childComplexity }: { args: Record<string, unknown>; childComplexity: number }): number =>
    1 + (Array.isArray(args.names) ? args.names.length : length) * childComplexity;

/** Cost of a field with a page: `first` times what is asked of each. */
export const pageCost = ({ args, childComplexity }: { args: Record<string, unknown>; childComplexity: number }) =>
  1 + (typeof args.first === 'number' ? Math.max(args.first, 1) : limits.defaultPageSize) * childComplexity;

/**
 * Everything in which a validated operation is beyond a limit. To be called between validation and execution, on
 * every transport. `graphql-depth-limit` is not used: it has not been maintained for years, and looks at depth alone.
 */
export function checkLimits(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Record<string, unknown>,
  operationName?: string | null,
): GraphQLError[] {
  const shape = shapeOf(document);
  const cost = getComplexity({
    schema,
    query: document,
    variables,
    ...(operationName ? { operationName } : {}),
    estimators: [fieldExtensionsEstimator(), simpleEstimator({ defaultComplexity: 1 })],
  });
  return [
    exceeded('depth', shape.depth, limits.depth, 'nest fewer fields'),
    exceeded('aliases', shape.aliases, limits.aliases, 'send several operations'),
    exceeded('root fields', shape.rootFields, limits.rootFields, 'send several operations'),
    exceeded('cost', cost, limits.cost, 'ask for a smaller page or fewer fields'),
  ].filter((error) => error !== null);
}

function exceeded(what: string, found: number, allowed: number, advice: string): GraphQLError | null {
  if (found <= allowed) return null;
  return new GraphQLError(`the operation has a ${what} of ${found}, allowed are ${allowed}: ${advice}`, {
    extensions: { code: 'LIMIT_EXCEEDED', limit: what, found, allowed },
  });
}

/** Depth, aliases and root fields, fragments followed; introspection has limits of its own in graphql-js. */
function shapeOf(document: DocumentNode): { depth: number; aliases: number; rootFields: number } {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);

  const depths = new Map<SelectionSetNode, number>();
  const depthOf = (set: SelectionSetNode | undefined): number => {
    if (set === undefined) return 0;
    const known = depths.get(set);
    if (known !== undefined) return known;
    const depth = set.selections.reduce((deepest, selection) => {
      if (selection.kind === Kind.FIELD)
        return selection.name.value.startsWith('__') ? deepest : Math.max(deepest, 1 + depthOf(selection.selectionSet));
      const inner =
        selection.kind === Kind.INLINE_FRAGMENT
          ? selection.selectionSet
          : fragments.get(selection.name.value)?.selectionSet;
      return Math.max(deepest, depthOf(inner));
    }, 0);
    depths.set(set, depth);
    return depth;
  };

  const rootFieldsOf = (set: SelectionSetNode | undefined): number =>
    (set?.selections ?? []).reduce((count, selection) => {
      if (selection.kind === Kind.FIELD) return count + 1;
      const inner =
        selection.kind === Kind.INLINE_FRAGMENT
          ? selection.selectionSet
          : fragments.get(selection.name.value)?.selectionSet;
      return count + rootFieldsOf(inner);
    }, 0);

  let aliases = 0;
  visit(document, {
    Field: (field) => {
      if (field.alias !== undefined) aliases += 1;
    },
  });
  const operations = document.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  return {
    depth: Math.max(0, ...operations.map((operation) => depthOf(operation.selectionSet))),
    aliases,
    rootFields: Math.max(0, ...operations.map((operation) => rootFieldsOf(operation.selectionSet))),
  };
}
