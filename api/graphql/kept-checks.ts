import { type DocumentNode, type GraphQLError, type GraphQLSchema, type OperationDefinitionNode, parse } from 'graphql';
import { LRUCache } from 'lru-cache';
import { checkCost, checkText, limits, variableProblems } from '../shared/limits';

/** Characters of texts that are kept; a parsed document takes some thirty times its text. */
const keptCharacters = 2 ** 20;
/** Variables that make a longer text are looked at every time. */
const longestKey = 2_000;
const keysPerOperation = 50;

const keptTexts = <Value extends object>() =>
  new LRUCache<string, Value>({ maxSize: keptCharacters, sizeCalculation: (_value, text) => text.length + 1 });

const withinLimits = keptTexts<{ checked: true }>();
const documents = keptTexts<DocumentNode>();
const outcomes = new WeakMap<OperationDefinitionNode, LRUCache<string, GraphQLError[]>>();

/** As `checkText`; a text that passed is not looked at again. */
export function checkTextOnce(text: string): GraphQLError[] {
  if (withinLimits.has(text)) return [];
  const problems = checkText(text);
  if (problems.length === 0) withinLimits.set(text, { checked: true });
  return problems;
}

/** Parses a text once: the same text is the same document. For a text that passed `checkText`. */
export function parseOnce(text: string): DocumentNode {
  let document = documents.get(text);
  if (document === undefined) {
    document = parse(text, { maxTokens: limits.tokens });
    documents.set(text, document);
  }
  return document;
}

/** As `checkCost`; its outcome is kept with the operation for the same variables. */
export function checkCostOnce(
  schema: GraphQLSchema,
  document: DocumentNode,
  variables: Record<string, unknown>,
  operation: OperationDefinitionNode,
): GraphQLError[] {
  const takesVariables = (operation.variableDefinitions ?? []).length > 0;
  // Also bounds how deep JSON.stringify goes.
  const problems = variableProblems(variables);
  if (problems.length > 0) return problems;
  const key = takesVariables ? JSON.stringify(variables) : '';
  if (key.length > longestKey) return checkCost(schema, document, variables, operation);
  let kept = outcomes.get(operation);
  if (kept === undefined) {
    kept = new LRUCache({ max: keysPerOperation });
    outcomes.set(operation, kept);
  }
  let outcome = kept.get(key);
  if (outcome === undefined) {
    outcome = checkCost(schema, document, variables, operation);
    kept.set(key, outcome);
  }
  return outcome;
}
