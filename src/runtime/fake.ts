import { LocalLiteError } from '../errors.ts';
import type { InferenceSession, Tensor, TensorShape } from './session.ts';

/**
 * A pretend graph for tests of everything around inference: it goes through the real queue, the real worker processes and the real HTTP
 * app. Token states depend on the id and its position alone, so that vectors are the same in every batch and order can be asserted.
 */
export interface FakeGraph {
  readonly dimensions: number;
  /** Milliseconds a run takes for each padded token (busy-waits nothing, sleeps). */
  readonly millisecondsPerToken: number;
  /** Ids that make a run fail in the named way. */
  readonly faults: Readonly<Partial<Record<FakeFault, number>>>;
}

/** `throw`: the run fails; `crash`: the process ends at once; `hang`: the event loop never comes back; `starve`: memory runs out. */
export type FakeFault = 'throw' | 'crash' | 'hang' | 'starve';

const INPUTS: readonly TensorShape[] = ['input_ids', 'attention_mask'].map((name) => ({ name, type: 'int64', shape: ['batch', 'tokens'] }));

/** Opens a pretend graph; its input and output names are those of a plain BERT export. */
export function openFakeSession(graph: FakeGraph): InferenceSession {
  return {
    inputs: INPUTS,
    outputs: [{ name: 'last_hidden_state', type: 'float32', shape: ['batch', 'tokens', graph.dimensions] }],
    async run(feeds) {
      const ids = feeds['input_ids'];
      if (ids === undefined || !(ids.data instanceof BigInt64Array)) throw new LocalLiteError('internal', 'input_ids is missing');
      commitFaults(ids.data, graph.faults);
      await new Promise((resolve) => setTimeout(resolve, graph.millisecondsPerToken * ids.data.length));
      return { last_hidden_state: tokenStates(ids.data, ids.dims, graph.dimensions) };
    },
    dispose: async () => {},
  };
}

function commitFaults(ids: BigInt64Array, faults: FakeGraph['faults']): void {
  const has = (fault: FakeFault): boolean => faults[fault] !== undefined && ids.includes(BigInt(faults[fault]));
  if (has('throw')) throw new LocalLiteError('inference_failed', 'the pretend graph was told to fail');
  if (has('crash')) process.kill(process.pid, 'SIGKILL');
  if (has('starve')) {
    const hoard: number[][] = [];
    for (;;) hoard.push(new Array<number>(1_000_000).fill(0.5));
  }
  if (has('hang')) for (;;);
}

function tokenStates(ids: BigInt64Array, dims: readonly number[], width: number): Tensor {
  const data = new Float32Array(ids.length * width);
  ids.forEach((id, token) => {
    // A fixed, irrational-looking direction an id: sines of multiples of it.
    for (let column = 0; column < width; column++) data[token * width + column] = Math.sin((Number(id) + 1) * (column + 1) * 0.618);
  });
  return { type: 'float32', dims: [...dims, width], data };
}
