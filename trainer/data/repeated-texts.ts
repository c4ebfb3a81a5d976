import type { LabelledTexts } from './dataset';
import type { Splits } from './splits';

interface Texts {
  train: Pick<LabelledTexts, 'texts'>;
  test: Pick<LabelledTexts, 'texts'>;
}

/**
 * A note on dev and test rows with the text of a row that the run trains on, among them those that cleaning made equal: their
 * scores may rest on what was learnt by heart.
 *
 * @param cleaned texts as the models read them
 * @param raw texts as they stand in the files
 */
export function repeatedTextsNotes(cleaned: Texts, raw: Texts, splits: Pick<Splits, 'train' | 'dev'>): string[] {
  const textsOf = ({ texts }: Texts['train'], rows: Iterable<number>) => Array.from(rows, (row) => texts[row]!);
  const known = {
    cleaned: new Set(textsOf(cleaned.train, splits.train)),
    raw: new Set(textsOf(raw.train, splits.train)),
  };
  const rowsOf = { dev: splits.dev, test: cleaned.test.texts.keys() };
  const told = (['dev', 'test'] as const).flatMap((split) => {
    const file = split === 'dev' ? 'train' : 'test';
    const rows = Array.from(rowsOf[split]);
    const equal = rows.filter((row) => known.cleaned.has(cleaned[file].texts[row]!));
    const madeEqual = equal.filter((row) => !known.raw.has(raw[file].texts[row]!));
    return equal.length === 0
      ? []
      : [`${equal.length} of ${rows.length} ${split} rows (${madeEqual.length} of them only after cleaning)`];
  });
  return told.length === 0
    ? []
    : [`${told.join(' and ')} have the text of a train row: their scores may rest on what was learnt by heart`];
}
