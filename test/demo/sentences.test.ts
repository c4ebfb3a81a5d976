import { type Label, labels, makeSentences, toCsv } from '../../demo/sentences';

const goodWhenUp = /^(profits|revenue|sales|margins|orders)$/;
const goesUp = /^(rise|rose|climb|climbed|grow|grew|jump|jumped)$/;

/** What a reader makes of a sentence, from its text alone: an oracle that knows nothing of how it was made. */
function readLabel(text: string): Label {
  if (text.endsWith('?') || text.includes('will not say whether')) return 'Neutral';
  const main = text.split(' but ').at(-1)!.split(' although ')[0]!;
  const words = main.split(' ');
  const verb = words.findIndex((word) => /^(r[io]se|climb|gr[eo]w|jump|f[ea]ll|drop|slid|shr[ai]nk)/.test(word));
  const isDenied = /did not|failed to|no longer/.test(main);
  const noun = words[1]!;
  const isGood = (goodWhenUp.test(noun) === goesUp.test(words[verb]!)) !== isDenied;
  return isGood ? 'Bullish' : 'Bearish';
}

test('a label is what the sentence says: negation turns it, and only the main clause counts', () => {
  for (const { text, label } of makeSentences(2000, 0, 7)) expect([text, label]).toEqual([text, readLabel(text)]);
});

test('the same seed gives the same sentences, another seed others', () => {
  expect(makeSentences(50, 0.1, 1)).toEqual(makeSentences(50, 0.1, 1));
  expect(makeSentences(50, 0.1, 1)).not.toEqual(makeSentences(50, 0.1, 2));
});

test('label noise draws that share of the labels anew', () => {
  const noisy = makeSentences(6000, 0.3, 3);
  const wrong = noisy.filter(({ text, label }) => label !== readLabel(text)).length / noisy.length;

  // Of 0.3 that are drawn, a third hit the label they had: 0.2, with a standard error of 0.005.
  expect(Math.abs(wrong - 0.2)).toBeLessThan(0.02);
});

test('single words say little: each movement word stands with both outlooks', () => {
  const sentences = makeSentences(3000, 0, 5);
  for (const word of ['rose', 'fell', 'profits', 'costs', 'not'])
    for (const label of labels.slice(0, 2))
      expect(sentences.some((sentence) => sentence.label === label && sentence.text.split(' ').includes(word))).toBe(
        true,
      );
});

test('the file has a header and one line a sentence', () => {
  const lines = toCsv(makeSentences(3, 0, 1)).split('\n');

  expect(lines[0]).toBe('text,label');
  expect(lines.slice(1, 4).every((line) => /^[^,]+,(Bearish|Bullish|Neutral)$/.test(line))).toBe(true);
  expect(lines[4]).toBe('');
});
