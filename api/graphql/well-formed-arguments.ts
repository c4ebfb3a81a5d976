import {
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLSchema,
  getNamedType,
  isObjectType,
  isUnionType,
} from 'graphql';
import { illFormedTexts } from '../../contract/well-formed';
import { badArguments, invalidInput } from '../shared/errors';

/**
 * Has every field of a schema refuse arguments with texts that a database would change, before its resolver sees them:
 * as data where its type has a failure for that, else as an error.
 */
export function refuseIllFormedArguments(schema: GraphQLSchema): void {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue;
    for (const field of Object.values(type.getFields())) {
      if (field.args.length === 0) continue;
      if (field.subscribe) field.subscribe = guarded(field, field.subscribe);
      else if (field.resolve) field.resolve = guarded(field, field.resolve);
    }
  }
}

type Resolve = GraphQLFieldResolver<unknown, unknown>;

function guarded(field: GraphQLField<unknown, unknown>, resolve: Resolve): Resolve {
  const type = getNamedType(field.type);
  const failsAsData = isUnionType(type) && type.getTypes().some(({ name }) => name === 'InvalidInput');
  return (source, args, context, info) => {
    // Paths lead into the input, as those of all other problems do.
    const problems = Object.entries(args).flatMap(([name, value]) =>
      illFormedTexts(value, name === 'input' ? '' : name),
    );
    if (problems.length === 0) return resolve(source, args, context, info);
    if (failsAsData) return invalidInput(problems);
    throw badArguments(problems);
  };
}
