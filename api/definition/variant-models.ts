import { methods } from '../../contract/methods';
import type { Problem, StudentSource, TeacherSource } from '../../contract/run-spec';
import { isMethod } from './catalogue';
import { type ExperimentDefinition, teacherVariant, type VariantDefinition, type VariantModel } from './definition';

export const modelRoles = ['teacher', 'student'] as const;
export type ModelRole = (typeof modelRoles)[number];

const kinds = ['variant', 'run', 'folder', 'random'] as const;

/** The kinds under which a source of a variant's own was given. */
const givenKinds = (model: VariantModel) => kinds.filter((kind) => model[kind] !== undefined);

/** A source that a variant names itself, as it stands in a run spec; null where it is another variant, or not exactly one. */
export function ownSource(model: VariantModel): (TeacherSource & StudentSource) | null {
  if (givenKinds(model).length !== 1) return null;
  if (model.folder !== undefined) return { kind: 'folder', location: model.folder };
  if (model.run !== undefined) return { kind: 'run', runId: model.run };
  // The contract fills in the sizes that are left out.
  return model.random === undefined ? null : ({ kind: 'random', ...model.random } as TeacherSource & StudentSource);
}

/** The variant that a variant takes a model from; null where it takes none, or one that does not exist. */
export function referencedVariant(
  { variants }: ExperimentDefinition,
  variant: VariantDefinition,
  role: ModelRole,
): VariantDefinition | null {
  const name = variant[role]?.variant;
  return variants.find((other) => other.name === name) ?? null;
}

/**
 * A variant and all those whose models it takes, directly or through others.
 * @param variants chains end where they would come back to where they began, which `checkVariantModels` refuses
 */
export function chainOf(definition: ExperimentDefinition, variant: VariantDefinition): VariantDefinition[] {
  const chain = new Set<VariantDefinition>();
  const follow = (member: VariantDefinition) => {
    if (chain.has(member)) return;
    chain.add(member);
    for (const role of modelRoles) {
      const next = referencedVariant(definition, member, role);
      if (next !== null) follow(next);
    }
  };
  follow(variant);
  return [...chain];
}

/** Everything wrong with the models that variants name themselves. */
export function variantModelProblems(definition: ExperimentDefinition): Problem[] {
  return definition.variants.flatMap((variant, place) =>
    modelRoles.flatMap((role) => {
      const model = variant[role];
      const path = `variants.${place}.${role}`;
      return model === undefined
        ? missingModel(variant, role, path)
        : modelProblems(definition, variant, role, model, path);
    }),
  );
}

/** A compression needs the model that it compresses. */
function missingModel({ method }: VariantDefinition, role: ModelRole, path: string): Problem[] {
  return role === 'student' && isMethod(method) && methods[method].kind === 'transform'
    ? [{ path, message: `is missing: ${method} compresses a model; name a variant, a run or a folder` }]
    : [];
}

function modelProblems(
  definition: ExperimentDefinition,
  variant: VariantDefinition,
  role: ModelRole,
  model: VariantModel,
  path: string,
): Problem[] {
  const given = givenKinds(model);
  const problems: Problem[] = [];
  if (given.length !== 1) {
    const what = given.length === 0 ? 'none' : given.join(' and ');
    problems.push({ path, message: `has ${what} of ${kinds.join(', ')}: give exactly one` });
  }
  const { method } = variant;
  if (isMethod(method) && !takes(method, role))
    problems.push({ path, message: `method "${method}" takes no ${role}: leave it out` });
  if (model.variant !== undefined) problems.push(...referenceProblems(definition, variant, role, model.variant, path));
  return problems;
}

const takes = (method: keyof typeof methods, role: ModelRole): boolean =>
  role === 'teacher' ? methods[method].needs.teacher !== 'none' : methods[method].trains === 'student';

function referenceProblems(
  definition: ExperimentDefinition,
  variant: VariantDefinition,
  role: ModelRole,
  name: string,
  variantPath: string,
): Problem[] {
  const path = `${variantPath}.variant`;
  const others = definition.variants.filter((other) => other !== variant).map((other) => other.name);
  const names = definition.teacher?.finetune ? [teacherVariant, ...others] : others;
  if (name === teacherVariant && definition.teacher?.finetune) return [];
  const referenced = referencedVariant(definition, variant, role);
  if (referenced === null)
    return [{ path, message: `there is no variant "${name}"; there are ${names.join(', ') || 'no others'}` }];
  if (chainOf(definition, referenced).includes(variant))
    return [
      {
        path,
        message: `"${name}" takes the model of "${variant.name}" itself, or is it: none of their runs could begin`,
      },
    ];
  return [];
}
