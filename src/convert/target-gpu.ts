import { LocalLiteError } from '../errors.ts';
import { selfAttentionOf } from './blocks-self-attention.ts';
import { buildGraph, type ModelFiles } from './build.ts';
import type { ConvertRequest } from './convert-types.ts';
import { halfGraph } from './fp16.ts';
import { FP32_PRODUCTS } from './fp32.ts';
import type { Graph } from './graph.ts';
import { plainGraph } from './plain.ts';
import type { Products } from './products.ts';

/**
 * The graph of a model for graphics processors: ONNX's own operators only, which CUDA, DirectML, WebGPU and CoreML place. fp16 keeps weights
 * and most values in float16; norms' squares, sums that grow over layers, heads and finished vectors stay in float32. Inputs and outputs are
 * the same as on the processor.
 * @throws LocalLiteError model_unsupported for another precision than fp16 and fp32, and where buildGraph does
 */
export function buildGpuGraph(files: ModelFiles, request: ConvertRequest): Graph {
  if (request.precision !== 'fp16' && request.precision !== 'fp32') {
    throw new LocalLiteError('model_unsupported', `graphs for the target gpu are made in fp16 and fp32, not in ${request.precision}`);
  }
  const { products, precise } = observedProducts();
  const plain = plainGraph(buildGraph(files, request, products));
  if (request.precision === 'fp32') return plain;
  return halfGraph(plain, { precise, activations: files.family.outgrowsHalf === true ? 'float' : 'half' });
}

/** Float32 products that note which weights have to stay so. */
function observedProducts(): { readonly products: Products; readonly precise: ReadonlySet<string> } {
  const precise = new Set<string>();
  const linear: Products['linear'] = (graph, input, layer, options) => {
    if (layer.precise === true) precise.add(`${layer.name}.weight`);
    return FP32_PRODUCTS.linear(graph, input, layer, options);
  };
  return { products: { linear, selfAttention: selfAttentionOf(linear), table: FP32_PRODUCTS.table }, precise };
}
