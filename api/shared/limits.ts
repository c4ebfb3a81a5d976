import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getVariableValues,
  Lexer,
  type OperationDefinitionNode,
  Source,
  TokenKind,
} from 'graphql';
import { fieldExtensionsEstimator, getComplexity, simpleEstimator } from 'graphql-query-complexity';
import { isWellFormed } from '../../contract/well-formed';
import { measureDocument } from './document-size';

/** A limit on everything a caller can make large. */
export const limits = {
  /** Days for which request ids, the order of changes and the names of Batch jobs are kept. */
  keptDays: 30,
  /** Nested fields of an operation. */
  depth: 12,
  /** Sum over the fields of an operation, lists counted with their page size. */
  cost: 20_000,
  /** Fields that are given another name: without a limit one operation could repeat a costly field. */
  aliases: 50,
  /** Fields directly under query, mutation or subscription. */
  rootFields: 20,
  /** Lexical tokens of a document. */
  tokens: 10_000,
  /** Characters of a document; each error counts them up to its places. */
  documentLength: 50_000,
  /** Lines of a document, for the same reason. */
  documentLines: 2000,
  /** Brackets of a document within each other; the parser calls itself for each. */
  nesting: 60,
  operations: 20,
  fragments: 50,
  /** Fields, inline fragments and spreads of a document, each fragment counted wherever it is spread. */
  selections: 5000,
  /** Arguments of one field or directive, and variables of one operation. */
  arguments: 100,
  /** Pairs of selections of one field in one place, which validation compares; with long arguments they weigh more. */
  repeatedFields: 1000,
  /** Errors that are looked for in a document or in variables. */
  errors: 20,
  /** Values of the variables of an operation, at all levels. */
  variableValues: 20_000,
  /** Levels of the variables of an operation. */
  variableDepth: 60,
  /** A request body; a definition with a large grid has some 20 KB. */
  bodyBytes: 1_000_000,
  pageSize: 200,
  defaultPageSize: 50,
  /** Conditions of one filter, at all levels. */
  filterConditions: 100,
  /** Levels of a filter. The conditions become one expression, of which SQLite takes 1000 levels. */
  filterDepth: 20,
  /** Characters of a text that a filter compares with. SQLite takes patterns of 50,000 bytes. */
  filterTextLength: 2000,
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

const opening = new Set<TokenKind>([TokenKind.PAREN_L, TokenKind.BRACKET_L, TokenKind.BRACE_L]);
const closing = new Set<TokenKind>([TokenKind.PAREN_R, TokenKind.BRACKET_R, TokenKind.BRACE_R]);

/**
 * In what a text is beyond a limit before it is parsed: parsing takes memory by the token, and stack by the level.
 * @throws GraphQLError where the text has a syntax error
 */
export function checkText(text: string): GraphQLError[] {
  const length = exceeded('length', text.length, limits.documentLength, 'send the values as variables');
  if (length !== null) return [length];
  if (!isWellFormed(text)) return [badInput('the text of the operation has a NUL character or half a surrogate pair')];
  const lines = text.split(/\r\n|[\n\r]/).length;
  const tooManyLines = exceeded('number of lines', lines, limits.documentLines, 'send several operations');
  return tooManyLines === null ? tokenProblems(text) : [tooManyLines];
}

function tokenProblems(text: string): GraphQLError[] {
  const lexer = new Lexer(new Source(text));
  let [tokens, level, deepest] = [0, 0, 0];
  for (let token = lexer.advance(); token.kind !== TokenKind.EOF && tokens <= limits.tokens; token = lexer.advance()) {
    tokens += 1;
    if (opening.has(token.kind)) level += 1;
    else if (closing.has(token.kind)) level -= 1;
    deepest = Math.max(deepest, level);
  }
  return [
    exceeded('number of tokens', tokens, limits.tokens, 'send the values as variables'),
    exceeded('nesting', deepest, limits.nesting, 'nest fewer fields and values'),
  ].filter((error) => error !== null);
}

/**
 * In what a parsed document is beyond a limit before it is validated: the time that validation and cost take grows with
 * these figures, some of which grow exponentially in the text where fragments spread each other.
 */
export function checkDocumentSize(document: DocumentNode): GraphQLError[] {
  const size = measureDocument(document, limits);
  const { operations, fragments, selections, repeatedFields, depth, aliases, rootFields } = size;
  if (size.circular)
    return [invalid('a fragment spreads itself, directly or through others: leave out the last spread')];
  return [
    exceeded('number of operations', operations, limits.operations, 'send only the one to execute'),
    exceeded('number of fragments', fragments, limits.fragments, 'leave out what is not spread'),
    exceeded('number of selections', selections, limits.selections, 'ask for fewer fields, spread fewer fragments'),
    exceeded('number of arguments in one place', size.arguments, limits.arguments, 'give each once'),
    exceeded('number of repeated fields', repeatedFields, limits.repeatedFields, 'select each field once'),
    exceeded('depth', depth, limits.depth, 'nest fewer fields'),
    exceeded('aliases', aliases, limits.aliases, 'send several operations'),
    exceeded('root fields', rootFields, limits.rootFields, 'send several operations'),
  ].filter((error) => error !== null);
}

/**
 * What is wrong with the variables of an operation, and whether it costs too much with them. For a valid document that
 * has passed `checkDocumentSize`, and variables that have passed `variableProblems`. `graphql-depth-limit` is not used: it has not been maintained for years, and
 * looks at depth alone.
 */
export function checkCost(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Record<string, unknown>,
  operation: OperationDefinitionNode,
): GraphQLError[] {
  const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables, {
    maxErrors: limits.errors,
  });
  if (errors !== undefined) return errors.map(({ message }) => badInput(message));
  const cost = getComplexity({
    schema,
    query: document,
    variables,
    ...(operation.name ? { operationName: operation.name.value } : {}),
    estimators: [fieldExtensionsEstimator(), simpleEstimator({ defaultComplexity: 1 })],
  });
  return [exceeded('cost', cost, limits.cost, 'ask for a smaller page or fewer fields')].filter((e) => e !== null);
}

const invalid = (message: string) => new GraphQLError(message, { extensions: { code: 'GRAPHQL_VALIDATION_FAILED' } });
const badInput = (message: string) => new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } });

/** Reads them level by level without calling itself: they may be nested as deeply as a body is long. */
export function variableProblems(variables: object): GraphQLError[] {
  let [values, depth] = [0, 0];
  for (let level: object[] = [variables]; level.length > 0 && depth <= limits.variableDepth; depth++) {
    const next: object[] = [];
    for (const parent of level)
      for (const value of Object.values(parent)) {
        values += 1;
        if (typeof value === 'object' && value !== null) next.push(value);
      }
    level = next;
  }
  return [
    exceeded('number of values in its variables', values, limits.variableValues, 'send fewer'),
    exceeded('depth of its variables', depth, limits.variableDepth, 'nest fewer values'),
  ].filter((error) => error !== null);
}

function exceeded(limit: string, found: number, allowed: number, advice: string): GraphQLError | null {
  if (found <= allowed) return null;
  return new GraphQLError(`the operation has a ${limit} of ${found}, allowed are ${allowed}: ${advice}`, {
    extensions: { code: 'LIMIT_EXCEEDED', limit, found, allowed },
  });
}
