import type { Tensor, Tensors } from '../runtime/session.ts';
import type { EncodedText, GraphRunner } from './run-graph.ts';

/** Cosines between what two graphs make of the same texts, or one graph of the same texts in other batches. */
export interface Agreement {
  readonly meanCosine: number;
  readonly worstCosine: number;
  readonly texts: number;
}

/** Outputs that serve other outputs and are not what a model is asked for. */
const INNER = 'last_hidden_state';
/** Logits are compared in vectors of so many texts: one number has no direction. */
const LOGITS_A_VECTOR = 8;

/** Values of one text, or of a few where one has no direction, by output. */
export type Answers = ReadonlyMap<string, readonly Float32Array[]>;

/** Padded tokens of a batch at most, but for one long text: what a run needs in memory grows with them. */
const BATCH_TOKENS = 1024;

/** Runs texts in batches of at most `size` and gathers each text's outputs in the order of the texts. Give them sorted by length. */
export async function answersOf(
  runner: GraphRunner,
  texts: readonly EncodedText[],
  options: { readonly size: number; readonly signal: AbortSignal; readonly onProgress?: (done: number) => void },
): Promise<Answers> {
  const answers = new Map<string, Float32Array[]>();
  for (let from = 0; from < texts.length; ) {
    options.signal.throwIfAborted();
    const batch = texts.slice(from, from + fitting(texts, from, options.size));
    addAnswers(answers, await runner.run(batch), batch);
    from += batch.length;
    options.onProgress?.(from / texts.length);
  }
  return answers;
}

function fitting(texts: readonly EncodedText[], from: number, size: number): number {
  let longest = 0;
  for (let count = 0; count < size; count++) {
    longest = Math.max(longest, texts[from + count]?.ids.length ?? 0);
    if (count > 0 && longest * (count + 1) > BATCH_TOKENS) return count;
  }
  return size;
}

function addAnswers(answers: Map<string, Float32Array[]>, outputs: Tensors, batch: readonly EncodedText[]): void {
  const named = Object.entries(outputs);
  const wanted = named.length > 1 ? named.filter(([name]) => name !== INNER) : named;
  for (const [name, tensor] of wanted) {
    const list = answers.get(name) ?? [];
    answers.set(name, list);
    for (const [row, text] of batch.entries()) list.push(rowOf(name, tensor, row, text.ids.length));
  }
}

/** One text's values, without those of padding. */
function rowOf(name: string, { data, dims }: Tensor, row: number, length: number): Float32Array {
  const [, ...rest] = dims;
  const size = rest.reduce((product, dim) => product * dim, 1);
  const real = /^(token_|last_hidden)/.test(name) ? (size / (rest[0] ?? 1)) * length : size;
  return Float32Array.from(data.subarray(row * size, row * size + real), Number);
}

/** Agreement of all outputs: of several, the one that agrees least. */
export function agreement(actual: Answers, expected: Answers): Agreement {
  const cosines = [...expected].map(([name, vectors]) => {
    const others = actual.get(name) ?? [];
    return name === 'logits' ? logitCosines(others, vectors) : vectors.map((vector, index) => cosineOf(others[index], vector));
  });
  const least = cosines.map(summary).toSorted((a, b) => a.meanCosine - b.meanCosine)[0];
  return least ?? { meanCosine: 0, worstCosine: 0, texts: 0 };
}

function summary(cosines: readonly number[]): Agreement {
  return {
    meanCosine: cosines.reduce((sum, value) => sum + value, 0) / Math.max(1, cosines.length),
    worstCosine: cosines.reduce((least, value) => Math.min(least, value), 1),
    texts: cosines.length,
  };
}

/** Cosines of logits around their mean, {@link LOGITS_A_VECTOR} texts a vector: what a ranking depends on. */
function logitCosines(actual: readonly Float32Array[], expected: readonly Float32Array[]): readonly number[] {
  const all = expected.flatMap((values) => [...values]);
  const middle = all.reduce((sum, value) => sum + value, 0) / Math.max(1, all.length);
  const centred = (rows: readonly Float32Array[], from: number) =>
    Float32Array.from(rows.slice(from, from + LOGITS_A_VECTOR).flatMap((values) => [...values].map((value) => value - middle)));
  const starts = Array.from({ length: Math.ceil(expected.length / LOGITS_A_VECTOR) }, (_, index) => index * LOGITS_A_VECTOR);
  return starts.map((from) => cosineOf(centred(actual, from), centred(expected, from)));
}

/** Cosine; 1 for two vectors of zeros, 0 where only one is or they differ in length. */
function cosineOf(a: Float32Array | undefined, b: Float32Array): number {
  if (a?.length !== b.length) return 0;
  let dot = 0;
  let aa = 0;
  let bb = 0;
  for (let index = 0; index < b.length; index++) {
    const x = a[index] ?? 0;
    const y = b[index] ?? 0;
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  if (aa === 0 && bb === 0) return 1;
  return dot === 0 ? 0 : dot / Math.sqrt(aa * bb);
}
