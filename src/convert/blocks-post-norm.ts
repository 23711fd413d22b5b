import { LocalLiteError } from '../errors.ts';
import { biasOf, linearLayer, skipLayerNorm } from './blocks.ts';
import { activate, leastOf } from './blocks-activation.ts';
import type { BuildContext } from './family.ts';
import type { Value } from './graph.ts';
import type { LinearLayer, SelfAttentionLayer } from './products.ts';

/** One layer of a transformer that norms after each sum (the original layout); names within the encoder. */
export interface PostNormLayer {
  readonly query: string;
  readonly key: string;
  readonly value: string;
  /** The projection behind the attention, and the norm behind that. */
  readonly output: string;
  readonly outputNorm: string;
  /** Both products of the feed-forward part, and the norm behind it. */
  readonly up: string;
  readonly down: string;
  readonly downNorm: string;
}

/** What all layers of a model share. */
export interface PostNormSettings {
  readonly heads: number;
  readonly epsilon: number;
  /** As transformers names it. */
  readonly activation: string;
}

/** Query, key and value of a layer. */
export function projections(context: BuildContext, layer: PostNormLayer, heads: number): SelfAttentionLayer {
  const named = (name: string): LinearLayer => linearLayer(context.weights, name, 'normed');
  const { outputs } = named(layer.query);
  if (!Number.isInteger(heads) || heads < 1 || outputs % heads !== 0) {
    throw new LocalLiteError('model_unsupported', `${layer.query} has ${outputs} outputs, which ${heads} heads cannot share evenly`);
  }
  return { projections: [named(layer.query), named(layer.key), named(layer.value)], heads };
}

/** What follows the attention in a layer: projection, sum and norm; feed-forward part, sum and norm. */
export function afterAttention(
  context: BuildContext,
  values: { readonly input: Value; readonly attended: Value },
  layer: PostNormLayer,
  settings: PostNormSettings,
): Value {
  const { graph, weights, products } = context;
  const output = linearLayer(weights, layer.output, 'wide');
  const projected = products.linear(graph, values.attended, output, { bias: 'apart' });
  const { epsilon } = settings;
  const middle = skipLayerNorm(
    context,
    { product: projected, skip: values.input, bias: biasOf(graph, output) },
    { name: layer.outputNorm, epsilon },
  );
  const up = linearLayer(weights, layer.up, 'normed');
  const down = { ...linearLayer(weights, layer.down, 'wide'), ...leastOf(settings.activation) };
  const widened = activate(graph, settings.activation, products.linear(graph, middle, up));
  const narrowed = products.linear(graph, widened, down, { bias: 'apart' });
  return skipLayerNorm(context, { product: narrowed, skip: middle, bias: biasOf(graph, down) }, { name: layer.downNorm, epsilon });
}

/** A whole layer with plain attention. */
export function postNormLayer(context: BuildContext, input: Value, layer: PostNormLayer, settings: PostNormSettings): Value {
  const attention = projections(context, layer, settings.heads);
  const attended = context.products.selfAttention(context.graph, input, attention, context.inputs.keyMask);
  return afterAttention(context, { input, attended }, layer, settings);
}
