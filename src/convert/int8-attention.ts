import type { Graph, Value } from './graph.ts';
import { byteProduct, type Product, staticInput, WEIGHT_CONSTANTS } from './int8-product.ts';
import type { LinearLayer, SelfAttentionLayer } from './products.ts';

/** Added to the scores of padding: its share of the attention rounds to 0. */
const UNSEEN = 10_000;

/**
 * Attention whose projections share one quantised input: [texts, tokens, hidden] -> the same.
 *
 * The bytes are laid out by token before the projections ([tokens, texts, hidden], a quarter of the floats to move), because the products of
 * queries and keys read that layout as it is; com.microsoft's attention operators move three float tensors instead. Faster than QAttention
 * up to some 256 tokens, by a fifth for short texts.
 * @param product the projections as one layer; its statistics have to be there
 * @param bias from {@link maskBias}
 */
export function byteAttention(product: Product, { projections, heads, scale }: SelfAttentionLayer, bias: Value): Value {
  const { graph, layer: joined } = product;
  const { bytes, weights } = staticInput(product, WEIGHT_CONSTANTS * projections.length);
  const byToken = graph.op('Transpose', [bytes], { perm: { ints: [1, 0, 2] } });
  let from = 0;
  const project = (layer: LinearLayer): Value => {
    const first = from;
    from += layer.outputs;
    const own = () => columns(weights(), joined.outputs, first, layer.outputs);
    const value = byteProduct(graph, { bytes: byToken, zero: 128 }, { ...layer, weights: own });
    return graph.op('Reshape', [value, graph.ints('heads_apart', [0, 0, heads, layer.outputs / heads])]);
  };
  const [query, key, value] = [project(projections[0]), project(projections[1]), project(projections[2])];
  const scores = graph.fused('FusedMatMul', [query, key], {
    transBatchA: { int: 1 },
    transBatchB: { int: 1 },
    transB: { int: 1 },
    alpha: { float: scale ?? (projections[0].outputs / heads) ** -0.5 },
  });
  const shares = graph.op('Softmax', [graph.op('Add', [scores, bias])], { axis: { int: -1 } });
  const attended = graph.fused('FusedMatMul', [shares, value], { transBatchB: { int: 1 } });
  const together = graph.op('Transpose', [attended], { perm: { ints: [0, 2, 1, 3] } });
  return graph.op('Reshape', [together, graph.ints('heads_joined', [0, 0, projections[2].outputs])]);
}

/** What the scores of all layers get added: int32 [texts, tokens] -> float32 [texts, 1, 1, tokens], 0 where a token is real. */
export function maskBias(graph: Graph, mask: Value): Value {
  const real = graph.op('Unsqueeze', [graph.op('Cast', [mask], { to: { int: FLOAT } }), graph.ints('score_axes', [1, 2])]);
  return graph.op('Mul', [graph.op('Sub', [real, graph.floats('one', [1], [])]), graph.floats('unseen', [UNSEEN], [])]);
}

/** `TensorProto.FLOAT`, for Cast. */
const FLOAT = 1;

type Weights = ReturnType<ReturnType<typeof staticInput>['weights']>;

/** Some neighbouring outputs of a layer. */
function columns({ values, scales, bias }: Weights, width: number, first: number, count: number): Weights {
  const picked = new Int8Array((values.length / width) * count);
  for (let row = 0; row * width < values.length; row++) {
    picked.set(values.subarray(row * width + first, row * width + first + count), row * count);
  }
  return { values: picked, scales: scales.slice(first, first + count), bias: bias.slice(first, first + count) };
}
