import { type FieldNode, type GraphQLResolveInfo, Kind, type SelectionSetNode } from 'graphql';

/**
 * Names of the fields that an operation selects along a path below the field that is resolved, fragments followed; also
 * those that a directive leaves out.
 * @param path names of fields, such as `['edges', 'node']`
 */
export function selectedFields(info: GraphQLResolveInfo, path: readonly string[]): Set<string> {
  let fields: readonly FieldNode[] = info.fieldNodes;
  for (const step of path) fields = fieldsBelow(fields, info).filter(({ name }) => name.value === step);
  return new Set(fieldsBelow(fields, info).map(({ name }) => name.value));
}

/** Every selection set is gone through once, however often fragments name it. */
function fieldsBelow(parents: readonly FieldNode[], { fragments }: GraphQLResolveInfo): FieldNode[] {
  const sets = new Set<SelectionSetNode>(parents.flatMap(({ selectionSet }) => selectionSet ?? []));
  const fields: FieldNode[] = [];
  // A set grows while it is gone through.
  for (const { selections } of sets)
    for (const selection of selections) {
      if (selection.kind === Kind.FIELD) fields.push(selection);
      else if (selection.kind === Kind.INLINE_FRAGMENT) sets.add(selection.selectionSet);
      else sets.add(fragments[selection.name.value]!.selectionSet);
    }
  return fields;
}
