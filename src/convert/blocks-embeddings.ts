import { LocalLiteError } from '../errors.ts';
import type { Weights } from '../models/weights.ts';
import { expectShape, normConstants, shapeOf } from './blocks.ts';
import type { BuildContext } from './family.ts';
import type { Value } from './graph.ts';

/** Tables of an encoder with learnt positions; names within the encoder. */
export interface EmbeddingLayout {
  readonly words: string;
  readonly positions: string;
  /** Absent where the family has no types of token. */
  readonly types?: string;
  readonly norm: string;
  readonly epsilon: number;
  /**
   * RoBERTa's rule: the n-th token that is not padding stands at position `afterPadding` + n, counted from 1. Absent: a token's position is
   * its place.
   */
  readonly afterPadding?: number;
}

/**
 * Word + position + type embeddings and their layer norm, in one operator: float32 [texts, tokens, hidden].
 * Where the graph takes no types, that of type 0 is added to the positions beforehand.
 */
export function embeddings(context: BuildContext, layout: EmbeddingLayout): Value {
  const { graph, weights, inputs, products } = context;
  const [rows = 0, hidden = 0] = shapeOf(weights, layout.words, 2);
  const words = products.table(graph, layout.words, rows, hidden, () => weights.read(layout.words));
  const typed = inputs.typeIds !== undefined && layout.types !== undefined;
  const ids = graph.op('Cast', [inputs.ids], { to: { int: INT32 } });
  const typeIds = typed ? graph.op('Cast', [inputs.typeIds ?? ''], { to: { int: INT32 } }) : '';
  const operands = [
    ids,
    typeIds,
    words,
    positionTable(context, layout, { hidden, addType: !typed }),
    typed ? typeTable(context, layout.types ?? '', hidden) : '',
    ...normConstants(graph, weights, layout.norm),
    ...(layout.afterPadding === undefined ? [] : ['', positionIds(context, ids, layout.afterPadding)]),
  ];
  const outputs = graph.many('EmbedLayerNormalization', 'com.microsoft', operands, { epsilon: { float: layout.epsilon } }, 2);
  return outputs[0] ?? '';
}

/** `TensorProto.INT32`, for Cast. */
const INT32 = 6;

function positionTable({ graph, weights }: BuildContext, layout: EmbeddingLayout, how: { hidden: number; addType: boolean }): Value {
  const [rows = 0] = shapeOf(weights, layout.positions, 2);
  expectShape(weights, layout.positions, [rows, how.hidden]);
  const types = how.addType ? layout.types : undefined;
  if (types !== undefined) shapeOf(weights, types, 2);
  return graph.constant(layout.positions, 'float32', [rows, how.hidden], () => summed(weights, layout.positions, types));
}

function summed(weights: Weights, positions: string, types: string | undefined): Float32Array {
  const table = weights.read(positions);
  if (types === undefined) return table;
  const hidden = weights.shape(positions)?.[1] ?? 1;
  const type = weights.read(types).subarray(0, hidden);
  for (let at = 0; at < table.length; at++) table[at] = (table[at] ?? 0) + (type[at % hidden] ?? 0);
  return table;
}

function typeTable({ graph, weights }: BuildContext, name: string, hidden: number): Value {
  const [rows = 0] = shapeOf(weights, name, 2);
  expectShape(weights, name, [rows, hidden]);
  return graph.constant(name, 'float32', [rows, hidden], () => weights.read(name));
}

/** Counts ids other than padding, as the published models do: a text that spells the padding token out is counted without it. */
function positionIds({ graph }: BuildContext, ids: Value, padding: number): Value {
  const paddingId = graph.constant('padding_id', 'int32', [], Int32Array.of(padding));
  const real = graph.op('Cast', [graph.op('Not', [graph.op('Equal', [ids, paddingId])])], { to: { int: INT32 } });
  const counted = graph.op('CumSum', [real, graph.ints('token_axis', [1], [])]);
  return graph.op('Add', [graph.op('Mul', [counted, real]), paddingId]);
}

/**
 * The longest text that a table of learnt positions has rows for.
 * @throws LocalLiteError model_unsupported when texts of `maxTokens` do not fit
 */
export function assertPositions(context: BuildContext, layout: EmbeddingLayout): void {
  const [rows = 0] = shapeOf(context.weights, layout.positions, 2);
  const places = rows - (layout.afterPadding === undefined ? 0 : layout.afterPadding + 1);
  if (context.maxTokens <= places) return;
  throw new LocalLiteError(
    'model_unsupported',
    `the model has positions for ${places} tokens, but its card (or the setting max_tokens) allows ${context.maxTokens}`,
  );
}
