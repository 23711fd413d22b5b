import { activate } from './blocks-activation.ts';
import { splitLast } from './blocks-projection.ts';
import type { BuildContext } from './family.ts';
import type { Value } from './graph.ts';
import type { LinearLayer } from './products.ts';

/** A feed-forward part whose activation is multiplied by a second projection (GLU): down(act(gate(x)) * up(x)). */
export interface GatedFeedForward {
  /** Gate and up as one layer (see joinedLayer), in the order that `first` names. */
  readonly into: LinearLayer;
  readonly first: 'gate' | 'up';
  readonly activation: string;
  readonly down: LinearLayer;
}

/** [texts, tokens, hidden] -> the same. */
export function gatedFeedForward(
  { graph, products }: BuildContext,
  value: Value,
  { into, first, activation, down }: GatedFeedForward,
): Value {
  const half = into.outputs / 2;
  const [front = '', back = ''] = splitLast(graph, products.linear(graph, value, into), [half, half]);
  const [gate, up] = first === 'gate' ? [front, back] : [back, front];
  return products.linear(graph, graph.op('Mul', [activate(graph, activation, gate), up]), down);
}
