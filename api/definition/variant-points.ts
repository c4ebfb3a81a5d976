import type { MethodName } from '../../contract/methods';
import { isMethod, reads } from './catalogue';
import { type ExperimentDefinition, type GivenParameters, pointLabel, type VariantDefinition } from './definition';
import { drawPoints, randomSearchProblems } from './random-search';
import { chainOf, type ModelRole, modelRoles, ownSource, referencedVariant } from './variant-models';

/** One variant at one point of the search, with the place in the definition that each hyper-parameter came from. */
export interface VariantPoint {
  name: string;
  method: MethodName;
  path: string;
  parameters: GivenParameters;
  sources: Map<string, string>;
  /** Models that the variant names itself; left out: those of the experiment. */
  models: Partial<Record<ModelRole, PointModel>>;
}

/** A model of a point: one with a source of its own, the experiment's own teacher, or the run of another point with the same seed. */
export type PointModel =
  | { kind: 'source'; source: NonNullable<ReturnType<typeof ownSource>> }
  | { kind: 'own-teacher' }
  | { kind: 'point'; point: VariantPoint };

/**
 * Every variant at every point of what varies and it reads, or a variant it takes a model from: the axes of the grid, then the
 * points drawn at random. Its name lists the values, since groups are identified by name.
 */
export function variantPoints(definition: ExperimentDefinition): VariantPoint[] {
  const known = new Map<VariantDefinition, Map<string, VariantPoint>>();
  const pointsOf = (variant: VariantDefinition): Map<string, VariantPoint> => {
    const before = known.get(variant);
    if (before !== undefined) return before;
    const points = new Map<string, VariantPoint>();
    // Before those it refers to: a circle, which is refused elsewhere, meets the points that are not there yet.
    known.set(variant, points);
    const { method } = variant;
    if (!isMethod(method)) return points;
    const start = startOf(definition, variant, method);
    choicesOf(definition, (parameter) => chainReads(definition, variant, parameter)).forEach((choices, number) => {
      points.set(keyOf(choices), {
        ...start,
        name: pointName(variant.name, choices, number),
        parameters: {
          ...start.parameters,
          ...Object.fromEntries(choices.map(({ parameter, value }) => [parameter, value])),
        },
        sources: new Map([...start.sources, ...choices.map(({ parameter, source }) => [parameter, source] as const)]),
        models: modelsAt(variant, choices),
      });
    });
    return points;
  };
  const modelsAt = (variant: VariantDefinition, choices: readonly Choice[]): VariantPoint['models'] =>
    Object.fromEntries(
      modelRoles.flatMap((role) => {
        const model = variant[role] && modelAt(variant, role, choices);
        return model ? [[role, model]] : [];
      }),
    );
  const modelAt = (variant: VariantDefinition, role: ModelRole, choices: readonly Choice[]): PointModel | null => {
    const source = ownSource(variant[role]!);
    if (source !== null) return { kind: 'source', source };
    const referenced = referencedVariant(definition, variant, role);
    if (referenced === null) return variant[role]!.variant === undefined ? null : { kind: 'own-teacher' };
    const read = choices.filter(({ parameter }) => chainReads(definition, referenced, parameter));
    const point = pointsOf(referenced).get(keyOf(read));
    return point === undefined ? null : { kind: 'point', point };
  };
  return definition.variants.flatMap((variant) => [...pointsOf(variant).values()]);
}

/** Whether a variant, or one that it takes a model from, reads a hyper-parameter. */
export const chainReads = (definition: ExperimentDefinition, variant: VariantDefinition, parameter: string): boolean =>
  chainOf(definition, variant).some(({ method }) => reads(method, parameter));

const keyOf = (choices: readonly Choice[]): string =>
  JSON.stringify(choices.map(({ parameter, value }) => [parameter, value]));

/** A variant before anything varies. */
function startOf(definition: ExperimentDefinition, variant: VariantDefinition, method: MethodName): VariantPoint {
  const path = `variants.${definition.variants.indexOf(variant)}`;
  const shared = Object.entries(definition.parameters).filter(([name]) => reads(method, name));
  return {
    name: variant.name,
    method,
    path,
    parameters: { ...Object.fromEntries(shared), ...variant.parameters },
    sources: new Map([
      ...shared.map(([name]) => [name, `parameters.${name}`] as const),
      ...Object.keys(variant.parameters).map((name) => [name, `${path}.parameters.${name}`] as const),
    ]),
    models: {},
  };
}

/** A value that a hyper-parameter takes at a point, and where in the definition it is from. */
interface Choice {
  parameter: string;
  value: unknown;
  source: string;
}

/** All points of the grid and of the random search; one without any choice where none of their hyper-parameters is read. */
function choicesOf({ grid, random }: ExperimentDefinition, isRead: (parameter: string) => boolean): Choice[][] {
  const axes = grid.flatMap(({ parameter, values }, place) =>
    // An axis without values, told of elsewhere, would leave no point on which to check the rest.
    !isRead(parameter) || values.length === 0
      ? []
      : [values.map((value, number): Choice[] => [{ parameter, value, source: `grid.${place}.values.${number}` }])],
  );
  const drawn = drawnChoices(random ?? null, isRead);
  return [...axes, ...(drawn.length > 0 ? [drawn] : [])].reduce<Choice[][]>(
    (points, axis) => points.flatMap((point) => axis.map((choices) => [...point, ...choices])),
    [[]],
  );
}

/** The points of the random search as far as they are read; of those that then are alike only one. */
function drawnChoices(random: ExperimentDefinition['random'], isRead: (parameter: string) => boolean): Choice[][] {
  if (!random || randomSearchProblems(random).length > 0) return [];
  const dimensions = random.space.flatMap(({ parameter }, place) =>
    isRead(parameter) ? [{ parameter, source: `random.space.${place}` }] : [],
  );
  if (dimensions.length === 0) return [];
  const points = drawPoints(random).map((point) =>
    dimensions.map(({ parameter, source }): Choice => ({ parameter, value: point[parameter], source })),
  );
  const texts = points.map((choices) => JSON.stringify(choices));
  return points.filter((_, place) => texts.indexOf(texts[place]!) === place);
}

/** The longest name of a variant that a run takes. */
const nameLimit = 100;

function pointName(variant: string, choices: readonly Choice[], number: number): string {
  if (choices.length === 0) return variant;
  const labels = choices.map(
    ({ parameter, value }) => `${parameter}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const name = pointLabel(variant, labels.join(', '));
  return name.length <= nameLimit ? name : pointLabel(variant, `point ${number + 1}`);
}
