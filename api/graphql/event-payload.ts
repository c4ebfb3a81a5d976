import { createHash } from 'node:crypto';
import { type DocumentNode, type ExecutionArgs, execute, Kind, visit } from 'graphql';
import { LRUCache } from 'lru-cache';
import type { ApiContext } from '../context/context';
import { canonicalJson } from '../database/canonical-json';
import { masked, smallEnough } from './operation';

/** The result of an operation for one event, in the JSON that clients get. */
export interface EventPayload {
  json: Buffer;
  /** Whether it may be sent to everybody of the role. Errors may name the viewer. */
  shared: boolean;
}

/** Payloads that are kept for those who are yet to be sent them. */
const keptBytes = 32 * 2 ** 20;

const numbers = new WeakMap<object, number>();
let lastNumber = 0;
const kept = new LRUCache<string, EventPayload>({ maxSize: keptBytes });
const underway = new Map<string, Promise<EventPayload>>();

/**
 * How an operation makes payloads of the events of its subscription. An event, the same object, is executed and
 * serialised once for all operations with the same text, variables and role, wherever they began.
 */
export function payloadsOf(args: ExecutionArgs): (event: object) => Promise<EventPayload> {
  const question = questionOf(args);
  return async (event) => {
    const key = `${numberOf(event)} ${question}`;
    const known = kept.get(key) ?? underway.get(key);
    if (known !== undefined) {
      const payload = await known;
      return payload.shared ? payload : makePayload(args, event);
    }
    const making = makePayload(args, event);
    underway.set(key, making);
    try {
      const payload = await making;
      if (payload.shared) kept.set(key, payload, { size: payload.json.length + key.length });
      return payload;
    } finally {
      underway.delete(key);
    }
  };
}

async function makePayload(args: ExecutionArgs, event: object): Promise<EventPayload> {
  // A context for every event: what one event loaded is stale for the next.
  const contextValue = { ...(args.contextValue as ApiContext) };
  const result = await execute({ ...args, rootValue: event, contextValue });
  return { json: smallEnough(masked(result)), shared: result.errors === undefined };
}

function numberOf(event: object): number {
  let number = numbers.get(event);
  if (number === undefined) {
    lastNumber += 1;
    number = lastNumber;
    numbers.set(event, number);
  }
  return number;
}

/** Names what is asked of every event, and as what role; all but the cursor from which the events come. */
function questionOf({ document, operationName, variableValues, contextValue }: ExecutionArgs): string {
  const { role } = (contextValue as ApiContext).viewer;
  const { [cursorVariable(document) ?? '']: _, ...variables } = variableValues ?? {};
  const text = canonicalJson([document.loc?.source.body ?? null, operationName ?? null, variables, role]);
  return createHash('sha256').update(text).digest('base64');
}

const cursorVariables = new WeakMap<DocumentNode, string | null>();

/** The variable that is `after` of the operation's own field and nothing else; null: there is none. */
function cursorVariable(document: DocumentNode): string | null {
  const known = cursorVariables.get(document);
  if (known !== undefined) return known;
  let found: string | null = null;
  for (const definition of document.definitions)
    if (definition.kind === Kind.OPERATION_DEFINITION)
      for (const field of definition.selectionSet.selections)
        if (field.kind === Kind.FIELD)
          for (const { name, value } of field.arguments ?? [])
            if (name.value === 'after' && value.kind === Kind.VARIABLE) found = value.name.value;
  const used = found === null ? 0 : usesOf(document, found);
  const variable = used === 1 ? found : null;
  cursorVariables.set(document, variable);
  return variable;
}

function usesOf(document: DocumentNode, variable: string): number {
  let uses = 0;
  visit(document, {
    VariableDefinition: () => false,
    Variable({ name }) {
      if (name.value === variable) uses += 1;
    },
  });
  return uses;
}
