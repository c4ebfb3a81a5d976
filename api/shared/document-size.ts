import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';

export interface DocumentSize {
  operations: number;
  fragments: number;
  /** Selections of all operations and fragments, those of a fragment counted wherever it is spread. */
  selections: number;
  /**
   * Pairs of selections that answer under one name in one place, all levels together: what the rule "overlapping fields
   * can be merged" compares. A pair weighs by the length of its arguments, which are compared as text.
   */
  repeatedFields: number;
  /** The most arguments of a field or directive, or variables of an operation. */
  arguments: number;
  /** Nested fields of the deepest operation, without introspection, which has limits of its own in graphql-js. */
  depth: number;
  /** Fields under another name, in the text. */
  aliases: number;
  /** Fields of the largest operation at its top. */
  rootFields: number;
  /** Whether a fragment spreads itself, directly or through others; the other figures are then too small. */
  circular: boolean;
}

interface SetSize {
  selections: number;
  depth: number;
  topFields: number;
}

const nothing: SetSize = { selections: 0, depth: 0, topFields: 0 };
/** Characters of arguments that weigh as much as a pair of fields without any. */
const lengthOfWeight = 20;

/**
 * Measures a document in a time that is linear in its text: what a selection set comes to is computed once, however
 * often it is spread, and nothing is written out that has more selections or fragments than `allowed`.
 */
export function measureDocument(
  { definitions }: DocumentNode,
  allowed: { selections: number; fragments: number },
): DocumentSize {
  const operations = definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  const fragments = definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
  const counts = { operations: operations.length, fragments: fragments.length };
  if (fragments.length > allowed.fragments)
    return {
      ...counts,
      selections: 0,
      repeatedFields: 0,
      arguments: 0,
      depth: 0,
      aliases: 0,
      rootFields: 0,
      circular: false,
    };
  const byName = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  const sets = createSetSizes(byName);
  const mostArguments = Math.max(0, ...operations.map(({ variableDefinitions }) => variableDefinitions?.length ?? 0));
  const sizes = operations.map(({ selectionSet }) => sets.sizeOf(selectionSet));
  const all = [...sizes, ...fragments.map(({ selectionSet }) => sets.sizeOf(selectionSet))];
  const selections = all.reduce((sum, size) => sum + size.selections, 0);
  const roots = [...operations, ...fragments].map(({ selectionSet }) => selectionSet);
  const tooLarge = sets.circular() || selections > allowed.selections;
  return {
    ...counts,
    selections,
    repeatedFields: tooLarge ? 0 : roots.reduce((sum, root) => sum + repeatedFieldsOf([root], byName), 0),
    circular: sets.circular(),
    arguments: Math.max(mostArguments, sets.mostArguments()),
    depth: Math.max(0, ...sizes.map(({ depth }) => depth)),
    aliases: sets.aliases(),
    rootFields: Math.max(0, ...sizes.map(({ topFields }) => topFields)),
  };
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** The selection set of a fragment that is spread or written inline. */
const innerSet = (selection: Exclude<SelectionNode, FieldNode>, fragments: Fragments): SelectionSetNode | undefined =>
  selection.kind === Kind.INLINE_FRAGMENT ? selection.selectionSet : fragments.get(selection.name.value)?.selectionSet;

function createSetSizes(fragments: Fragments) {
  const known = new Map<SelectionSetNode, SetSize>();
  const underway = new Set<SelectionSetNode>();
  let [aliases, mostArguments, circular] = [0, 0, false];
  const sizeOf = (set: SelectionSetNode | undefined): SetSize => {
    if (set === undefined) return nothing;
    if (underway.has(set)) circular = true;
    const before = underway.has(set) ? nothing : known.get(set);
    if (before !== undefined) return before;
    underway.add(set);
    const size = { ...nothing };
    for (const selection of set.selections) {
      const isField = selection.kind === Kind.FIELD;
      if (isField && selection.alias !== undefined) aliases += 1;
      for (const node of [selection, ...(selection.directives ?? [])])
        if ('arguments' in node) mostArguments = Math.max(mostArguments, node.arguments?.length ?? 0);
      const inner = sizeOf(isField ? selection.selectionSet : innerSet(selection, fragments));
      const isIntrospection = isField && selection.name.value.startsWith('__');
      size.selections += 1 + inner.selections;
      size.topFields += isField ? 1 : inner.topFields;
      if (!isIntrospection) size.depth = Math.max(size.depth, inner.depth + (isField ? 1 : 0));
    }
    underway.delete(set);
    known.set(set, size);
    return size;
  };
  return { sizeOf, aliases: () => aliases, mostArguments: () => mostArguments, circular: () => circular };
}

/** Of selection sets that are merged into one answer. */
function repeatedFieldsOf(merged: readonly SelectionSetNode[], fragments: Fragments): number {
  const byName = new Map<string, FieldNode[]>();
  const collect = (set: SelectionSetNode): void => {
    for (const selection of set.selections)
      if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value;
        const fields = byName.get(name);
        if (fields === undefined) byName.set(name, [selection]);
        else fields.push(selection);
      } else {
        const inner = innerSet(selection, fragments);
        if (inner !== undefined) collect(inner);
      }
  };
  for (const set of merged) collect(set);
  let repeated = 0;
  for (const fields of byName.values()) {
    if (fields.length > 1) repeated += pairsOf(fields);
    const inner = fields.flatMap(({ selectionSet }) => selectionSet ?? []);
    if (inner.length > 0) repeated += repeatedFieldsOf(inner, fragments);
  }
  return repeated;
}

function pairsOf(fields: readonly FieldNode[]): number {
  const weight = fields.reduce((sum, field) => sum + 1 + argumentLength(field) / lengthOfWeight, 0);
  return Math.ceil((weight * (fields.length - 1)) / 2);
}

function argumentLength({ arguments: given = [] }: FieldNode): number {
  const [first, last] = [given[0]?.loc, given.at(-1)?.loc];
  return first && last ? last.end - first.start : 0;
}
