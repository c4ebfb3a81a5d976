import type { Template } from 'aws-cdk-lib/assertions';

// biome-ignore lint/suspicious/noExplicitAny: resources of a template as CloudFormation writes them
export type Resource = { Type: string; Properties: any; DependsOn?: string[]; [key: string]: any };

/** A statement of an IAM or resource policy, its texts resolved. */
export interface Statement {
  effect: string;
  actions: string[];
  resources: string[];
  /** `service:cloudwatch.amazonaws.com`, `aws:*`. */
  principals: string[];
  conditions: unknown;
}

export const resourcesOf = (template: Template, type: string): [string, Resource][] =>
  Object.entries(template.findResources(type)) as never;

/** A value of a template as one text: `<Id>` and `<Id.Attribute>` stand for what only a deploy knows. */
export function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, given]] = Object.entries(value) as [[string, unknown]];
  switch (name) {
    case 'Ref':
      return `<${given}>`;
    case 'Fn::GetAtt':
      return `<${(given as string[]).join('.')}>`;
    case 'Fn::Join': {
      const [separator, parts] = given as [string, unknown[]];
      return parts.map(textOf).join(separator);
    }
    case 'Fn::Sub':
      return String(given);
    default:
      return JSON.stringify(value);
  }
}

export function statementsOf({ Statement }: { Statement: Record<string, unknown>[] }): Statement[] {
  const list = (value: unknown) => (value === undefined ? [] : [value].flat()).map(textOf);
  return Statement.map(({ Effect, Action, Resource: resources, Principal = {}, Condition }) => ({
    effect: String(Effect),
    actions: list(Action),
    resources: list(resources),
    principals:
      typeof Principal === 'string'
        ? [Principal]
        : Object.entries(Principal as object).flatMap(([kind, who]) =>
            list(who).map((each) => `${kind.toLowerCase()}:${each}`),
          ),
    conditions: Condition,
  }));
}

/** What the policies of a role say. @param role its logical id */
export const permissionsOf = (template: Template, role: string): Statement[] =>
  resourcesOf(template, 'AWS::IAM::Policy')
    .filter(([, { Properties }]) => Properties.Roles.some(({ Ref }: { Ref: string }) => Ref === role))
    .flatMap(([, { Properties }]) => statementsOf(Properties.PolicyDocument));

/** Whether a pattern of IAM, with `*` and `?`, takes in a text. */
export const matches = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
    's',
  ).test(text);

/** Without the hashes that CDK puts behind logical ids and assets. */
const withoutHashes = (text: string): string =>
  text
    .replace(/[0-9a-f]{64}/g, '<hash>')
    .replace(/CurrentVersion[0-9A-F]{8}[0-9a-f]{32}/g, 'CurrentVersion')
    .replace(/([A-Za-z])[0-9A-F]{8}(?=[^0-9A-Za-z]|$)/g, '$1');

/** A template in short: parameters, the names of its resources, who may do what, and the environment of programs. */
export function summaryOf(template: Template): string {
  const { Parameters = {}, Resources = {}, Outputs = {} } = template.toJSON();
  const all = Object.entries(Resources) as [string, Resource][];
  const policies = all.filter(([, { Properties }]) => Properties?.PolicyDocument !== undefined);
  const environments = all.flatMap(([id, { Type, Properties }]) => {
    if (Type === 'AWS::Lambda::Function') return [[id, Properties.Environment?.Variables ?? {}] as const];
    if (Type !== 'AWS::Batch::JobDefinition') return [];
    const entries = Properties.ContainerProperties.Environment as { Name: string; Value: unknown }[];
    return [[id, Object.fromEntries(entries.map(({ Name, Value }) => [Name, Value]))] as const];
  });
  const section = (title: string, lines: string[]) => [`# ${title}`, ...lines, ''];
  const sorted = (lines: string[]) => [...lines].sort();
  const text = [
    ...section('Parameters', sorted(Object.keys(Parameters))),
    ...section('Outputs', sorted(Object.keys(Outputs))),
    ...section('Resources', sorted(all.map(([id, { Type }]) => `${Type} ${id}`))),
    ...section(
      'Permissions',
      policies.flatMap(([, { Properties }]) => {
        const holders = Properties.Roles ?? Properties.Topics ?? Properties.Queues ?? [Properties.Bucket];
        return [
          holders.map(textOf).join(' '),
          ...statementsOf(Properties.PolicyDocument).map(
            ({ effect, actions, resources, principals, conditions }) =>
              `  ${effect} ${principals.join(' ')} ${actions.join(' ')} on ${resources.join(' ')}${conditions === undefined ? '' : ` if ${JSON.stringify(conditions)}`}`,
          ),
        ];
      }),
    ),
    ...section(
      'Environment',
      environments.flatMap(([id, variables]) => [
        id,
        ...sorted(Object.entries(variables).map(([name, value]) => `  ${name}=${textOf(value)}`)),
      ]),
    ),
  ].join('\n');
  return withoutHashes(text);
}
