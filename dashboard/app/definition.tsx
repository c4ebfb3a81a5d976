import { countText } from '../../presentation/format';
import { useQuery } from './hooks';
import type { Variant } from './live-runs';
import { Fact, Scroll, TroubleNotice } from './parts';
import { type Definition, most, parametersOfRuns, type VariantModel } from './queries';

/** What was compared: data, teacher, seeds, and the hyper-parameters in which variants differ. */
export function DefinitionCard({ definition, variants }: { definition: Definition; variants: readonly Variant[] }) {
  const { data, teacher, vectors, seeds, execution } = definition;
  return (
    <section class="card" aria-labelledby="definition">
      <h2 id="definition">Definition</h2>
      <dl class="facts">
        <Fact name="Train rows from">{data.train}</Fact>
        <Fact name="Test rows from">{data.test}</Fact>
        {data.classes && <Fact name="Classes">{data.classes.join(', ')}</Fact>}
        <Fact name="Teacher">{teacherText(teacher)}</Fact>
        <Fact name="Word vectors">{vectors ?? 'random'}</Fact>
        {ownModels(definition).map(({ name, text }) => (
          <Fact key={name} name={name}>
            {text}
          </Fact>
        ))}
        <Fact name="Seeds">{seeds.join(', ')}</Fact>
        {Object.keys(execution).length > 0 && <Fact name="Execution">{valuesText(execution)}</Fact>}
      </dl>
      <ParametersOfVariants variants={variants} />
    </section>
  );
}

const valuesText = (values: Record<string, unknown>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');

/** Models that variants name themselves, such as the stages of a pipeline: "kd, then prune" begins with the student of kd. */
const ownModels = ({ variants }: Definition): { name: string; text: string }[] =>
  variants.flatMap((variant) =>
    (['teacher', 'student'] as const).flatMap((role) => {
      const model = variant[role];
      return model === undefined ? [] : [{ name: `${role} of ${variant.name}`, text: modelText(model) }];
    }),
  );

const modelText = ({ variant, run, folder, random }: VariantModel): string =>
  (variant && `the model of ${variant}`) ??
  (run && `run ${run}`) ??
  folder ??
  `random weights: ${valuesText(random ?? {})}`;

function teacherText(teacher: Definition['teacher']): string {
  if (teacher === null) return 'none';
  const { folder, random, run, labels, finetune } = teacher;
  const source =
    folder ??
    (random && `random weights: ${valuesText(random)}`) ??
    (run && `run ${run}`) ??
    (labels && `what ${labels.location} says`) ??
    '';
  return finetune ? `${source}; fine-tuned first (${finetune.method}, seed ${finetune.seed})` : source;
}

/** Parameters by name, each with its value in every variant; null where the method does not read it. */
function ParametersOfVariants({ variants }: { variants: readonly Variant[] }) {
  const some = variants.slice(0, most.variants);
  const ids = some.map(({ runs }) => runs[0]!.id);
  const { data, trouble } = useQuery(parametersOfRuns, ids.length > 0 ? { ids, first: ids.length } : null);
  const byRun = new Map(
    data?.runs.nodes.map(({ id, parameters }) => [id, new Map(parameters.map((p) => [p.name, p.text]))]),
  );
  const names = [...new Set([...byRun.values()].flatMap((parameters) => [...parameters.keys()]))].sort();
  const valuesOf = (name: string) => new Set([...byRun.values()].flatMap((parameters) => parameters.get(name) ?? []));
  const differing = names.filter((name) => valuesOf(name).size > 1);
  const same = names.filter((name) => valuesOf(name).size === 1);
  return (
    <>
      <TroubleNotice trouble={trouble} />
      <h3>Where variants differ</h3>
      <Scroll label="Hyper-parameters that differ">
        <table>
          <thead>
            <tr>
              <th scope="col">Variant</th>
              <th scope="col">method</th>
              {differing.map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {some.map(({ groupId, name, method, runs }) => (
              <tr key={groupId}>
                <th scope="row">{name}</th>
                <td>{method}</td>
                {differing.map((parameter) => (
                  <td key={parameter}>{byRun.get(runs[0]!.id)?.get(parameter) ?? <span class="quiet">–</span>}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <details>
        <summary>{countText(same.length, 'hyper-parameter')} alike wherever they are read</summary>
        <dl class="facts small">
          {same.map((name) => (
            <Fact key={name} name={name}>
              {[...valuesOf(name)].join()}
            </Fact>
          ))}
        </dl>
      </details>
    </>
  );
}
