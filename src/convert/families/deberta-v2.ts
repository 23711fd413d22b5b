import { LocalLiteError } from '../../errors.ts';
import type { Weights } from '../../models/weights.ts';
import { linearLayer, shapeOf } from '../blocks.ts';
import { activate } from '../blocks-activation.ts';
import { attend } from '../blocks-attention.ts';
import {
  type DistanceAxis,
  type Distances,
  distanceAxis,
  type RelativeAttention,
  type RelativePositions,
  relativeBias,
} from '../blocks-disentangled.ts';
import { type Norm, norm, normOfSum } from '../blocks-norm.ts';
import { joinedLayer, splitLast } from '../blocks-projection.ts';
import type { BuildContext, EncoderStates, Family } from '../family.ts';
import type { Value } from '../graph.ts';
import { classify } from '../heads-classify.ts';
import type { ModelConfig } from '../model-config.ts';
import type { LinearLayer } from '../products.ts';

/** DeBERTa v2 and v3 (mxbai-rerank, many cross-encoders): scores of content and of relative positions apart ("disentangled"). */
export const debertaV2: Family = {
  name: 'deberta-v2',
  modelTypes: ['deberta-v2'],
  anchor: 'embeddings.word_embeddings.weight',
  hiddenSize: (config) => config.number('hidden_size'),
  usesTypeIds: (config) => config.number('type_vocab_size', 0) > 0,
  encode,
  classify: classifyPair,
};

function encode(context: BuildContext): EncoderStates {
  const { config } = context;
  const relative = relativeOf(context);
  let states = embed(context);
  const embedded = states;
  for (let at = 0; at < config.number('num_hidden_layers'); at++) {
    states = layer(context, states, `encoder.layer.${at}`, relative);
    if (at === 0 && config.number('conv_kernel_size', 0) > 0) states = convolution(context, embedded, states);
  }
  return { states };
}

const normOf = (config: ModelConfig, name: string): Norm => ({ name, epsilon: config.number('layer_norm_eps', 1e-7), kind: 'layer' });

/** Words, with absolute positions and token types where the model has them. */
function embed(context: BuildContext): Value {
  const { graph, weights, config, products, inputs } = context;
  const words = 'embeddings.word_embeddings.weight';
  const [rows = 0, width = 0] = shapeOf(weights, words, 2);
  let embedded = graph.op('Gather', [
    products.table(graph, 'embeddings.word_embeddings', rows, width, () => weights.read(words)),
    inputs.ids,
  ]);
  if (config.flag('position_biased_input', true)) embedded = graph.op('Add', [embedded, absolutePositions(context)]);
  if (config.number('type_vocab_size', 0) > 0) embedded = graph.op('Add', [embedded, tokenTypes(context)]);
  if (weights.shape('embeddings.embed_proj.weight') !== undefined) {
    embedded = products.linear(graph, embedded, linearLayer(weights, 'embeddings.embed_proj', 'wide'));
  }
  return norm(graph, weights, embedded, normOf(config, 'embeddings.LayerNorm'));
}

/** [1, tokens, width]. */
function absolutePositions({ graph, weights, inputs, maxTokens }: BuildContext): Value {
  const name = 'embeddings.position_embeddings.weight';
  const [rows = 0, width = 0] = shapeOf(weights, name, 2);
  if (maxTokens > rows) throw unsupported(`the model has ${rows} positions, fewer than the ${maxTokens} tokens that a text may have`);
  const table = graph.constant(name, 'float32', [1, rows, width], () => weights.read(name));
  const tokens = graph.op('Slice', [graph.op('Shape', [inputs.ids]), graph.ints('positions.one', [1]), graph.ints('positions.two', [2])]);
  return graph.op('Slice', [table, graph.ints('positions.first', [0]), tokens, graph.ints('positions.axis', [1])]);
}

function tokenTypes({ graph, weights, inputs }: BuildContext): Value {
  const name = 'embeddings.token_type_embeddings.weight';
  const [rows = 0, width = 0] = shapeOf(weights, name, 2);
  if (inputs.typeIds === undefined) return graph.constant(name, 'float32', [width], () => weights.read(name).slice(0, width));
  return graph.op('Gather', [graph.constant(name, 'float32', [rows, width], () => weights.read(name)), inputs.typeIds]);
}

/** What all layers share; undefined where the model has no relative positions. */
interface Relative {
  readonly positions: RelativePositions;
  readonly axis: DistanceAxis;
}

function relativeOf(context: BuildContext): Relative | undefined {
  const { weights, config } = context;
  if (!config.flag('relative_attention', false)) return undefined;
  const listed = config.number('max_relative_positions', -1);
  const furthest = listed < 1 ? config.number('max_position_embeddings', 512) : listed;
  const buckets = config.number('position_buckets', -1);
  const distances: Distances = buckets > 0 ? { span: buckets, logarithmicUpTo: furthest } : { span: furthest, logarithmicUpTo: undefined };
  return { positions: { distances, rows: positionRows(weights, config, distances.span) }, axis: distanceAxis(context, distances) };
}

function positionRows(weights: Weights, config: ModelConfig, span: number): Float32Array {
  const name = 'encoder.rel_embeddings.weight';
  const [rows = 0, width = 0] = shapeOf(weights, name, 2);
  if (weights.shape(name) !== undefined && rows < 2 * span) throw unsupported(`${name} has ${rows} rows; ${2 * span} are needed`);
  const table = weights.read(name).subarray(0, 2 * span * width);
  const normed = config
    .text('norm_rel_ebd', 'none')
    .toLowerCase()
    .split('|')
    .some((part) => part.trim() === 'layer_norm');
  return normed ? normedRows(table, width, weights, config.number('layer_norm_eps', 1e-7)) : table;
}

/** A layer norm over each row. */
function normedRows(table: Float32Array, width: number, weights: Weights, epsilon: number): Float32Array {
  const scale = weights.read('encoder.LayerNorm.weight');
  const shift = weights.read('encoder.LayerNorm.bias');
  const normed = new Float32Array(table.length);
  for (let from = 0; from < table.length; from += width) {
    const row = table.subarray(from, from + width);
    const mean = row.reduce((sum, value) => sum + value, 0) / width;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    row.forEach((value, at) => {
      normed[from + at] = ((value - mean) / Math.sqrt(variance + epsilon)) * (scale[at] ?? 1) + (shift[at] ?? 0);
    });
  }
  return normed;
}

function layer(context: BuildContext, states: Value, prefix: string, relative: Relative | undefined): Value {
  const { graph, weights, config, products } = context;
  const attended = attention(context, states, `${prefix}.attention.self`, relative);
  const projected = products.linear(graph, attended, linearLayer(weights, `${prefix}.attention.output.dense`, 'wide'));
  const middle = normOfSum(graph, weights, projected, states, normOf(config, `${prefix}.attention.output.LayerNorm`)).normed;
  const grown = products.linear(graph, middle, linearLayer(weights, `${prefix}.intermediate.dense`, 'normed'));
  const activated = activate(graph, config.text('hidden_act', 'gelu'), grown);
  const shrunk = products.linear(graph, activated, linearLayer(weights, `${prefix}.output.dense`, 'wide'));
  return normOfSum(graph, weights, shrunk, middle, normOf(config, `${prefix}.output.LayerNorm`)).normed;
}

function attention(context: BuildContext, states: Value, prefix: string, relative: Relative | undefined): Value {
  const { graph, weights, config, products } = context;
  const heads = config.number('num_attention_heads');
  const layers = ['query', 'key', 'value'].map((name) => linearLayer(weights, `${prefix}.${name}_proj`, 'normed'));
  const [queries, keys, values] = layers;
  if (queries === undefined || keys === undefined || values === undefined) return states;
  const joined = products.linear(graph, states, joinedLayer(`${prefix}.qkv_proj`, [queries, keys, values]));
  const [query = '', key = '', value = ''] = splitLast(
    graph,
    joined,
    layers.map((part) => part.outputs),
  );
  const headSize = queries.outputs / heads;
  const kinds = positionKinds(config);
  const scale = (headSize * (1 + kinds.size)) ** -0.5;
  const projections = positionProjections(weights, prefix, config, { queries, keys }, kinds);
  const bias = relative && relativeBias(graph, { query, key }, { heads, scale, ...projections }, relative.positions, relative.axis);
  return attend(context, { query, key, value }, { heads, keyHeads: heads, headSize, scale }, bias);
}

/** `pos_att_type` is a list, or a text with bars. */
function positionKinds(config: ModelConfig): ReadonlySet<string> {
  const kinds = config.texts('pos_att_type').flatMap((text) =>
    text
      .toLowerCase()
      .split('|')
      .map((kind) => kind.trim()),
  );
  const unknown = kinds.find((kind) => kind !== 'c2p' && kind !== 'p2c');
  if (unknown !== undefined) throw unsupported(`pos_att_type "${unknown}" in config.json is not supported; supported: c2p, p2c`);
  return new Set(kinds);
}

/** Positions go through the layer's own projections of queries and keys, or through ones beside them. */
function positionProjections(
  weights: Weights,
  prefix: string,
  config: ModelConfig,
  own: { readonly queries: LinearLayer; readonly keys: LinearLayer },
  kinds: ReadonlySet<string>,
): Pick<RelativeAttention, 'keys' | 'queries'> {
  const shared = config.flag('share_att_key', false);
  const beside = (name: string) => linearLayer(weights, `${prefix}.${name}`, 'wide');
  return {
    keys: kinds.has('c2p') ? (shared ? own.keys : beside('pos_key_proj')) : undefined,
    queries: kinds.has('p2c') ? (shared ? own.queries : beside('pos_query_proj')) : undefined,
  };
}

/** The convolution over neighbouring embeddings that some models (v2 xlarge) add to their first layer's output. */
function convolution({ graph, weights, config, inputs }: BuildContext, embedded: Value, states: Value): Value {
  const name = 'encoder.conv.conv';
  const kernel = config.number('conv_kernel_size');
  const real = graph.op('Unsqueeze', [graph.op('Cast', [inputs.mask], { to: { int: 1 } }), graph.ints('convolution.axis', [2])]);
  const across = graph.op('Transpose', [graph.op('Mul', [embedded, real])], { perm: { ints: [0, 2, 1] } });
  const weight = graph.constant(`${name}.weight`, 'float32', shapeOf(weights, `${name}.weight`, 3), () => weights.read(`${name}.weight`));
  const bias = graph.constant(`${name}.bias`, 'float32', shapeOf(weights, `${name}.bias`, 1), () => weights.read(`${name}.bias`));
  const side = Math.floor((kernel - 1) / 2);
  const attributes = { kernel_shape: { ints: [kernel] }, pads: { ints: [side, side] }, group: { int: config.number('conv_groups', 1) } };
  const mixed = graph.op('Transpose', [graph.op('Conv', [across, weight, bias], attributes)], { perm: { ints: [0, 2, 1] } });
  const added = activate(graph, config.text('conv_act', 'tanh'), graph.op('Mul', [mixed, real]));
  return normOfSum(graph, weights, added, states, normOf(config, 'encoder.conv.LayerNorm')).normed;
}

/** The first token through the pooler and the classifier. */
function classifyPair(context: BuildContext, states: Value): Value {
  const weights = context.headWeights;
  return classify(context, states, {
    dense: { weights, name: 'pooler.dense' },
    activation: context.config.text('pooler_hidden_act', 'gelu'),
    classifier: { weights, name: 'classifier' },
  });
}

function unsupported(message: string): LocalLiteError {
  return new LocalLiteError('model_unsupported', message);
}
