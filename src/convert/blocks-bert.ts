import { LocalLiteError } from '../errors.ts';
import { assertPositions, type EmbeddingLayout, embeddings } from './blocks-embeddings.ts';
import { type PostNormLayer, type PostNormSettings, postNormLayer, projections } from './blocks-post-norm.ts';
import type { BuildContext, EncoderStates } from './family.ts';
import type { ModelConfig } from './model-config.ts';

/** Tensor names that BERT, RoBERTa and their kin share. */
function layerNames(index: number): PostNormLayer {
  const layer = `encoder.layer.${index}`;
  return {
    query: `${layer}.attention.self.query`,
    key: `${layer}.attention.self.key`,
    value: `${layer}.attention.self.value`,
    output: `${layer}.attention.output.dense`,
    outputNorm: `${layer}.attention.output.LayerNorm`,
    up: `${layer}.intermediate.dense`,
    down: `${layer}.output.dense`,
    downNorm: `${layer}.output.LayerNorm`,
  };
}

/** Where BERT and its kin keep their tables. */
export function bertEmbeddings(config: ModelConfig): EmbeddingLayout {
  return {
    words: 'embeddings.word_embeddings.weight',
    positions: 'embeddings.position_embeddings.weight',
    types: 'embeddings.token_type_embeddings.weight',
    norm: 'embeddings.LayerNorm',
    epsilon: config.number('layer_norm_eps', 1e-12),
  };
}

/** Heads, epsilon and activation by transformers' usual keys. */
export function bertSettings(config: ModelConfig): PostNormSettings {
  return {
    heads: config.number('num_attention_heads'),
    epsilon: config.number('layer_norm_eps', 1e-12),
    activation: config.text('hidden_act', 'gelu'),
  };
}

/** Embeddings and layers of BERT and its kin. */
export function encodeBert(context: BuildContext, layout: EmbeddingLayout): EncoderStates {
  refuseVariations(context.config);
  assertPositions(context, layout);
  return postNormStack(context, {
    layout,
    settings: bertSettings(context.config),
    layers: context.config.number('num_hidden_layers'),
    layerNames,
  });
}

/** A model of such layers, and its family's names for their tensors. */
export interface PostNormModel {
  readonly layout: EmbeddingLayout;
  readonly settings: PostNormSettings;
  readonly layers: number;
  layerNames(index: number): PostNormLayer;
}

/** Embeddings and a stack of layers with plain attention. */
export function postNormStack(context: BuildContext, model: PostNormModel): EncoderStates {
  let states = embeddings(context, model.layout);
  let input = states;
  for (let index = 0; index < model.layers; index++) {
    input = states;
    states = postNormLayer(context, input, model.layerNames(index), model.settings);
  }
  return { states, lastAttention: { input, layer: projections(context, model.layerNames(model.layers - 1), model.settings.heads) } };
}

function refuseVariations(config: ModelConfig): void {
  const position = config.text('position_embedding_type', 'absolute');
  if (position !== 'absolute') throw unsupported(`position_embedding_type "${position}"; "absolute" is supported`);
  if (config.flag('is_decoder', false)) throw unsupported('is_decoder: the model reads from left to right');
  if (config.flag('add_cross_attention', false)) throw unsupported('add_cross_attention');
}

function unsupported(what: string): LocalLiteError {
  return new LocalLiteError('model_unsupported', `the model's config.json has ${what}, which LocalLite cannot convert`);
}
