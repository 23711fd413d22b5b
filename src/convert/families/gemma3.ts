import { LocalLiteError } from '../../errors.ts';
import { shapeOf } from '../blocks.ts';
import { type AttentionHeads, sightBias } from '../blocks-attention.ts';
import { type DecoderAttention, decoderAttention, decoderFeedForward } from '../blocks-decoder.ts';
import { gatedFeedForward } from '../blocks-gated.ts';
import { type Norm, norm, normOfSum } from '../blocks-norm.ts';
import { rotarySettings, rotaryTables } from '../blocks-rotary.ts';
import type { BuildContext, EncoderStates, Family } from '../family.ts';
import type { Value } from '../graph.ts';
import type { ModelConfig } from '../model-config.ts';

/**
 * Gemma 3 as an embedder (embeddinggemma): scaled embeddings, norms before and after both parts of a layer, most layers with a window and
 * their own rotary base; every token sees both sides where `use_bidirectional_attention` says so.
 */
export const gemma3: Family = {
  name: 'gemma3',
  modelTypes: ['gemma3_text'],
  anchor: 'embed_tokens.weight',
  hiddenSize: (config) => config.number('hidden_size'),
  usesTypeIds: () => false,
  outgrowsHalf: true,
  encode,
};

type LayerType = 'full_attention' | 'sliding_attention';
type Shared = Omit<DecoderAttention, 'prefix'>;

function encode(context: BuildContext): EncoderStates {
  const { graph, weights, config } = context;
  refuseOthers(config);
  const layers = config.number('num_hidden_layers');
  const shared = sharedByType(context);
  let residual = embed(context);
  let normed = norm(graph, weights, residual, normOf(config, 'layers.0.input_layernorm'));
  for (let at = 0; at < layers; at++) {
    const prefix = `layers.${at}`;
    const attended = decoderAttention(context, normed, { ...shared(layerType(config, at)), prefix: `${prefix}.self_attn` });
    const attendedNormed = norm(graph, weights, attended, normOf(config, `${prefix}.post_attention_layernorm`));
    const middle = normOfSum(graph, weights, attendedNormed, residual, normOf(config, `${prefix}.pre_feedforward_layernorm`));
    const activation = config.text('hidden_activation', 'gelu_pytorch_tanh');
    const grown = gatedFeedForward(context, middle.normed, decoderFeedForward(context, `${prefix}.mlp`, activation));
    const grownNormed = norm(graph, weights, grown, normOf(config, `${prefix}.post_feedforward_layernorm`));
    const next = at + 1 < layers ? `layers.${at + 1}.input_layernorm` : 'norm';
    const after = normOfSum(graph, weights, grownNormed, middle.sum, normOf(config, next));
    residual = after.sum;
    normed = after.normed;
  }
  return { states: normed };
}

function refuseOthers(config: ModelConfig): void {
  if (config.has('attn_logit_softcapping')) {
    throw new LocalLiteError('model_unsupported', 'attn_logit_softcapping in config.json is set; gemma3 is supported without it');
  }
}

/** Gemma keeps the norms' weights around zero. */
const normOf = (config: ModelConfig, name: string): Norm => ({
  name,
  epsilon: config.number('rms_norm_eps', 1e-6),
  kind: 'rms',
  offset: 1,
});

/** Words times the square root of their size, which the table takes in. */
function embed({ graph, weights, products, inputs }: BuildContext): Value {
  const name = 'embed_tokens.weight';
  const [rows = 0, hidden = 0] = shapeOf(weights, name, 2);
  const scale = Math.fround(hidden ** 0.5);
  const table = products.table(graph, 'embed_tokens', rows, hidden, () => weights.read(name).map((value) => value * scale));
  return graph.op('Gather', [table, inputs.ids]);
}

function headsOf(config: ModelConfig): AttentionHeads {
  const heads = config.number('num_attention_heads', 8);
  const scale = config.number('query_pre_attn_scalar', 256) ** -0.5;
  return { heads, keyHeads: config.number('num_key_value_heads', 4), headSize: config.number('head_dim', 256), scale };
}

function layerType(config: ModelConfig, at: number): LayerType {
  const listed = config.texts('layer_types')[at];
  if (listed === 'full_attention' || listed === 'sliding_attention') return listed;
  if (listed !== undefined) throw new LocalLiteError('model_unsupported', `layer type "${listed}" in config.json is not supported`);
  const pattern = config.number('sliding_window_pattern', config.number('_sliding_window_pattern', 6));
  return (at + 1) % pattern === 0 ? 'full_attention' : 'sliding_attention';
}

/** What layers of a kind share, made when the first such layer asks. */
function sharedByType(context: BuildContext): (type: LayerType) => Shared {
  const made = new Map<LayerType, Shared>();
  return (type) => {
    const shared = made.get(type) ?? makeShared(context, type);
    made.set(type, shared);
    return shared;
  };
}

function makeShared(context: BuildContext, layer: LayerType): Shared {
  const { graph, config, maxTokens } = context;
  const heads = headsOf(config);
  const sliding = layer === 'sliding_attention';
  const rotary = rotarySettings(config, {
    size: heads.headSize,
    legacyBase: sliding ? 'rope_local_base_freq' : 'rope_theta',
    fallbackBase: sliding ? 10_000 : 1_000_000,
    layerType: layer,
    scaled: !sliding,
  });
  const causal = !config.flag('use_bidirectional_attention', false);
  const bias = sightBias(context, { causal, reach: sliding ? reachOf(config, causal) : undefined });
  return { heads, tables: rotaryTables(graph, rotary, maxTokens), bias, headNorm: normOf(config, '') };
}

/** A causal window counts the token itself; one to both sides is `sliding_window` wide in all. */
function reachOf(config: ModelConfig, causal: boolean): number {
  const window = config.number('sliding_window', 4096);
  return causal ? window - 1 : Math.floor(window / 2);
}
