import { LocalLiteError } from '../../errors.ts';
import { shapeOf } from '../blocks.ts';
import { sightBias } from '../blocks-attention.ts';
import { decoderAttention, decoderFeedForward } from '../blocks-decoder.ts';
import { gatedFeedForward } from '../blocks-gated.ts';
import { type Norm, norm, normOfSum } from '../blocks-norm.ts';
import { rotarySettings, rotaryTables } from '../blocks-rotary.ts';
import type { BuildContext, EncoderStates, Family } from '../family.ts';
import type { Value } from '../graph.ts';
import type { ModelConfig } from '../model-config.ts';

/** Qwen3 as an embedder (Qwen3-Embedding): a decoder whose tokens see what stands before them; the last token's state is the text's. */
export const qwen3: Family = {
  name: 'qwen3',
  modelTypes: ['qwen3'],
  anchor: 'embed_tokens.weight',
  hiddenSize: (config) => config.number('hidden_size'),
  usesTypeIds: () => false,
  encode,
};

function encode(context: BuildContext): EncoderStates {
  const { graph, weights, config, products, inputs, maxTokens } = context;
  const [rows = 0, hidden = 0] = shapeOf(weights, 'embed_tokens.weight', 2);
  const table = products.table(graph, 'embed_tokens', rows, hidden, () => weights.read('embed_tokens.weight'));
  const heads = headsOf(config, hidden);
  const rotary = rotarySettings(config, { size: heads.headSize, legacyBase: 'rope_theta', fallbackBase: 10_000 });
  const shared = { heads, tables: rotaryTables(graph, rotary, maxTokens), headNorm: normOf(config, '') };
  const bias = biasByReach(context);
  const layers = config.number('num_hidden_layers');
  let residual = graph.op('Gather', [table, inputs.ids]);
  let normed = norm(graph, weights, residual, normOf(config, 'layers.0.input_layernorm'));
  for (let at = 0; at < layers; at++) {
    const prefix = `layers.${at}`;
    const attended = decoderAttention(context, normed, { ...shared, prefix: `${prefix}.self_attn`, bias: bias(reachOf(config, at)) });
    const middle = normOfSum(graph, weights, attended, residual, normOf(config, `${prefix}.post_attention_layernorm`));
    const grown = gatedFeedForward(context, middle.normed, decoderFeedForward(context, `${prefix}.mlp`, config.text('hidden_act', 'silu')));
    const next = at + 1 < layers ? `layers.${at + 1}.input_layernorm` : 'norm';
    const after = normOfSum(graph, weights, grown, middle.sum, normOf(config, next));
    residual = after.sum;
    normed = after.normed;
  }
  return { states: normed };
}

const normOf = (config: ModelConfig, name: string): Norm => ({ name, epsilon: config.number('rms_norm_eps', 1e-6), kind: 'rms' });

function headsOf(config: ModelConfig, hidden: number) {
  const heads = config.number('num_attention_heads');
  const headSize = config.number('head_dim', hidden / heads);
  return { heads, keyHeads: config.number('num_key_value_heads', heads), headSize, scale: headSize ** -0.5 };
}

/** The window of a layer as its largest distance; undefined where it sees all that stands before. */
function reachOf(config: ModelConfig, at: number): number | undefined {
  const listed = config.texts('layer_types')[at];
  if (listed !== undefined && listed !== 'full_attention' && listed !== 'sliding_attention') {
    throw new LocalLiteError('model_unsupported', `layer type "${listed}" in config.json is not supported`);
  }
  const windowed = config.flag('use_sliding_window', false) && config.has('sliding_window');
  const sliding = listed === undefined ? at >= config.number('max_window_layers', 28) : listed === 'sliding_attention';
  return windowed && sliding ? config.number('sliding_window') - 1 : undefined;
}

/** Causal biases, one for each window that the layers have. */
function biasByReach(context: BuildContext): (reach: number | undefined) => Value {
  const made = new Map<number | undefined, Value>();
  return (reach) => {
    const bias = made.get(reach) ?? sightBias(context, { causal: true, reach });
    made.set(reach, bias);
    return bias;
  };
}
