import { selfAttentionOf } from './blocks-self-attention.ts';
import { FP32_PRODUCTS } from './fp32.ts';
import type { Graph, Value } from './graph.ts';
import type { LinearLayer, Products } from './products.ts';
import { type EncodedText, openRunner } from './run-graph.ts';

/** Largest magnitudes of what goes into a layer's product and of what comes out of it, before the bias. */
export interface LayerRange {
  readonly input: number;
  readonly output: number;
}

/** By {@link LinearLayer.name}. */
export type Ranges = ReadonlyMap<string, LayerRange>;

const outputName = (side: keyof LayerRange, layer: string) => `range.${side}:${layer}`;

/** float32 products that also give the range of every layer's input and output. */
export function rangeProducts(): Products {
  const seen = new Set<string>();
  const linear: Products['linear'] = (graph, input, layer, options) => {
    const product = FP32_PRODUCTS.linear(graph, input, layer, { bias: 'apart' });
    if (layer.precise !== true && !seen.has(layer.name)) {
      seen.add(layer.name);
      addRange(graph, 'input', layer, input);
      addRange(graph, 'output', layer, product);
    }
    if (layer.bias === undefined || options?.bias === 'apart') return product;
    return graph.op('Add', [product, graph.constant(`${layer.name}.bias`, 'float32', [layer.outputs], layer.bias)]);
  };
  return { linear, selfAttention: selfAttentionOf(linear), table: FP32_PRODUCTS.table };
}

function addRange(graph: Graph, side: keyof LayerRange, layer: LinearLayer, value: Value): void {
  const largest = graph.op('ReduceMax', [graph.op('Abs', [value])], { keepdims: { int: 0 } });
  graph.output(outputName(side, layer.name), largest, 'float32', []);
}

/**
 * Runs a graph built with {@link rangeProducts} over texts, one by one, since padding would count too.
 * @param path of the written graph
 */
export async function gatherRanges(
  path: string,
  texts: readonly EncodedText[],
  options: { readonly signal: AbortSignal; readonly onProgress: (done: number) => void },
): Promise<Ranges> {
  const runner = await openRunner(path);
  try {
    const ranges = new Map<string, LayerRange>();
    for (const [index, text] of texts.entries()) {
      options.signal.throwIfAborted();
      const outputs = await runner.run([text]);
      const read = (name: string) => Number(outputs[name]?.data[0] ?? 0);
      for (const layer of layersOf(runner.outputs)) {
        const held = ranges.get(layer) ?? { input: 0, output: 0 };
        const input = Math.max(held.input, read(outputName('input', layer)));
        ranges.set(layer, { input, output: Math.max(held.output, read(outputName('output', layer))) });
      }
      options.onProgress((index + 1) / texts.length);
    }
    return ranges;
  } finally {
    await runner.close();
  }
}

function layersOf(outputs: readonly string[]): readonly string[] {
  const prefix = outputName('input', '');
  return outputs.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}
