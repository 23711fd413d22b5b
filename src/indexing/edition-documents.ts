import type { Attributes } from '../state/state-types.ts';
import { keepOnly } from './chunk-set.ts';
import { compileFilter } from './filter.ts';
import type { IndexQuery, Keep } from './index-types.ts';

/** Questions whose kept chunks are remembered: pages of one search ask the same again. */
const MOST_REMEMBERED = 8;

/** Which chunks an edition has, whose they are, and what filters ask about their documents. */
export class EditionDocuments {
  readonly #documentOf = new Map<number, number>();
  readonly #chunksOf = new Map<number, number[]>();
  readonly #attributes = new Map<number, Attributes>();
  readonly #remembered = new Map<string, Keep & { readonly count: number }>();

  /** Chunks of all documents. */
  get size(): number {
    return this.#documentOf.size;
  }

  get memoryBytes(): number {
    return this.#documentOf.size * 48 + this.#attributes.size * 200;
  }

  has(chunk: number): boolean {
    return this.#documentOf.has(chunk);
  }

  chunks(): Iterable<number> {
    return this.#documentOf.keys();
  }

  add(chunk: number, document: number): void {
    this.#remembered.clear();
    this.#documentOf.set(chunk, document);
    const chunks = this.#chunksOf.get(document);
    if (chunks === undefined) this.#chunksOf.set(document, [chunk]);
    else chunks.push(chunk);
  }

  remove(chunk: number): void {
    const document = this.#documentOf.get(chunk);
    if (document === undefined) return;
    this.#remembered.clear();
    this.#documentOf.delete(chunk);
    const left = this.#chunksOf.get(document)?.filter((other) => other !== chunk) ?? [];
    if (left.length > 0) {
      this.#chunksOf.set(document, left);
    } else {
      this.#chunksOf.delete(document);
      this.#attributes.delete(document);
    }
  }

  setAttributes(document: number, attributes: Attributes): void {
    this.#remembered.clear();
    this.#attributes.set(document, attributes);
  }

  /** Chunks that may be hits; undefined: all. @throws LocalLiteError invalid_request */
  kept({ filter, documents }: Pick<IndexQuery, 'filter' | 'documents'>): (Keep & { readonly count: number }) | undefined {
    if (filter === undefined && documents === undefined) return undefined;
    const question = JSON.stringify([filter, documents]);
    const known = this.#remembered.get(question);
    if (known !== undefined) return known;
    const test = filter === undefined ? undefined : compileFilter(filter);
    const chunks: number[] = [];
    for (const document of new Set(documents ?? this.#chunksOf.keys())) {
      if (test !== undefined && !test(this.#attributes.get(document) ?? {})) continue;
      for (const chunk of this.#chunksOf.get(document) ?? []) chunks.push(chunk);
    }
    const keep = keepOnly(chunks);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size >= MOST_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(question, keep);
    return keep;
  }
}
