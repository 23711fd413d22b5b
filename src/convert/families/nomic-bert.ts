import { LocalLiteError } from '../../errors.ts';
import { linearLayer, shapeOf } from '../blocks.ts';
import { activate } from '../blocks-activation.ts';
import { attend } from '../blocks-attention.ts';
import { gatedFeedForward } from '../blocks-gated.ts';
import { type Norm, norm, normOfSum } from '../blocks-norm.ts';
import { joinedLayer, splitLast } from '../blocks-projection.ts';
import { type RotarySettings, type RotaryTables, rotarySettings, rotaryTables, rotate } from '../blocks-rotary.ts';
import type { BuildContext, EncoderStates, Family } from '../family.ts';
import type { Value } from '../graph.ts';
import type { ModelConfig } from '../model-config.ts';

/** Nomic's BERT (nomic-embed-text v1 and v1.5, arctic-embed-m-long): BERT with rotary positions, a gated feed-forward and few biases. */
export const nomicBert: Family = {
  name: 'nomic-bert',
  modelTypes: ['nomic_bert'],
  anchor: 'embeddings.word_embeddings.weight',
  hiddenSize: (config) => size(config, 'hidden_size', 'n_embd'),
  usesTypeIds: () => false,
  encode,
};

/** A count under today's name, or under the one of the first files. */
function size(config: ModelConfig, name: string, older: string): number {
  return config.has(name) ? config.number(name) : config.number(older);
}

/** Settings of the first files that change the arithmetic, with the only value that is honoured. */
const FIXED: readonly (readonly [key: string, value: boolean | null])[] = [
  ['prenorm', false],
  ['use_rms_norm', false],
  ['parallel_block', false],
  ['causal', false],
  ['scale_attn_by_inverse_layer_idx', false],
  ['rotary_emb_scale_base', null],
];

function encode(context: BuildContext): EncoderStates {
  const { graph, weights, config, maxTokens } = context;
  refuseOthers(config, maxTokens);
  const heads = size(config, 'num_attention_heads', 'n_head');
  const hidden = nomicBert.hiddenSize(config);
  const tables = rotaryTables(graph, rotary(config, config.number('head_dim', hidden / heads)), maxTokens);
  let states = norm(graph, weights, embed(context), normOf(config, 'emb_ln'));
  for (let at = 0; at < size(config, 'num_hidden_layers', 'n_layer'); at++) {
    const prefix = `encoder.layers.${at}`;
    const attended = attention(context, states, `${prefix}.attn`, tables, heads);
    states = normOfSum(graph, weights, attended, states, normOf(config, `${prefix}.norm1`)).normed;
    states = normOfSum(graph, weights, feedForward(context, states, `${prefix}.mlp`), states, normOf(config, `${prefix}.norm2`)).normed;
  }
  return { states };
}

function refuseOthers(config: ModelConfig, maxTokens: number): void {
  for (const [key, value] of FIXED) {
    if (!config.has(key)) continue;
    if (value === null || config.flag(key) !== value) throw unsupported(`${key} in config.json is set; nomic-bert is supported without it`);
  }
  if (config.number('num_experts', 0) > 0 || config.number('moe_every_n_layers', 0) > 0) {
    throw unsupported('config.json asks for a mixture of experts, which is not supported');
  }
  const trained = config.number('max_trained_positions', maxTokens);
  if (config.has('rotary_scaling_factor') && maxTokens > trained) {
    throw unsupported(
      `rotary_scaling_factor in config.json stretches positions beyond ${trained} tokens by the length of each batch, which is not supported; ` +
        `texts of up to ${trained} tokens are (this model was to take ${maxTokens})`,
    );
  }
}

function rotary(config: ModelConfig, headSize: number): RotarySettings {
  const turned = Math.floor(headSize * config.number('rotary_emb_fraction', 1));
  const settings = rotarySettings(config, {
    size: turned,
    legacyBase: config.has('rotary_emb_base') ? 'rotary_emb_base' : 'rope_theta',
    fallbackBase: 1000,
  });
  return { ...settings, interleaved: config.flag('rotary_emb_interleaved', false) };
}

const normOf = (config: ModelConfig, name: string): Norm => ({
  name,
  epsilon: config.has('layer_norm_eps') ? config.number('layer_norm_eps') : config.number('layer_norm_epsilon', 1e-12),
  kind: 'layer',
});

/** Words; the embedder's texts are all of token type 0, whose row becomes part of every word's. */
function embed({ graph, weights, products, inputs }: BuildContext): Value {
  const words = 'embeddings.word_embeddings.weight';
  const types = 'embeddings.token_type_embeddings.weight';
  const [rows = 0, hidden = 0] = shapeOf(weights, words, 2);
  const typed = weights.shape(types) !== undefined;
  const table = products.table(graph, 'embeddings.word_embeddings', rows, hidden, () =>
    typed ? plusFirstRow(weights.read(words), weights.read(types), hidden) : weights.read(words),
  );
  return graph.op('Gather', [table, inputs.ids]);
}

function plusFirstRow(table: Float32Array, rows: Float32Array, width: number): Float32Array {
  return table.map((value, at) => value + (rows[at % width] ?? 0));
}

function attention(context: BuildContext, value: Value, prefix: string, tables: RotaryTables, heads: number): Value {
  const { graph, weights, products } = context;
  const layer = linearLayer(weights, `${prefix}.Wqkv`, 'normed');
  const width = layer.outputs / 3;
  const [query = '', key = '', values = ''] = splitLast(graph, products.linear(graph, value, layer), [width, width, width]);
  const headSize = width / heads;
  const projected = {
    query: rotate(graph, query, tables, heads, headSize),
    key: rotate(graph, key, tables, heads, headSize),
    value: values,
  };
  const attended = attend(context, projected, { heads, keyHeads: heads, headSize, scale: headSize ** -0.5 });
  return products.linear(graph, attended, linearLayer(weights, `${prefix}.out_proj`, 'wide'));
}

function feedForward(context: BuildContext, value: Value, prefix: string): Value {
  const { graph, weights, config, products } = context;
  const activation = config.has('hidden_act') ? config.text('hidden_act') : config.text('activation_function', 'swiglu');
  const down = linearLayer(weights, `${prefix}.fc2`, 'wide');
  if (weights.shape(`${prefix}.fc11.weight`) === undefined) {
    const grown = products.linear(graph, value, linearLayer(weights, `${prefix}.fc1`, 'normed'));
    return products.linear(graph, activate(graph, activation, grown), down);
  }
  const up = linearLayer(weights, `${prefix}.fc11`, 'normed');
  const gate = linearLayer(weights, `${prefix}.fc12`, 'normed');
  return gatedFeedForward(context, value, {
    into: joinedLayer(`${prefix}.fc1`, [up, gate]),
    first: 'up',
    activation: gateName(activation),
    down,
  });
}

/** The first files name the whole part after its gate. */
function gateName(activation: string): string {
  if (activation === 'swiglu') return 'silu';
  if (activation === 'geglu') return 'gelu';
  if (activation === 'glu') return 'sigmoid';
  return activation;
}

function unsupported(message: string): LocalLiteError {
  return new LocalLiteError('model_unsupported', message);
}
