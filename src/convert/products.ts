import type { Graph, Value } from './graph.ts';

/** A linear layer of the model: y = x Wᵀ + b. */
export interface LinearLayer {
  /** As in the weights, without `.weight`; calibration statistics are kept under it. */
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Row-major [outputs, inputs], as PyTorch keeps it. */
  readonly weight: () => Float32Array;
  readonly bias: (() => Float32Array) | undefined;
  /**
   * What feeds it. `normed`: a layer norm's output, whose range calibration can know. `wide`: anything else (attention's output, the
   * feed-forward activation), where a static scale would clip what calibration never saw.
   */
  readonly input: 'normed' | 'wide';
  /** The least value that its input can take, where the operator before it has one (-0.17 behind GELU); absent: none is known. */
  readonly least?: number;
  /** A head's layer that costs next to nothing (a projection of one row a text, or to few columns): every precision keeps it in float. */
  readonly precise?: true;
}

/** Attention of an encoder whose query, key and value read the same tensor. */
export interface SelfAttentionLayer {
  /** Query, key and value, in this order. */
  readonly projections: readonly [LinearLayer, LinearLayer, LinearLayer];
  readonly heads: number;
  /** Of the scores; default 1 / sqrt(head size). */
  readonly scale?: number;
}

/**
 * How a graph multiplies by weights: one implementation a precision (fp32, int8, q4, fp16) and one that observes the inputs of every
 * linear layer for calibration. Families call these and never see a number format.
 */
export interface Products {
  /** [..., inputs] -> [..., outputs], without the bias where `bias: 'apart'`: the caller then hands the bias to a fused operator. */
  linear(graph: Graph, input: Value, layer: LinearLayer, options?: { readonly bias?: 'added' | 'apart' }): Value;
  /**
   * Projections and attention of a bidirectional encoder without rotary positions: [batch, tokens, hidden] -> the same.
   * `mask` int32 [batch, tokens], 1 where a token is real.
   */
  selfAttention(graph: Graph, input: Value, layer: SelfAttentionLayer, mask: Value): Value;
  /** The embedding table as a constant [rows, columns] for `Gather`. */
  table(graph: Graph, name: string, rows: number, columns: number, data: () => Float32Array): Value;
}
