import { LocalLiteError } from '../../errors.ts';
import { firstToken, linearLayer, preciseLayer, shapeOf } from '../blocks.ts';
import { activate } from '../blocks-activation.ts';
import { attend, sightBias } from '../blocks-attention.ts';
import { gatedFeedForward } from '../blocks-gated.ts';
import { type Norm, norm, normOfSum } from '../blocks-norm.ts';
import { splitLast } from '../blocks-projection.ts';
import { type RotaryTables, rotarySettings, rotaryTables, rotate } from '../blocks-rotary.ts';
import type { BuildContext, EncoderStates, Family } from '../family.ts';
import type { Value } from '../graph.ts';
import type { ModelConfig } from '../model-config.ts';

/**
 * ModernBERT (gte-modernbert, modernbert-embed, granite-embedding-r2): rotary positions, every third layer sees all tokens and the others
 * a window, gated feed-forward, norms in front, no biases.
 */
export const modernbert: Family = {
  name: 'modernbert',
  modelTypes: ['modernbert'],
  anchor: 'embeddings.tok_embeddings.weight',
  hiddenSize: (config) => config.number('hidden_size'),
  usesTypeIds: () => false,
  encode,
  classify,
  predictVocabulary,
  vocabularyAnchor: 'head.dense.weight',
};

type LayerType = 'full_attention' | 'sliding_attention';

/** What a kind of layer shares. */
interface Shared {
  readonly tables: RotaryTables;
  readonly bias: Value;
}

function encode(context: BuildContext): EncoderStates {
  const { graph, weights, config, products, inputs } = context;
  const [rows = 0, hidden = 0] = shapeOf(weights, 'embeddings.tok_embeddings.weight', 2);
  const table = products.table(graph, 'embeddings.tok_embeddings', rows, hidden, () => weights.read('embeddings.tok_embeddings.weight'));
  const layers = config.number('num_hidden_layers');
  const shared = sharedByType(context, headSizeOf(config, hidden));
  let residual = norm(graph, weights, graph.op('Gather', [table, inputs.ids]), normOf(config, 'embeddings.norm'));
  let normed = residual;
  for (let at = 0; at < layers; at++) {
    const prefix = `layers.${at}`;
    const attended = attention(context, normed, prefix, shared(layerType(config, at)));
    const middle = normOfSum(graph, weights, attended, residual, normOf(config, `${prefix}.mlp_norm`));
    const next = at + 1 < layers ? `layers.${at + 1}.attn_norm` : 'final_norm';
    const after = normOfSum(graph, weights, feedForward(context, middle.normed, prefix), middle.sum, normOf(config, next));
    residual = after.sum;
    normed = after.normed;
  }
  return { states: normed };
}

const normOf = (config: ModelConfig, name: string): Norm => ({ name, epsilon: config.number('norm_eps', 1e-5), kind: 'layer' });

function headSizeOf(config: ModelConfig, hidden: number): number {
  const heads = config.number('num_attention_heads');
  if (hidden % heads === 0) return hidden / heads;
  throw new LocalLiteError('model_unsupported', `hidden_size ${hidden} is not a multiple of num_attention_heads ${heads}`);
}

function layerType(config: ModelConfig, at: number): LayerType {
  const listed = config.texts('layer_types')[at];
  if (listed === 'full_attention' || listed === 'sliding_attention') return listed;
  if (listed !== undefined) throw new LocalLiteError('model_unsupported', `layer type "${listed}" in config.json is not supported`);
  return at % config.number('global_attn_every_n_layers', 3) === 0 ? 'full_attention' : 'sliding_attention';
}

/** Tables of positions and the window, made for a kind of layer when the first such layer asks. */
function sharedByType(context: BuildContext, headSize: number): (type: LayerType) => Shared {
  const made = new Map<LayerType, Shared>();
  return (type) => {
    const shared = made.get(type) ?? makeShared(context, type, headSize);
    made.set(type, shared);
    return shared;
  };
}

function makeShared(context: BuildContext, layer: LayerType, size: number): Shared {
  const { graph, config, maxTokens } = context;
  const sliding = layer === 'sliding_attention';
  const keys = { size, legacyBase: sliding ? 'local_rope_theta' : 'global_rope_theta', fallbackBase: sliding ? 10_000 : 160_000 };
  // `local_attention` counts both sides of a token.
  const reach = sliding ? Math.floor(config.number('local_attention', 128) / 2) : undefined;
  return {
    tables: rotaryTables(graph, rotarySettings(config, { ...keys, layerType: layer }), maxTokens),
    bias: sightBias(context, { causal: false, reach }),
  };
}

function attention(context: BuildContext, value: Value, prefix: string, { tables, bias }: Shared): Value {
  const { graph, weights, config, products } = context;
  const heads = config.number('num_attention_heads');
  const layer = linearLayer(weights, `${prefix}.attn.Wqkv`, 'normed');
  const hidden = layer.outputs / 3;
  const [query = '', key = '', values = ''] = splitLast(graph, products.linear(graph, value, layer), [hidden, hidden, hidden]);
  const headSize = hidden / heads;
  const projected = {
    query: rotate(graph, query, tables, heads, headSize),
    key: rotate(graph, key, tables, heads, headSize),
    value: values,
  };
  const attended = attend(context, projected, { heads, keyHeads: heads, headSize, scale: headSize ** -0.5 }, bias);
  return products.linear(graph, attended, linearLayer(weights, `${prefix}.attn.Wo`, 'wide'));
}

function feedForward(context: BuildContext, value: Value, prefix: string): Value {
  const { weights, config } = context;
  return gatedFeedForward(context, value, {
    into: linearLayer(weights, `${prefix}.mlp.Wi`, 'normed'),
    first: 'gate',
    activation: config.text('hidden_activation', 'gelu'),
    down: linearLayer(weights, `${prefix}.mlp.Wo`, 'wide'),
  });
}

/** The first token, or the mean of all (`classifier_pooling`), through the prediction head and the classifier. */
function classify(context: BuildContext, states: Value): Value {
  const { graph, config, headWeights, products } = context;
  const pooling = config.text('classifier_pooling', 'cls');
  if (pooling !== 'cls' && pooling !== 'mean') {
    throw new LocalLiteError('model_unsupported', `classifier_pooling "${pooling}" in config.json is not supported; supported: cls, mean`);
  }
  const pooled = pooling === 'cls' ? firstToken(graph, states) : meanOfReal(context, states);
  return products.linear(graph, predictionHead(context, pooled), preciseLayer(headWeights, 'classifier'));
}

/** [texts, hidden]: the mean of the real tokens' states. */
function meanOfReal({ graph, inputs }: BuildContext, states: Value): Value {
  const real = graph.op('Unsqueeze', [graph.op('Cast', [inputs.mask], { to: { int: 1 } }), graph.ints('mean.last', [2])]);
  const axis = graph.ints('mean.tokens', [1]);
  const sum = (value: Value) => graph.op('ReduceSum', [value, axis], { keepdims: { int: 0 } });
  return graph.op('Div', [sum(graph.op('Mul', [states, real])), sum(real)]);
}

/** Dense layer, activation and norm in front of the classifier and of the vocabulary. */
function predictionHead(context: BuildContext, value: Value): Value {
  const { graph, config, headWeights, products } = context;
  const dense = products.linear(graph, value, preciseLayer(headWeights, 'head.dense'));
  const activated = activate(graph, config.text('classifier_activation', 'gelu'), dense);
  return norm(graph, headWeights, activated, normOf(config, 'head.norm'));
}

/** The decoder's matrix is the embedding table's where the file has none of its own. */
function predictVocabulary(context: BuildContext, states: Value): Value {
  const { graph, weights, headWeights, products } = context;
  const head = predictionHead(context, states);
  const own = headWeights.shape('decoder.weight') !== undefined;
  const layer = own ? linearLayer(headWeights, 'decoder', 'wide') : linearLayer(weights, 'embeddings.tok_embeddings', 'wide');
  const bias = headWeights.shape('decoder.bias') === undefined ? undefined : () => headWeights.read('decoder.bias');
  return products.linear(graph, head, { ...layer, bias });
}
