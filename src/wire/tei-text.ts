import { rankedPlaces } from './rerank.ts';
import { CHARACTERS_A_SLICE, inSlices, type ListPart, NUMBERS_A_SLICE } from './slices.ts';

/** Label of a cross-encoder's only output where its files give it no other name. */
const ONLY_LABEL = 'LABEL_0';
/** About what an answer says of a text besides it. */
const CHARACTERS_A_RANK = 60;

/** The body of POST /embed in slices: see {@link inSlices}. */
export function teiVectorsText(vectors: readonly Float32Array[]): Generator<string> {
  return inSlices('[', separated(vectors, vectorPart), ']');
}

function vectorPart(vector: Float32Array): ListPart {
  return { text: JSON.stringify(Array.from(vector)), share: vector.length / NUMBERS_A_SLICE.float };
}

/** The body of POST /embed_sparse in slices. */
export function teiSparseText(vectors: readonly { readonly indices: Int32Array; readonly values: Float32Array }[]): Generator<string> {
  return inSlices(
    '[',
    separated(vectors, ({ indices, values }) => {
      const pairs = Array.from(indices, (index, place) => ({ index, value: values[place] }));
      return { text: JSON.stringify(pairs), share: (2 * pairs.length) / NUMBERS_A_SLICE.float };
    }),
    ']',
  );
}

/** The body of POST /rerank in slices. `logits` decide the order, `scores` are told, both in the order of the texts. */
export function teiRanksText(
  { logits, scores }: { readonly logits: Float32Array; readonly scores: Float32Array },
  texts: readonly string[] | undefined,
): Generator<string> {
  return inSlices(
    '[',
    separated(rankedPlaces(logits), (index) => {
      const text = JSON.stringify({ index, ...(texts === undefined ? {} : { text: texts[index] }), score: scores[index] });
      return { text, share: (text.length + CHARACTERS_A_RANK) / CHARACTERS_A_SLICE };
    }),
    ']',
  );
}

/** The body of POST /predict: the only label of each pair; without an array around it for a lone one. */
export function teiPredictionsText(scores: Float32Array, single: boolean): string {
  const predictions = Array.from(scores, (score) => [{ score, label: ONLY_LABEL }]);
  return JSON.stringify(single ? predictions[0] : predictions);
}

function* separated<T>(items: readonly T[], part: (item: T) => ListPart): Generator<ListPart> {
  for (const [place, item] of items.entries()) {
    const { text, share } = part(item);
    yield { text: place === 0 ? text : `,${text}`, share };
  }
}
