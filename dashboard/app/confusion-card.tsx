import { useState } from 'preact/hooks';
import { type ConfusionMatrix, confusionOf } from '../../presentation/confusion';
import { countText } from '../../presentation/format';
import { useQuery } from './hooks';
import type { Variant } from './live-runs';
import { Scroll, Select, TroubleNotice } from './parts';
import { metricsOfRuns, most } from './queries';

/** What the runs of a variant took the test rows for at their last evaluation. */
export function ConfusionCard({ variants, version }: { variants: readonly Variant[]; version: number }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const variant = variants.find(({ groupId }) => groupId === chosen) ?? variants.at(-1);
  const ids = variant?.runs.slice(0, most.confusionRuns).map(({ id }) => id) ?? [];
  const { data, trouble } = useQuery(metricsOfRuns, ids.length > 0 ? { ids, first: ids.length } : null, { version });
  const runs = data?.runs.nodes.filter(({ metrics }) => metrics.length > 0) ?? [];
  const cells = runs.flatMap(({ metrics }) => metrics.map(({ name, last }) => ({ name, value: last })));
  const matrix = confusionOf(cells);
  return (
    <section class="card" aria-labelledby="confusion">
      <div class="title">
        <h2 id="confusion">Confusion matrix</h2>
        <Select
          label="Variant"
          value={variant?.groupId ?? ''}
          choices={variants.map(({ groupId, name }) => ({ value: groupId, label: name }))}
          onChange={setChosen}
        />
      </div>
      <TroubleNotice trouble={trouble} />
      {matrix ? (
        <>
          <MatrixTable matrix={matrix} />
          <p class="quiet">Test rows at the last evaluation, summed over {countText(runs.length, 'seed')}.</p>
        </>
      ) : (
        <p class="quiet">No evaluation of the test set yet.</p>
      )}
    </section>
  );
}

function MatrixTable({ matrix: { classes, counts } }: { matrix: ConfusionMatrix }) {
  return (
    <Scroll label="Confusion matrix">
      <table class="confusion">
        <thead>
          <tr>
            <th scope="col">Really ↓ taken for →</th>
            {classes.map((label) => (
              <th key={label} scope="col" class="number">
                {label}
              </th>
            ))}
            <th scope="col" class="number">
              Recall
            </th>
          </tr>
        </thead>
        <tbody>
          {classes.map((actual, row) => {
            const cells = counts[row]!;
            const total = cells.reduce((sum, count) => sum + count, 0);
            return (
              <tr key={actual}>
                <th scope="row">{actual}</th>
                {cells.map((count, column) => {
                  const share = total > 0 ? count / total : 0;
                  const kind = row === column ? 'right' : 'wrong';
                  return (
                    <td
                      key={classes[column]}
                      class={`number ${kind} ${share > 0.6 ? 'full' : ''}`}
                      style={{ '--share': `${Math.round(share * 100)}%` }}
                    >
                      {count.toLocaleString()}
                    </td>
                  );
                })}
                <td class="number">{total > 0 ? `${((100 * cells[row]!) / total).toFixed(1)} %` : '–'}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}
