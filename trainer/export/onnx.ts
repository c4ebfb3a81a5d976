import { Root } from 'protobufjs';
import type { StoredBilstm } from '../models/word/folder';

/**
 * A student as an ONNX model (https://onnx.ai): `words` int64 [b, t], the ids of each text with anything behind its end,
 * and `lengths` int32 [b], to `logits` [b, c].
 */
export function onnxModel({ weights }: StoredBilstm): Uint8Array {
  const [, width] = weights['embedding.weight']!.shape as [number, number];
  const [classes, stateSize] = weights['dense.weight']!.shape as [number, number];
  const units = stateSize / 2;
  const directions = (['forward', 'backward'] as const).map((name) => ({
    weight: inGateOrder(weights[`lstm.${name}.weight`]!.values, width + units, units),
    bias: inGateOrder(weights[`lstm.${name}.bias`]!.values, 1, units),
  }));
  // [4u, e + u] of each direction; the second bias of ONNX, that of the state, is 0.
  const part = (from: number, to: number) =>
    join(directions.map(({ weight }) => columns(weight, width + units, from, to)));
  const initializers = [
    tensor('embedding', weights['embedding.weight']!.shape, weights['embedding.weight']!.values),
    tensor('lstm_W', [2, 4 * units, width], part(0, width)),
    tensor('lstm_R', [2, 4 * units, units], part(width, width + units)),
    tensor('lstm_B', [2, 8 * units], join(directions.flatMap(({ bias }) => [bias, new Float32Array(4 * units)]))),
    tensor('dense_weight', [classes, stateSize], weights['dense.weight']!.values),
    tensor('dense_bias', [classes], weights['dense.bias']!.values),
  ];
  const attention = weights['attention.weight'] && attentionOver(weights, stateSize);
  const graph = {
    name: 'student',
    node: [
      node('Gather', ['embedding', 'words'], ['vectors']), // [b, t, e]
      node('Transpose', ['vectors'], ['steps'], [integers('perm', [1, 0, 2])]), // [t, b, e]
      node('LSTM', ['steps', 'lstm_W', 'lstm_R', 'lstm_B', 'lengths'], attention ? ['outputs'] : ['', 'states'], [
        integer('hidden_size', units),
        { name: 'direction', type: attributeTypes.string, s: Buffer.from('bidirectional') },
      ]), // outputs [t, 2, b, u], states [2, b, u]
      ...(attention?.nodes ?? [
        node('Transpose', ['states'], ['sides'], [integers('perm', [1, 0, 2])]), // [b, 2, u]
        node('Flatten', ['sides'], ['state'], [integer('axis', 1)]), // [b, 2u]
      ]),
      node('Gemm', ['state', 'dense_weight', 'dense_bias'], ['logits'], [integer('transB', 1)]),
    ],
    initializer: [...initializers, ...(attention?.initializers ?? [])],
    input: [
      valueInfo('words', elementTypes.int64, ['texts', 'words']),
      valueInfo('lengths', elementTypes.int32, ['texts']),
    ],
    output: [valueInfo('logits', elementTypes.float, ['texts', classes])],
  };
  const model = { irVersion: 8, producerName: 'stillhouse', graph, opsetImport: [{ domain: '', version: 17 }] };
  return messages.lookupType('ModelProto').encode(model).finish();
}

/**
 * From `outputs` [t, 2, b, u] to `state` [b, 2u]: their mean by the softmax of v^T tanh(U h) over the words of each text. Behind
 * the end of a text the score is -1e9, whatever stands there.
 */
function attentionOver(weights: StoredBilstm['weights'], stateSize: number) {
  const { shape, values } = weights['attention.weight']!; // [a, 2u]
  const initializers = [
    tensor('attention_weight', shape, values),
    tensor('attention_vector', [shape[0]!, 1], weights['attention.vector']!.values),
    tensor('no_score', [], Float32Array.of(-1e9)),
    wholeNumbers('state_shape', [3], [0, 0, stateSize]),
    wholeNumbers('zero', [], [0]),
    wholeNumbers('one', [], [1]),
    wholeNumbers('axis_1', [1], [1]),
    wholeNumbers('axis_2', [1], [2]),
  ];
  const nodes = [
    node('Transpose', ['outputs'], ['by_text'], [integers('perm', [2, 0, 1, 3])]), // [b, t, 2, u]
    node('Reshape', ['by_text', 'state_shape'], ['word_states']), // [b, t, 2u]
    node('Transpose', ['attention_weight'], ['attention_columns'], [integers('perm', [1, 0])]), // [2u, a]
    node('MatMul', ['word_states', 'attention_columns'], ['sums']),
    node('Tanh', ['sums'], ['hidden']), // [b, t, a]
    node('MatMul', ['hidden', 'attention_vector'], ['raw_scores']), // [b, t, 1]
    node('Shape', ['words'], ['size'], [integer('start', 1)]), // [t]
    node('Squeeze', ['size'], ['longest']),
    node('Range', ['zero', 'longest', 'one'], ['places']), // [t]
    node('Cast', ['lengths'], ['ends'], [integer('to', elementTypes.int64)]),
    node('Unsqueeze', ['ends', 'axis_1'], ['end_of_text']), // [b, 1]
    node('Less', ['places', 'end_of_text'], ['is_word']), // [b, t]
    node('Unsqueeze', ['is_word', 'axis_2'], ['has_score']), // [b, t, 1]
    node('Where', ['has_score', 'raw_scores', 'no_score'], ['scores']),
    node('Softmax', ['scores'], ['shares'], [integer('axis', 1)]),
    node('Mul', ['shares', 'word_states'], ['parts']),
    node('ReduceSum', ['parts', 'axis_1'], ['state'], [integer('keepdims', 0)]), // [b, 2u]
  ];
  return { initializers, nodes };
}

/** A node, named by what it makes. */
const node = (opType: string, input: string[], output: string[], attribute: object[] = []) => ({
  ...{ opType, input, output, attribute },
  name: output.at(-1),
});

/** [rows, 4u] with gates i f c o -> [4u, rows] with gates i o f c, as ONNX has them. */
function inGateOrder(values: Float32Array, rows: number, units: number): Float32Array {
  const ordered = new Float32Array(values.length);
  [0, 3, 1, 2].forEach((gate, place) => {
    for (let unit = 0; unit < units; unit++)
      for (let row = 0; row < rows; row++)
        ordered[(place * units + unit) * rows + row] = values[row * 4 * units + gate * units + unit]!;
  });
  return ordered;
}

/** Columns `from` to `to` - 1 of a matrix `width` wide. */
function columns(values: Float32Array, width: number, from: number, to: number): Float32Array {
  const rows = values.length / width;
  return join(Array.from({ length: rows }, (_, row) => values.subarray(row * width + from, row * width + to)));
}

function join(parts: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const elementTypes = { float: 1, int32: 6, int64: 7 } as const;
const attributeTypes = { int: 2, string: 3, ints: 7 } as const;

const integer = (name: string, i: number) => ({ name, type: attributeTypes.int, i });
const integers = (name: string, ints: number[]) => ({ name, type: attributeTypes.ints, ints });

const tensor = (name: string, dims: readonly number[], { buffer, byteOffset, byteLength }: Float32Array) => ({
  name,
  dims,
  dataType: elementTypes.float,
  rawData: new Uint8Array(buffer, byteOffset, byteLength),
});

const wholeNumbers = (name: string, dims: readonly number[], values: readonly number[]) => ({
  name,
  dims,
  dataType: elementTypes.int64,
  rawData: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});

const valueInfo = (name: string, elemType: number, sizes: readonly (string | number)[]) => {
  const dim = sizes.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
};

const field = (type: string, id: number, rule?: 'repeated') => ({ type, id, ...(rule && { rule }) });

/** Of the messages of ONNX (IR version 8, onnx.proto) those fields that are written here, by their numbers there. */
const messages = Root.fromJSON({
  nested: {
    ModelProto: {
      fields: {
        irVersion: field('int64', 1),
        producerName: field('string', 2),
        graph: field('GraphProto', 7),
        opsetImport: field('OperatorSetIdProto', 8, 'repeated'),
      },
    },
    OperatorSetIdProto: { fields: { domain: field('string', 1), version: field('int64', 2) } },
    GraphProto: {
      fields: {
        node: field('NodeProto', 1, 'repeated'),
        name: field('string', 2),
        initializer: field('TensorProto', 5, 'repeated'),
        input: field('ValueInfoProto', 11, 'repeated'),
        output: field('ValueInfoProto', 12, 'repeated'),
      },
    },
    NodeProto: {
      fields: {
        input: field('string', 1, 'repeated'),
        output: field('string', 2, 'repeated'),
        name: field('string', 3),
        opType: field('string', 4),
        attribute: field('AttributeProto', 5, 'repeated'),
      },
    },
    AttributeProto: {
      fields: {
        name: field('string', 1),
        i: field('int64', 3),
        s: field('bytes', 4),
        ints: field('int64', 8, 'repeated'),
        type: field('int32', 20),
      },
    },
    TensorProto: {
      fields: {
        dims: field('int64', 1, 'repeated'),
        dataType: field('int32', 2),
        name: field('string', 8),
        rawData: field('bytes', 9),
      },
    },
    ValueInfoProto: { fields: { name: field('string', 1), type: field('TypeProto', 2) } },
    TypeProto: { fields: { tensorType: field('TensorType', 1) } },
    TensorType: { fields: { elemType: field('int32', 1), shape: field('TensorShapeProto', 2) } },
    TensorShapeProto: { fields: { dim: field('Dimension', 1, 'repeated') } },
    Dimension: { fields: { dimValue: field('int64', 1), dimParam: field('string', 2) } },
  },
});
