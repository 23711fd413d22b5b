import { expectShape, shapeOf } from '../blocks.ts';
import { bertSettings } from '../blocks-bert.ts';
import { assertPositions, type EmbeddingLayout, embeddings } from '../blocks-embeddings.ts';
import { afterAttention, type PostNormLayer, projections } from '../blocks-post-norm.ts';
import type { BuildContext, Family } from '../family.ts';
import { joinedProjections, multiHeadAttention } from '../fp32.ts';
import type { Value } from '../graph.ts';
import { classify } from '../heads-classify.ts';
import { vocabularyLogits } from '../heads-vocabulary.ts';

/** Fixed in the model's code, not in its settings: the padding id behind which positions start. */
const PADDING_ID = 1;

/** MPNet: BERT's layers with a bias by relative position, shared by all layers, on the scores of the attention. */
export const mpnet: Family = {
  name: 'mpnet',
  modelTypes: ['mpnet'],
  anchor: 'embeddings.word_embeddings.weight',
  hiddenSize: (config) => config.number('hidden_size'),
  usesTypeIds: () => false,
  encode(context) {
    const layout = embeddingLayout(context);
    assertPositions(context, layout);
    const scores = relativeScores(context);
    let states = embeddings(context, layout);
    for (let index = 0; index < context.config.number('num_hidden_layers'); index++) states = layer(context, states, { index, scores });
    return { states };
  },
  classify: (context, states) =>
    classify(context, states, {
      dense: { weights: context.headWeights, name: 'classifier.dense' },
      activation: 'tanh',
      classifier: { weights: context.headWeights, name: 'classifier.out_proj' },
    }),
  vocabularyAnchor: 'lm_head.dense.weight',
  predictVocabulary: (context, states) =>
    vocabularyLogits(context, states, {
      dense: 'lm_head.dense',
      norm: 'lm_head.layer_norm',
      decoder: 'lm_head.decoder',
      bias: ['lm_head.bias', 'lm_head.decoder.bias'],
      words: 'embeddings.word_embeddings.weight',
      activation: 'gelu',
      epsilon: context.config.number('layer_norm_eps', 1e-12),
    }),
};

function embeddingLayout({ config }: BuildContext): EmbeddingLayout {
  return {
    words: 'embeddings.word_embeddings.weight',
    positions: 'embeddings.position_embeddings.weight',
    norm: 'embeddings.LayerNorm',
    epsilon: config.number('layer_norm_eps', 1e-12),
    afterPadding: PADDING_ID,
  };
}

function layer(context: BuildContext, input: Value, { index, scores }: { index: number; scores: Value }): Value {
  const { graph, products, config, inputs } = context;
  const names = layerNames(index);
  const settings = bertSettings(config);
  const joined = joinedProjections(projections(context, names, settings.heads));
  const product = products.linear(graph, input, joined, { bias: 'apart' });
  const [query = '', key = '', value = ''] = graph.many('Split', '', [product], { axis: { int: -1 }, num_outputs: { int: 3 } }, 3);
  const bias = joined.bias === undefined ? '' : graph.constant(`${joined.name}.bias`, 'float32', [joined.outputs], joined.bias);
  const attended = multiHeadAttention(
    graph,
    { query, key, value, bias, mask: inputs.keyMask, scores },
    {
      heads: settings.heads,
      scale: (joined.outputs / 3 / settings.heads) ** -0.5,
    },
  );
  return afterAttention(context, { input, attended }, names, settings);
}

function layerNames(index: number): PostNormLayer {
  const name = `encoder.layer.${index}`;
  return {
    query: `${name}.attention.attn.q`,
    key: `${name}.attention.attn.k`,
    value: `${name}.attention.attn.v`,
    output: `${name}.attention.attn.o`,
    outputNorm: `${name}.attention.LayerNorm`,
    up: `${name}.intermediate.dense`,
    down: `${name}.output.dense`,
    downNorm: `${name}.output.LayerNorm`,
  };
}

/** [1, heads, tokens, tokens]: the learnt bias of each distance between two tokens. */
function relativeScores(context: BuildContext): Value {
  const { graph, inputs } = context;
  const places = placesOf(context);
  const tokens = graph.op('Squeeze', [graph.op('Shape', [inputs.ids], { start: { int: 1 }, end: { int: 2 } })]);
  const keys = graph.op('Range', [graph.ints('from', [0], []), tokens, graph.ints('step', [1], [])]);
  const queries = graph.op('Unsqueeze', [keys, graph.ints('query_axis', [1])]);
  const distances = graph.op('Sub', [keys, queries]);
  const rows = graph.op('Add', [distances, graph.ints('middle', [places - 1], [])]);
  const biases = graph.op('Gather', [biasByDistance(context, places), rows], { axis: { int: 1 } });
  return graph.op('Unsqueeze', [biases, graph.ints('text_axis', [0])]);
}

/** Tokens that the model has positions for. */
function placesOf(context: BuildContext): number {
  const [rows = 0] = shapeOf(context.weights, embeddingLayout(context).positions, 2);
  return rows - PADDING_ID - 1;
}

/** [heads, distances] for the distances -(places - 1) … places - 1, key minus query. */
function biasByDistance({ graph, weights, config }: BuildContext, places: number): Value {
  const name = 'encoder.relative_attention_bias.weight';
  const heads = config.number('num_attention_heads');
  const buckets = config.number('relative_attention_num_buckets', 32);
  expectShape(weights, name, [buckets, heads]);
  const distances = 2 * places - 1;
  return graph.constant('relative_attention_bias', 'float32', [heads, distances], () => {
    const learnt = weights.read(name);
    return Float32Array.from({ length: heads * distances }, (_, at) => {
      const bucket = bucketOf((at % distances) - (places - 1), buckets);
      return learnt[bucket * heads + Math.floor(at / distances)] ?? 0;
    });
  });
}

/**
 * Bucket of a distance (key minus query), as T5 divides them (Raffel et al. 2020): half of the buckets for keys behind the query; in each
 * half the near distances have one each, and further ones share them logarithmically up to 128.
 */
function bucketOf(distance: number, buckets: number): number {
  const half = Math.floor(buckets / 2);
  const side = distance > 0 ? half : 0;
  const far = Math.abs(distance);
  const near = Math.floor(half / 2);
  if (far < near) return side + far;
  // In single precision, as the published models compute it: a boundary falls on either side otherwise.
  const share = Math.fround(Math.fround(Math.log(Math.fround(far / near))) / Math.fround(Math.log(128 / near)));
  return side + Math.min(half - 1, near + Math.trunc(Math.fround(share * (half - near))));
}
