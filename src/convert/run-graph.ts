import { openSession } from '../runtime/onnx.ts';
import type { Tensor, Tensors } from '../runtime/session.ts';

/** A text as a graph takes it. `typeIds` matter to graphs of pairs only. */
export interface EncodedText {
  readonly ids: Int32Array;
  readonly typeIds?: Int32Array;
}

/** A graph that a conversion made, open on one core. */
export interface GraphRunner {
  readonly outputs: readonly string[];
  /** Runs texts, padded on the right to the longest; all outputs. */
  run(texts: readonly EncodedText[]): Promise<Tensors>;
  close(): Promise<void>;
}

/** Opens a graph that a conversion wrote, on the processor, with the inputs of `buildGraph`. */
export async function openRunner(path: string): Promise<GraphRunner> {
  const session = await openSession({ path, provider: 'cpu', threads: 1, runtimePackage: undefined, providerLibrary: undefined });
  // Opening begins a profile, which would grow with every run.
  await session.nodesByProvider();
  const outputs = session.outputs.map(({ name }) => name);
  return {
    outputs,
    run: (texts) => session.run(Object.fromEntries(session.inputs.map(({ name }) => [name, feedOf(name, texts)])), outputs),
    close: () => session.dispose(),
  };
}

function feedOf(name: string, texts: readonly EncodedText[]): Tensor {
  const width = texts.reduce((longest, { ids }) => Math.max(longest, ids.length), 0);
  const data = new BigInt64Array(texts.length * width);
  texts.forEach(({ ids, typeIds }, row) => {
    for (let token = 0; token < ids.length; token++) {
      const word = name === 'input_ids' ? ids[token] : name === 'attention_mask' ? 1 : typeIds?.[token];
      data[row * width + token] = BigInt(word ?? 0);
    }
  });
  return { type: 'int64', dims: [texts.length, width], data };
}
