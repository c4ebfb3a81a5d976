import * as tf from '@tensorflow/tfjs-core';
import type { ParameterOverrides } from '../../../../contract/parameters';
import { readSafetensors } from '../../../../trainer/checkpoint/safetensors';
import { loraScale } from '../../../../trainer/models/peft/lora';
import { loraSettings, partlyTrained } from '../../../../trainer/models/peft/peft';
import { peftAdapter } from '../../../../trainer/models/peft/peft-adapter';
import { headModules, peftBaseOf } from '../../../../trainer/models/transformer/architecture';
import { bert } from '../../../../trainer/models/transformer/families/bert';
import { loadTransformer } from '../../../../trainer/models/transformer/folder';
import { transformerLogits } from '../../../../trainer/models/transformer/forward';
import { randomStream } from '../../../../trainer/numeric/random';
import type { Weights } from '../../../../trainer/numeric/weights';
import { attemptIn } from '../../../testkit/attempts';
import { useEngine } from '../../../testkit/engines';
import { describeWithPython, runPython } from '../../../testkit/python';
import { describeWithRealData, realData } from '../../../testkit/real-data';
import { largestDifference, redrawn } from '../../../testkit/tensors';
import { useTestFolder } from '../../../testkit/test-folder';
import { tinyRun } from '../../../testkit/tiny-runs';
import { parameters } from '../../../testkit/training';

const folder = useTestFolder();
beforeAll(() => useEngine('portable'));

describeWithRealData('an adapter for MiniLM', () => {
  describeWithPython('in peft', ['torch', 'transformers', 'peft'], () => {
    const sequences = [
      [101, 7592, 2088, 102],
      [101, 3361, 2739, 2003, 2204, 2651, 999, 102],
    ];
    const tokens = { ids: Int32Array.from(sequences.flat()), lengths: Int32Array.from(sequences, (ids) => ids.length) };

    it.each([
      ['lora', {}],
      ['lora', { loraRankStabilised: true, loraLayers: [0, 5] }],
      ['dora', { loraTargets: ['query', 'attention-output', 'intermediate', 'output'] }],
    ] as const)(
      '%s, %j: gives the logits of the teacher it came from',
      async (peft, more) => {
        const settings = parameters({ peft, loraRank: 4, loraAlpha: 6, ...(more as ParameterOverrides) });
        const teacher = await loadTransformer(realData.minilm, ['a', 'b', 'c'], randomStream(0, 'head'));
        if (teacher.kind === 'invalid') throw new Error(JSON.stringify(teacher.problems));
        const { config, weights } = teacher.value;
        const part = partlyTrained(peftBaseOf(config), weights, settings, randomStream(0, 'lora'));
        const learnt: Weights = { ...part.learning, ...redrawn(matricesOf(part.learning), 0.05) };
        const all = { ...part.frozen, ...learnt };
        for (const [name, body] of Object.entries(
          await peftAdapter({ head: headModules, nameInFile: bert.nameInFile }, all, settings, realData.minilm),
        ))
          folder.write(`adapter/${name}`, body);

        const given = { base: realData.minilm, adapter: `${folder.path()}/adapter`, classes: 3, sequences };
        const ofPeft = runPython<number[][]>('peft_logits.py', given).flat();
        const scale = loraScale(loraSettings(settings));
        const logits = tf.tidy(() => transformerLogits(all, config, tokens, { loraScale: scale }).dataSync());
        const plain = tf.tidy(() => transformerLogits(weights, config, tokens).dataSync());
        tf.dispose([weights, learnt]);

        expect(largestDifference(logits, plain)).toBeGreaterThan(0.01);
        expect(largestDifference(logits, ofPeft)).toBeLessThan(2e-5);
      },
      120_000,
    );
  });
});

/** Magnitudes keep their lengths, as training leaves them near where they began. */
const matricesOf = (weights: Weights): Weights =>
  Object.fromEntries(Object.entries(weights).filter(([, { rank }]) => rank === 2));

test.each(['finetune-lora', 'meta-lora'] as const)('%s leaves an adapter of a pre-trained teacher', async (method) => {
  const base = tinyRun(folder.path(), 'finetune', { runId: 'base' });
  await attemptIn(folder.path(), base);
  const teacher = { kind: 'run', runId: 'base' } as const;
  const peft = { peft: 'dora' as const, loraTargets: ['query' as const, 'output' as const] };
  await attemptIn(folder.path(), tinyRun(folder.path(), method, { teacher, parameters: { ...peft } }));

  const store = (file: string) => `${folder.path()}/objects/runs/${method}/model/adapter/${file}`;
  const { readFileSync } = await import('node:fs');
  const config = JSON.parse(readFileSync(store('adapter_config.json'), 'utf8'));
  expect(config).toMatchObject({
    base_model_name_or_path: 'runs/base/model',
    use_dora: true,
    r: 2,
    target_modules: ['bert.encoder.layer.0.attention.self.query', 'bert.encoder.layer.0.output.dense'],
  });
  const file = readSafetensors(readFileSync(store('adapter_model.safetensors')), 'adapter');
  const names = file.kind === 'valid' ? [...file.value.tensors.keys()] : [];
  expect(names).toEqual(
    [
      ...['attention.self.query', 'output.dense'].flatMap((place) =>
        ['lora_A.weight', 'lora_B.weight', 'lora_magnitude_vector'].map(
          (part) => `base_model.model.bert.encoder.layer.0.${place}.${part}`,
        ),
      ),
      'base_model.model.bert.pooler.dense.bias',
      'base_model.model.bert.pooler.dense.weight',
      'base_model.model.classifier.bias',
      'base_model.model.classifier.weight',
    ].sort(),
  );
});
