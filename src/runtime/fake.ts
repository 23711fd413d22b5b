import { LocalLiteError } from '../errors.ts';
import type { InferenceSession, Tensor, TensorShape } from './session.ts';

/**
 * A pretend graph for tests of everything around inference: it goes through the real queue, the real worker processes and the real HTTP
 * app. Token states depend on the id and its position alone, so that vectors are the same in every batch and order can be asserted.
 * It has every head that a graph can have; see {@link openFakeSession} for their numbers.
 */
export interface FakeGraph {
  readonly dimensions: number;
  /** Terms of the vocabulary; default 1024. */
  readonly vocabulary?: number;
  /** Ids that no head counts as words; default none. */
  readonly specialIds?: readonly number[];
  /** Milliseconds a run takes for each padded token (busy-waits nothing, sleeps). */
  readonly millisecondsPerToken: number;
  /** Ids that make a run fail in the named way. */
  readonly faults: Readonly<Partial<Record<FakeFault, number>>>;
  /** Outputs that the graph is to lack. */
  readonly without?: readonly string[];
}

/** `throw`: the run fails; `crash`: the process ends at once; `hang`: the event loop never comes back; `starve`: memory runs out. */
export type FakeFault = 'throw' | 'crash' | 'hang' | 'starve';

const INPUTS: readonly TensorShape[] = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) => ({
  name,
  type: 'int64',
  shape: ['batch', 'tokens'],
}));
const VOCABULARY = 1024;

/** Ids, mask and type ids of one padded batch. */
interface Rows {
  readonly ids: BigInt64Array;
  readonly mask: BigInt64Array;
  readonly types: BigInt64Array;
  readonly count: number;
  readonly width: number;
}

/**
 * Opens a pretend graph. Its inputs are those of a plain BERT export; its outputs are
 * - `last_hidden_state`: sines of multiples of the id;
 * - `logits` [texts, 1]: words of the passage (type 1) that the query (type 0) has, too: the n-th word of the passage counts 1 / n; minus 1;
 * - `vocabulary_weights`: log(1 + how often the text has the term);
 * - `token_weights`: 1 / (1 + the token's place);
 * - `token_vectors`: the token states at unit length.
 */
export function openFakeSession(graph: FakeGraph): InferenceSession {
  const outputs = OUTPUTS.filter(({ name }) => graph.without?.includes(name) !== true);
  return {
    inputs: INPUTS,
    outputs: outputs.map(({ name, shape }) => ({ name, type: 'float32', shape: shape(graph) })),
    async run(feeds, wanted) {
      const ids = longs(feeds['input_ids']);
      commitFaults(ids, graph.faults);
      await new Promise((resolve) => setTimeout(resolve, graph.millisecondsPerToken * ids.length));
      const [count = 0, width = 0] = feeds['input_ids']?.dims ?? [];
      const rows = { ids, mask: longs(feeds['attention_mask']), types: longs(feeds['token_type_ids']), count, width };
      return Object.fromEntries(outputs.flatMap(({ name, make }) => (wanted.includes(name) ? [[name, make(rows, graph)]] : [])));
    },
    dispose: async () => {},
  };
}

interface FakeOutput {
  readonly name: string;
  readonly shape: (graph: FakeGraph) => readonly (number | string)[];
  readonly make: (rows: Rows, graph: FakeGraph) => Tensor;
}

const OUTPUTS: readonly FakeOutput[] = [
  { name: 'last_hidden_state', shape: ({ dimensions }) => ['batch', 'tokens', dimensions], make: tokenStates },
  { name: 'logits', shape: () => ['batch', 1], make: logits },
  { name: 'vocabulary_weights', shape: ({ vocabulary }) => ['batch', vocabulary ?? VOCABULARY], make: vocabularyWeights },
  { name: 'token_weights', shape: () => ['batch', 'tokens'], make: tokenWeights },
  { name: 'token_vectors', shape: ({ dimensions }) => ['batch', 'tokens', dimensions], make: tokenVectors },
];

function longs(tensor: Tensor | undefined): BigInt64Array {
  if (tensor?.data instanceof BigInt64Array) return tensor.data;
  throw new LocalLiteError('internal', 'an input of the pretend graph is missing');
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

function tokenStates({ ids, count, width }: Rows, { dimensions }: FakeGraph): Tensor {
  const data = new Float32Array(ids.length * dimensions);
  ids.forEach((id, token) => {
    // A fixed, irrational-looking direction an id: sines of multiples of it.
    for (let column = 0; column < dimensions; column++)
      data[token * dimensions + column] = Math.sin((Number(id) + 1) * (column + 1) * 0.618);
  });
  return { type: 'float32', dims: [count, width, dimensions], data };
}

function tokenVectors(rows: Rows, graph: FakeGraph): Tensor {
  const states = tokenStates(rows, graph);
  const data = Float32Array.from(states.data, Number);
  for (let start = 0; start < data.length; start += graph.dimensions) {
    const vector = data.subarray(start, start + graph.dimensions);
    const length = Math.hypot(...vector);
    vector.forEach((value, column) => {
      vector[column] = value / length;
    });
  }
  return { type: 'float32', dims: states.dims, data };
}

/** Ids of one row's words of one type, special ones left out. */
function wordsOf({ ids, mask, types, width }: Rows, row: number, type: bigint | undefined, specials: readonly number[]): number[] {
  const words: number[] = [];
  for (let at = row * width; at < (row + 1) * width; at++) {
    const id = Number(ids[at] ?? 0n);
    if (mask[at] === 1n && (type === undefined || types[at] === type) && !specials.includes(id)) words.push(id);
  }
  return words;
}

function logits(rows: Rows, { specialIds = [] }: FakeGraph): Tensor {
  const data = Float32Array.from({ length: rows.count }, (_, row) => {
    const query = new Set(wordsOf(rows, row, 0n, specialIds));
    const passage = wordsOf(rows, row, 1n, specialIds);
    return passage.reduce((sum, id, place) => sum + (query.has(id) ? 1 / (place + 1) : 0), -1);
  });
  return { type: 'float32', dims: [rows.count, 1], data };
}

function vocabularyWeights(rows: Rows, { specialIds = [], vocabulary = VOCABULARY }: FakeGraph): Tensor {
  const data = new Float32Array(rows.count * vocabulary);
  for (let row = 0; row < rows.count; row++) {
    for (const id of wordsOf(rows, row, undefined, specialIds)) data[row * vocabulary + id] = (data[row * vocabulary + id] ?? 0) + 1;
  }
  return { type: 'float32', dims: [rows.count, vocabulary], data: data.map(Math.log1p) };
}

function tokenWeights({ ids, count, width }: Rows): Tensor {
  return { type: 'float32', dims: [count, width], data: Float32Array.from(ids, (_, at) => 1 / (1 + (at % width))) };
}
