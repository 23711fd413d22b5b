import { LocalLiteError } from '../errors.ts';
import type { Weights } from '../models/weights.ts';

/** Tensors of layers that hold no weights: tables that the code can compute. */
const BUFFERS = /\.(inv_freq|position_ids|masked_bias|bias_mask)$/;

/** Weights that remember which tensors a builder asked for. */
export interface WatchedWeights {
  readonly weights: Weights;
  /**
   * Call it when the layers are built.
   * @throws LocalLiteError model_unsupported where tensors of the layers were left out: the model differs from its family there, and vectors
   * without them would be wrong
   */
  assertLayersUsed(family: string): void;
}

/** Watches which tensors are looked up. */
export function watchTensors(weights: Weights): WatchedWeights {
  const asked = new Set<string>();
  return {
    weights: {
      names: weights.names,
      shape(name) {
        asked.add(name);
        return weights.shape(name);
      },
      read: (name) => weights.read(name),
      close: () => weights.close(),
    },
    assertLayersUsed(family) {
      const unused = weights.names.filter((name) => /(^|\.)layers?\.\d+\./.test(name) && !asked.has(name) && !BUFFERS.test(name));
      if (unused.length === 0) return;
      const more = unused.length > 3 ? ` and ${unused.length - 3} more` : '';
      throw new LocalLiteError(
        'model_unsupported',
        `the weights hold ${unused.slice(0, 3).join(', ')}${more}, which models of the family ${family} do not have (or config.json names fewer layers)`,
      );
    },
  };
}
