import { FP32_PRODUCTS, joinedProjections } from './fp32.ts';
import type { Graph, Value } from './graph.ts';
import { rowRanges } from './int8-rows.ts';
import type { LinearLayer, Products } from './products.ts';
import { type EncodedText, type GraphRunner, openRunner } from './run-graph.ts';
import type { LayerStatistics, Statistics } from './statistics.ts';

/** What an observing graph gives of a layer's input, beside the layer's name in the name of an output. */
const SEEN = ['largest', 'sum', 'squares'] as const;
type Seen = (typeof SEEN)[number];
const outputName = (layer: string, seen: Seen) => `${seen}:${layer}`;

/** float32 products that also give statistics of the input of every layer that quantisation is for. Feed texts of one length only. */
export function observingProducts(): Products {
  const observed = new Set<string>();
  const observeOnce = (graph: Graph, input: Value, layer: LinearLayer) => {
    if (layer.precise === true || observed.has(layer.name)) return;
    observed.add(layer.name);
    observe(graph, input, layer);
  };
  return {
    linear(graph, input, layer, options) {
      observeOnce(graph, input, layer);
      return FP32_PRODUCTS.linear(graph, input, layer, options);
    },
    selfAttention(graph, input, layer, mask) {
      observeOnce(graph, input, joinedProjections(layer));
      return FP32_PRODUCTS.selfAttention(graph, input, layer, mask);
    },
    table: FP32_PRODUCTS.table,
  };
}

function observe(graph: Graph, input: Value, layer: LinearLayer): void {
  const values = layer.input === 'normed' ? input : graph.op('Div', [input, rowRanges(graph, input, layer)]);
  const rows = graph.op('Reshape', [values, graph.ints('rows', [-1, layer.inputs])]);
  const overRows = (op: string, value: Value) => graph.op(op, [value, graph.ints('row_axis', [0])], { keepdims: { int: 0 } });
  const add = (seen: Seen, value: Value) => graph.output(outputName(layer.name, seen), value, 'float32', [layer.inputs]);
  // Of a wide input no static range is made.
  if (layer.input === 'normed') add('largest', overRows('ReduceMax', graph.op('Abs', [rows])));
  add('sum', overRows('ReduceSum', rows));
  add('squares', overRows('ReduceSumSquare', rows));
}

/** Gathers statistics of every layer by running an observing graph (see {@link observingProducts}) over texts. */
export async function gatherStatistics(
  path: string,
  texts: readonly EncodedText[],
  options: { readonly signal: AbortSignal; readonly onProgress: (done: number) => void },
): Promise<Statistics> {
  const runner = await openRunner(path);
  try {
    const sums = new Map<string, Sums>();
    const batches = sameLengths(texts);
    let tokens = 0;
    for (const [index, batch] of batches.entries()) {
      options.signal.throwIfAborted();
      tokens += await addBatch(sums, runner, batch);
      options.onProgress((index + 1) / batches.length);
    }
    return new Map([...sums].map(([name, layer]) => [name, statisticsOf(layer, tokens)]));
  } finally {
    await runner.close();
  }
}

interface Sums {
  readonly largest: Float32Array | undefined;
  readonly sum: Float64Array;
  readonly squares: Float64Array;
}

async function addBatch(sums: Map<string, Sums>, runner: GraphRunner, batch: readonly EncodedText[]): Promise<number> {
  const outputs = await runner.run(batch);
  const prefix = outputName('', 'sum');
  for (const name of Object.keys(outputs)) {
    if (!name.startsWith(prefix)) continue;
    const layer = name.slice(prefix.length);
    const [largest, sum, squares] = SEEN.map((seen) => outputs[outputName(layer, seen)]?.data);
    sums.set(layer, added(sums.get(layer), { largest: floats(largest), sum: floats(sum) ?? NONE, squares: floats(squares) ?? NONE }));
  }
  return batch.reduce((total, { ids }) => total + ids.length, 0);
}

const NONE = new Float32Array(0);

function floats(data: unknown): Float32Array | undefined {
  return data instanceof Float32Array ? data : undefined;
}

interface BatchValues {
  readonly largest: Float32Array | undefined;
  readonly sum: Float32Array;
  readonly squares: Float32Array;
}

function added(held: Sums | undefined, { largest, sum, squares }: BatchValues): Sums {
  return {
    largest: largest?.map((value, channel) => Math.max(value, held?.largest?.[channel] ?? 0)),
    sum: Float64Array.from(sum, (value, channel) => value + (held?.sum[channel] ?? 0)),
    squares: Float64Array.from(squares, (value, channel) => value + (held?.squares[channel] ?? 0)),
  };
}

function statisticsOf({ largest, sum, squares }: Sums, tokens: number): LayerStatistics {
  return {
    largest,
    mean: Float32Array.from(sum, (value) => value / tokens),
    energy: Float32Array.from(squares, (value) => value / tokens),
  };
}

/** Padding would be observed too, so that a batch holds texts of one length. */
function sameLengths(texts: readonly EncodedText[]): readonly (readonly EncodedText[])[] {
  const batches: EncodedText[][] = [];
  for (const text of texts.toSorted((a, b) => a.ids.length - b.ids.length)) {
    const last = batches.at(-1);
    const length = text.ids.length;
    if (last?.[0] !== undefined && last[0].ids.length === length && (last.length + 1) * length <= BATCH_TOKENS) last.push(text);
    else batches.push([text]);
  }
  return batches;
}

/** Tokens of a batch at most, but for one long text. */
const BATCH_TOKENS = 512;
