import { LocalLiteError } from '../errors.ts';
import type { IndexAnswer, Indexes, IndexHits } from '../indexing/index-types.ts';
import type { ChunkRow, CollectionRow, DocumentRow, FileRow, State } from '../state/state-types.ts';
import { makeContext } from './context.ts';
import { diversify } from './diversity.ts';
import { type Fused, fuseByRank, fuseByScore, type RankedList } from './fuse.ts';
import type { Inference } from './inference.ts';
import { collapse } from './near-copies.ts';
import { readQuery } from './query-text.ts';
import type { ScoreParts, SearchHit, SearchMode, SearchRequest, SearchResult, StoredFacts } from './retrieval-types.ts';
import { makeSnippet } from './snippet.ts';
import { checkStamp } from './stamp.ts';
import { stitch } from './stitch.ts';

/** What a search stands on. */
export interface SearchParts {
  readonly state: Pick<State, 'chunks' | 'chunksOf' | 'vectors' | 'documentsById' | 'findFile' | 'updateCollection'>;
  readonly indexes: Pick<Indexes, 'query'>;
  readonly inference: Inference;
  readonly defaults: {
    readonly mode: SearchMode;
    readonly fusion: 'rrf' | 'weighted';
    readonly denseWeight: number;
    readonly rerank: string | undefined;
  };
  readonly fidelityFloor: number;
}

/** Candidates of each side for every hit that is wanted: fusion and filters on hits need more than they return. */
const DEPTH_FACTOR = 5;
const LEAST_DEPTH = 100;
/** A reranker reads this many candidates. */
const RERANKED = 50;
/** A document that is replaced while a search runs takes its chunks away; the search is then done again, at most so often. */
const TRIES = 4;

/** A hit on its way: its chunk, its score so far and what it is made of. */
interface Scored {
  readonly row: ChunkRow;
  readonly score: number;
  readonly parts: ScoreParts;
  /** Passages that gave way to it. */
  readonly copies?: readonly ChunkRow[];
}

/** What was asked, with every choice made. */
interface Plan {
  readonly queries: readonly string[];
  readonly vectors: readonly Float32Array[];
  readonly mode: SearchMode;
  readonly k: number;
  readonly offset: number;
  readonly rerank: string | undefined;
  readonly request: SearchRequest;
}

/** Answers questions with passages of a collection. */
export class CollectionSearch {
  readonly #parts: SearchParts;

  constructor(parts: SearchParts) {
    this.#parts = parts;
  }

  /** @throws LocalLiteError invalid_request, index_mismatch, cancelled, and what inference throws */
  async search(collection: CollectionRow, request: SearchRequest): Promise<SearchResult> {
    const started = performance.now();
    const { edition } = collection;
    const queries = typeof request.query === 'string' ? [request.query] : request.query;
    const mode = request.mode ?? this.#parts.defaults.mode;
    const embedded = await this.#embed(collection, mode === 'text' ? [] : queries, request.signal);
    const embedMs = performance.now() - started;
    const plan: Plan = {
      queries,
      vectors: embedded.vectors,
      mode,
      k: request.k ?? 10,
      offset: request.offset ?? 0,
      rerank: this.#rerankerOf(request),
      request,
    };
    const found = await this.#find(collection, plan);
    const hits = await this.#present(found.page, plan);
    const context = await this.#context(hits, request.contextTokens, edition.model);
    return {
      collection: collection.id,
      model: edition.model,
      space: edition.space,
      variant: embedded.variant ?? edition.variant,
      hits,
      hasMore: found.hasMore,
      context,
      promptTokens: embedded.promptTokens,
      warnings: embedded.warnings,
      timings: { embedMs, searchMs: found.searchMs, rerankMs: found.rerankMs, totalMs: performance.now() - started },
    };
  }

  #rerankerOf({ rerank }: SearchRequest): string | undefined {
    const name = rerank ?? this.#parts.defaults.rerank;
    return name === 'none' ? undefined : name;
  }

  async #embed({ edition, name }: CollectionRow, queries: readonly string[], signal: AbortSignal | undefined): Promise<QueryVectors> {
    if (queries.length === 0) return { vectors: [], variant: undefined, promptTokens: 0, warnings: [] };
    const { inference, fidelityFloor: floor } = this.#parts;
    const options = { model: edition.model, inputType: 'query', priority: 'interactive', signal } as const;
    const { vectors, space, variant, promptTokens } = await inference.embed(queries, options);
    const warnings = await checkStamp(edition, { space, variant }, { fidelity: inference.fidelity, floor, collection: name });
    return { vectors, variant, promptTokens, warnings };
  }

  async #find(collection: CollectionRow, plan: Plan): Promise<Found> {
    for (let attempt = 1; ; attempt++) {
      const found = await this.#attempt(collection, plan, attempt === TRIES);
      if (found !== undefined) return found;
    }
  }

  /** Undefined when a document was replaced between looking and reading. */
  async #attempt(collection: CollectionRow, plan: Plan, isLast: boolean): Promise<Found | undefined> {
    const wanted = plan.offset + plan.k;
    let depth = Math.max(LEAST_DEPTH, wanted * DEPTH_FACTOR);
    for (;;) {
      const answer = await this.#look(collection, plan, depth);
      const fused = this.#fuse(answer, plan);
      const rows = await this.#rowsOf(fused);
      if (rows === undefined && !isLast) return undefined;
      const rerankStarted = performance.now();
      const ordered = await this.#order(scoredOf(fused, rows ?? new Map(), partsOf(answer)), plan);
      const rerankMs = performance.now() - rerankStarted;
      const isAll = depth >= answer.kept || Math.max(0, ...[...answer.dense, ...answer.text].map(({ chunks }) => chunks.length)) < depth;
      if (ordered.length > wanted || isAll) {
        const page = ordered.slice(plan.offset, wanted);
        return { page, hasMore: ordered.length > wanted, searchMs: answer.searchMs + answer.refreshMs, rerankMs };
      }
      depth *= 4;
    }
  }

  #look({ edition }: CollectionRow, { queries, vectors, mode, request }: Plan, k: number): Promise<IndexAnswer> {
    const texts = mode === 'dense' ? [] : queries.map((query) => readQuery(query, request.fuzzy ?? true));
    const { filter, exact, signal } = request;
    const query = {
      editionId: edition.id,
      vectors,
      texts,
      k,
      ...(filter !== undefined && { filter }),
      ...(exact !== undefined && { exact }),
    };
    return this.#parts.indexes.query(query, signal);
  }

  #fuse(answer: IndexAnswer, { mode, request }: Plan): readonly Fused[] {
    const { defaults } = this.#parts;
    const lists = [...answer.dense, ...answer.text];
    const [only] = lists;
    if (only !== undefined && lists.length === 1) return single(only, mode);
    const denseWeight = mode === 'hybrid' ? (request.denseWeight ?? defaults.denseWeight) : 1;
    const ranked: RankedList[] = [
      ...answer.dense.map((list) => ({ ...list, weight: denseWeight / answer.dense.length })),
      ...answer.text.map((list) => ({ ...list, weight: (mode === 'hybrid' ? 1 - denseWeight : 1) / answer.text.length })),
    ];
    return (request.fusion ?? defaults.fusion) === 'rrf' ? fuseByRank(ranked) : fuseByScore(ranked);
  }

  /** Chunks by id; undefined if one of them is gone. */
  async #rowsOf(fused: readonly Fused[]): Promise<ReadonlyMap<number, ChunkRow> | undefined> {
    const rows = new Map((await this.#parts.state.chunks(fused.map(({ chunk }) => chunk))).map((row) => [row.id, row]));
    return rows.size === fused.length ? rows : undefined;
  }

  async #order(scored: readonly Scored[], plan: Plan): Promise<readonly Scored[]> {
    const { request } = plan;
    const reranked = plan.rerank === undefined ? scored : await this.#rerank(plan.rerank, scored, plan);
    const good = request.minScore === undefined ? reranked : reranked.filter(({ score }) => score >= (request.minScore ?? 0));
    const wanted = plan.offset + plan.k + 1;
    const different = request.collapseDuplicates === true ? withoutCopies(good, Math.max(wanted, LEAST_DEPTH)) : good;
    const grouped = request.perDocument === undefined ? different : limitPerDocument(different, request.perDocument);
    if (request.diversity === undefined || request.diversity === 0) return grouped;
    return this.#diversify(grouped, request.diversity, wanted);
  }

  async #rerank(model: string, scored: readonly Scored[], { queries, request, offset, k }: Plan): Promise<readonly Scored[]> {
    const read = scored.slice(0, Math.max(RERANKED, offset + k));
    if (read.length === 0) return scored;
    const [query = ''] = queries;
    const relevance = await this.#parts.inference.rerank(
      model,
      query,
      read.map(({ row }) => row.text),
      request.signal,
    );
    const ordered = read.map((one, index) => ({
      ...one,
      score: relevance[index] ?? 0,
      parts: { ...one.parts, rerank: relevance[index] ?? 0 },
    }));
    return ordered.sort((a, b) => b.score - a.score || a.row.id - b.row.id);
  }

  async #diversify(scored: readonly Scored[], diversity: number, k: number): Promise<readonly Scored[]> {
    const near = scored.slice(0, Math.max(LEAST_DEPTH, k));
    const vectors = await this.#parts.state.vectors(near.map(({ row }) => row.id));
    const empty = new Float32Array();
    const candidates = near.map((item, index) => ({ item, score: item.score, vector: vectors[index] ?? empty }));
    return diversify(candidates, diversity, k);
  }

  async #present(page: readonly Scored[], { queries, request }: Plan): Promise<readonly SearchHit[]> {
    const documents = await this.#documentsOf(page);
    return await Promise.all(
      page.map(async ({ row, score, parts, copies }) => {
        const { document, file, facts } = documents.get(row.documentId) ?? missing(row);
        const { meta } = JSON.parse(row.meta) as { readonly meta?: SearchHit['meta'] };
        return {
          chunkId: row.id,
          fileId: file.id,
          fileName: file.name,
          title: facts.metadata?.title,
          ordinal: row.ordinal,
          score,
          parts,
          text: row.text,
          start: row.start,
          end: row.end,
          page: row.page,
          lastPage: row.lastPage,
          path: row.path,
          attributes: document.attributes,
          meta: meta ?? {},
          snippet: makeSnippet(row.text, queries),
          windowText: await this.#window(row, request.window),
          ...(copies !== undefined && {
            duplicates: copies.map(({ id, documentId }) => ({ chunkId: id, fileId: documents.get(documentId)?.file.id ?? '' })),
          }),
        };
      }),
    );
  }

  async #window(row: ChunkRow, window: number | undefined): Promise<string | undefined> {
    if (window === undefined || window === 0) return undefined;
    return stitch(await this.#parts.state.chunksOf(row.documentId, Math.max(0, row.ordinal - window), row.ordinal + window));
  }

  async #documentsOf(page: readonly Scored[]): Promise<ReadonlyMap<number, KnownDocument>> {
    const shown = page.flatMap(({ row, copies = [] }) => [row, ...copies]);
    const rows = await this.#parts.state.documentsById([...new Set(shown.map(({ documentId }) => documentId))]);
    const known = await Promise.all(
      rows.map(async (document): Promise<[number, KnownDocument] | undefined> => {
        const file = await this.#parts.state.findFile(document.fileId);
        return file === undefined ? undefined : [document.id, { document, file, facts: readFacts(document.facts) }];
      }),
    );
    return new Map(known.filter((entry) => entry !== undefined));
  }

  async #context(hits: readonly SearchHit[], tokens: number | undefined, model: string): Promise<SearchResult['context']> {
    if (tokens === undefined) return [];
    return makeContext(hits, tokens, await this.#parts.inference.counter(model));
  }
}

interface QueryVectors {
  readonly vectors: readonly Float32Array[];
  readonly variant: string | undefined;
  readonly promptTokens: number;
  readonly warnings: readonly string[];
}

interface Found {
  readonly page: readonly Scored[];
  readonly hasMore: boolean;
  readonly searchMs: number;
  readonly rerankMs: number;
}

interface KnownDocument {
  readonly document: DocumentRow;
  readonly file: FileRow;
  readonly facts: Partial<StoredFacts>;
}

function readFacts(json: string): Partial<StoredFacts> {
  return json === '' ? {} : (JSON.parse(json) as Partial<StoredFacts>);
}

/** The document went while the hits were being read; the next search will not find it. */
function missing(row: ChunkRow): never {
  throw new LocalLiteError('conflict', `a document was deleted while it was being read (passage ${row.id}); search again`);
}

/** One list alone keeps its own scores: a cosine as it is, BM25 as a share of the best. */
function single({ chunks, scores }: IndexHits, mode: SearchMode): readonly Fused[] {
  const best = mode === 'text' ? (scores[0] ?? 1) : 1;
  return chunks.map((chunk, index) => ({ chunk, score: Math.min(1, Math.max(0, (scores[index] ?? 0) / (best || 1))) }));
}

function partsOf(answer: IndexAnswer): ReadonlyMap<number, ScoreParts> {
  const parts = new Map<number, ScoreParts>();
  const add = (lists: readonly IndexHits[], name: 'dense' | 'text') => {
    for (const { chunks, scores } of lists) {
      for (const [index, chunk] of chunks.entries()) {
        const known = parts.get(chunk) ?? {};
        const score = scores[index] ?? 0;
        // Of several phrasings the best counts.
        if ((known[name] ?? Number.NEGATIVE_INFINITY) >= score) continue;
        parts.set(chunk, { ...known, [name]: score, [`${name}Rank`]: index + 1 });
      }
    }
  };
  add(answer.dense, 'dense');
  add(answer.text, 'text');
  return parts;
}

function scoredOf(fused: readonly Fused[], rows: ReadonlyMap<number, ChunkRow>, parts: ReadonlyMap<number, ScoreParts>): readonly Scored[] {
  return fused.flatMap(({ chunk, score }) => {
    const row = rows.get(chunk);
    return row === undefined ? [] : [{ row, score, parts: parts.get(chunk) ?? {} }];
  });
}

function withoutCopies(scored: readonly Scored[], most: number): readonly Scored[] {
  const groups = collapse(scored, ({ row }) => row.text, most);
  return groups.map(({ kept, copies }) => ({ ...kept, copies: copies.map(({ row }) => row) }));
}

function limitPerDocument(scored: readonly Scored[], most: number): readonly Scored[] {
  const counts = new Map<number, number>();
  return scored.filter(({ row }) => {
    const count = (counts.get(row.documentId) ?? 0) + 1;
    counts.set(row.documentId, count);
    return count <= most;
  });
}
