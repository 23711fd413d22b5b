import type { Weights } from '../models/weights.ts';
import { firstToken, preciseLayer } from './blocks.ts';
import { activate } from './blocks-activation.ts';
import type { BuildContext } from './family.ts';
import type { Value } from './graph.ts';

/** A cross-encoder's head over the first token: dense, activation, classifier. */
export interface ClassifierHead {
  readonly dense: { readonly weights: Weights; readonly name: string };
  readonly activation: string;
  readonly classifier: { readonly weights: Weights; readonly name: string };
}

/** Logits: [texts, tokens, hidden] -> [texts, labels]. */
export function classify({ graph, products }: BuildContext, states: Value, head: ClassifierHead): Value {
  const pooled = products.linear(graph, firstToken(graph, states), preciseLayer(head.dense.weights, head.dense.name));
  const active = activate(graph, head.activation, pooled);
  return products.linear(graph, active, preciseLayer(head.classifier.weights, head.classifier.name));
}
