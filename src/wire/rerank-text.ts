import { type RerankDocument, type RerankExtension, rankedPlaces } from './rerank.ts';
import { CHARACTERS_A_SLICE, inSlices, type ListPart } from './slices.ts';

/** Documents that Cohere counts as one search. */
const DOCUMENTS_A_SEARCH = 100;
/** About what an answer says of a document besides its text. */
const CHARACTERS_A_RESULT = 80;

/** What was ranked, and what came of it. */
export interface Ranking {
  /** Names this answer. */
  readonly id: string;
  readonly documents: readonly RerankDocument[];
  /** What decides the order, in the order of the documents: fine differences that relevance near 0 and 1 cannot hold count, too. */
  readonly logits: Float32Array;
  /** What is told, in the order of the documents. */
  readonly scores: Float32Array;
  readonly topN?: number | undefined;
  readonly returnDocuments: boolean;
  /** Documents that were cut. */
  readonly cut: number;
}

/** The body of POST /v1/rerank in slices: see {@link inSlices}. */
export function rerankText(
  ranking: Ranking,
  facts: { readonly model: string; readonly promptTokens: number; readonly extension: RerankExtension },
): Generator<string> {
  const { model, promptTokens, extension } = facts;
  const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens };
  return resultsText({ id: ranking.id, model, usage, meta: metaOf(ranking, '1'), locallite: extension }, ranking);
}

/** The body of POST /v2/rerank in slices. */
export function cohereRerankText(ranking: Ranking): Generator<string> {
  return resultsText({ id: ranking.id, meta: metaOf(ranking, '2') }, ranking);
}

function metaOf({ documents, cut }: Ranking, version: '1' | '2'): object {
  const warnings = cut === 0 ? {} : { warnings: [`${cut} of ${documents.length} documents were too long and have been cut`] };
  return { api_version: { version }, billed_units: { search_units: Math.ceil(documents.length / DOCUMENTS_A_SEARCH) }, ...warnings };
}

function resultsText(head: object, ranking: Ranking): Generator<string> {
  return inSlices(`${JSON.stringify(head).slice(0, -1)},"results":[`, resultParts(ranking), ']}');
}

function* resultParts({ documents, logits, scores, topN, returnDocuments }: Ranking): Generator<ListPart> {
  for (const [place, index] of rankedPlaces(logits, topN).entries()) {
    const document = returnDocuments ? { document: asObject(documents[index]) } : {};
    const text = JSON.stringify({ index, relevance_score: scores[index], ...document });
    yield { text: place === 0 ? text : `,${text}`, share: (text.length + CHARACTERS_A_RESULT) / CHARACTERS_A_SLICE };
  }
}

function asObject(document: RerankDocument | undefined): object | undefined {
  return typeof document === 'string' ? { text: document } : document;
}
