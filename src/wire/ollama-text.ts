import { inSlices, type ListPart, NUMBERS_A_SLICE } from './slices.ts';

/** What an answer of POST /api/embed says besides the vectors; durations in nanoseconds. */
export interface OllamaEmbedFacts {
  readonly model: string;
  readonly total_duration: number;
  readonly load_duration: number;
  readonly prompt_eval_count: number;
}

/** The body of POST /api/embed in slices: see {@link inSlices}. */
export function ollamaEmbedText(vectors: readonly Float32Array[], { model, ...facts }: OllamaEmbedFacts): Generator<string> {
  return inSlices(`{"model":${JSON.stringify(model)},"embeddings":[`, vectorParts(vectors), `],${JSON.stringify(facts).slice(1)}`);
}

function* vectorParts(vectors: readonly Float32Array[]): Generator<ListPart> {
  for (const [place, vector] of vectors.entries()) {
    const text = JSON.stringify(Array.from(vector));
    yield { text: place === 0 ? text : `,${text}`, share: vector.length / NUMBERS_A_SLICE.float };
  }
}
