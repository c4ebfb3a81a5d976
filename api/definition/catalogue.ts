import { z } from 'zod';
import { type MethodName, methodNames, methods } from '../../contract/methods';
import { type ParameterName, parametersSchema } from '../../contract/parameters';

/** Description and range of every hyper-parameter, the range as JSON Schema. */
const allowedValues = Object.fromEntries(
  Object.entries(parametersSchema.shape).map(([name, schema]) => {
    const { $schema: _, default: __, description = '', ...allowed } = z.toJSONSchema(schema, { io: 'input' });
    return [name, { description, allowed }];
  }),
) as unknown as Record<ParameterName, { description: string; allowed: Record<string, unknown> }>;

/** A method as a client sees it: the contract's entry with each hyper-parameter's range and default beside it. */
export const catalogue = methodNames.map((methodName) => {
  const { defaults, parameters, ...method } = methods[methodName];
  const resolved: Record<string, unknown> = parametersSchema.parse(defaults);
  return {
    ...method,
    needsTeacher: method.needs.teacher !== 'none',
    parameters: parameters.map((name) => ({ ...allowedValues[name], name, default: resolved[name] })),
  };
});

export function isMethod(name: string): name is MethodName {
  return (methodNames as readonly string[]).includes(name);
}

/** Whether a variant of this method reads a hyper-parameter; false for names that do not exist. */
export function reads(method: string, parameter: string): boolean {
  return isMethod(method) && (methods[method].parameters as readonly string[]).includes(parameter);
}
