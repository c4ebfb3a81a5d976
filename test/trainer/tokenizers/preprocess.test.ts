import { createHash } from 'node:crypto';
import { loadDataSet } from '../../../trainer/data/dataset';
import { preprocess } from '../../../trainer/tokenizers/preprocess';
import { sourcesIn } from '../../testkit/input-sources';
import { describeWithRealData, realData } from '../../testkit/real-data';

// Worked out by hand from docs/methods.md, "Data and models".
test.each([
  ['$BYND up 1.5% - see https://t.co/x1?a=b now!', '$bynd up 15  see  now!', '$bynd up 1.5% - see  now!'],
  ['  Is it TRUE?\n(yes)  ', 'is it true?\nyes', 'is it true?\n(yes)'],
  ['Größe é', 'gre', 'größe é'],
  ['HTTPS://ALL.GONE', '', ''],
  ['a\tb_c', 'a\tbc', 'a\tb_c'],
])('%j is cleaned as the thesis does, and lightly', (text, thesis, light) => {
  expect(preprocess(text, 'thesis')).toBe(thesis);
  expect(preprocess(text, 'light')).toBe(light);
  expect(preprocess(text, 'none')).toBe(text);
});

describeWithRealData('the Twitter financial news set', () => {
  // SHA-256 over all 11,931 texts joined by line feeds, from preprocess() of the PyTorch reference (common.py, Python 3).
  test.each([
    ['thesis', '0c2b505a42f3360739fa46cad915457ed07be0e98bcd6d5f1895052e76751d9e'],
    ['light', '16038ddca69834db0944b3d0b7a528b3b2742bc6f8efa5502d0d3805d1c2622c'],
    ['none', '7bec6af5c96b990659ad5f9bcd380065e182586a4483f6e2cc789a75e811cdef'],
  ] as const)('comes out of "%s" as out of the PyTorch reference', async (mode, expected) => {
    const set = await loadDataSet(
      {
        train: realData.twitterTrain,
        test: realData.twitterTest,
        textColumn: 'text',
        labelColumn: 'label',
        classes: null,
      },
      sourcesIn(''),
    );
    if (set.kind === 'invalid') throw new Error(JSON.stringify(set.problems));

    const texts = [...set.value.train.texts, ...set.value.test.texts].map((text) => preprocess(text, mode));

    expect(createHash('sha256').update(texts.join('\n')).digest('hex')).toBe(expected);
  });
});
