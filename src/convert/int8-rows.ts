import type { Graph, Value } from './graph.ts';
import type { LinearLayer } from './products.ts';

/**
 * How the rows of a `wide` input are laid on the 256 values of a byte: each row has a scale of its own, taken from that row alone, so that a
 * text's vector cannot depend on its neighbours in a batch.
 */
export interface RowRange {
  /** The byte that stands for 0. */
  readonly zero: number;
  /** Steps between `zero` and the byte of a row's largest value. */
  readonly steps: number;
  /** A row's range is never taken to be less: keeps rows of zeros from dividing by 0, and small negative values inside the byte. */
  readonly floor: number;
}

/**
 * The range of a layer's input. Where a least value is known (GELU's -0.17), almost the whole byte serves the positive side: 1.8 times the
 * resolution of a symmetric range.
 */
export function rowRange({ least }: LinearLayer): RowRange {
  if (least === undefined) return { zero: 128, steps: 127, floor: 1e-6 };
  if (least >= 0) return { zero: 0, steps: 255, floor: 1e-6 };
  const zero = 28;
  const steps = 255 - zero;
  return { zero, steps, floor: (-least / zero) * steps };
}

/** Range of each row of `input`: [..., inputs] -> [..., 1], at least the floor. */
export function rowRanges(graph: Graph, input: Value, layer: LinearLayer): Value {
  const magnitude = layer.least === undefined ? graph.op('Abs', [input]) : input;
  const largest = graph.op('ReduceMax', [magnitude, graph.ints('last_axis', [-1])], { keepdims: { int: 1 } });
  return graph.op('Max', [largest, graph.floats('row_floor', [rowRange(layer).floor], [])]);
}
