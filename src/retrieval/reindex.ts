import type { ChunkerSettings, ParsedDocument } from '../documents/document-types.ts';
import { LocalLiteError } from '../errors.ts';
import type { CollectionRow, EditionRow, State } from '../state/state-types.ts';
import { EmbedFeeder } from './embed-feeder.ts';
import { indexDocument } from './index-document.ts';
import type { IngestWatch } from './ingest.ts';
import type { IngestParts } from './ingest-parts.ts';
import { runLimited, type Weighed } from './limited.ts';
import type { IngestProgress, StoredFacts } from './retrieval-types.ts';
import { checkStamp } from './stamp.ts';

/** What a re-index job keeps in the database. */
export interface ReindexPayload {
  readonly collectionId: string;
  /** Stamp of the edition to build. */
  readonly edition: Pick<EditionRow, 'model' | 'space' | 'variant' | 'dimensions' | 'chunker'>;
}

const PAGE = 64;

/**
 * Builds another edition of a collection beside the one that is searched, of the texts that are stored, and puts it in its place once it has
 * caught up with everything that was ingested meanwhile. Begun again, it goes on where it was.
 * @throws LocalLiteError not_found, cancelled, conflict (another re-index began), index_mismatch (the model changed while it ran)
 */
export async function runReindex(payload: ReindexPayload, parts: IngestParts, watch: IngestWatch): Promise<Record<string, unknown>> {
  const { state } = parts;
  const collection = await state.findCollection(payload.collectionId);
  if (collection === undefined) throw new LocalLiteError('not_found', `the collection ${payload.collectionId} is gone`);
  if (isBuilt(collection, payload)) return { collection: collection.id, model: payload.edition.model };
  const edition = await building(collection, payload, parts);
  const build = new EditionBuild(collection, edition, parts, watch);
  do {
    await build.catchUp();
    watch.signal.throwIfAborted();
    await assertBuilding(edition, state);
  } while (!(await state.switchEdition(edition.id)));
  return { collection: collection.id, model: edition.model, documents: build.done };
}

/** True when an earlier attempt got as far as the switch. */
function isBuilt({ edition, building: left }: CollectionRow, { edition: wanted }: ReindexPayload): boolean {
  return left === undefined && sameStamp(edition, wanted);
}

function sameStamp(a: ReindexPayload['edition'], b: ReindexPayload['edition']): boolean {
  return a.space === b.space && a.variant === b.variant && a.chunker === b.chunker;
}

async function building(collection: CollectionRow, { edition }: ReindexPayload, { state }: IngestParts): Promise<EditionRow> {
  const left = collection.building;
  if (left !== undefined && sameStamp(left, edition)) return left;
  return await state.createEdition({ ...edition, collectionId: collection.id });
}

/** A later re-index, or the end of the collection, takes the edition away. */
async function assertBuilding({ id, collectionId }: EditionRow, state: State): Promise<void> {
  const collection = await state.findCollection(collectionId);
  if (collection === undefined) throw new LocalLiteError('not_found', `the collection ${collectionId} is gone`);
  if (collection.building?.id === id) return;
  throw new LocalLiteError('conflict', `another re-index of ${collection.name} has taken the place of this one`);
}

class EditionBuild {
  done = 0;
  readonly #edition: EditionRow;
  readonly #parts: IngestParts;
  readonly #watch: IngestWatch;
  readonly #feeder: EmbedFeeder;
  #chunks = 0;
  #total = 0;

  constructor(collection: CollectionRow, edition: EditionRow, parts: IngestParts, watch: IngestWatch) {
    this.#edition = edition;
    this.#parts = parts;
    this.#watch = watch;
    const { inference, fidelityFloor: floor } = parts;
    this.#feeder = new EmbedFeeder({
      inference,
      model: edition.model,
      check: async (made) => void (await checkStamp(edition, made, { fidelity: inference.fidelity, floor, collection: collection.name })),
      signal: watch.signal,
    });
  }

  /** Every document that this edition lacks or has in an older version. */
  async catchUp(): Promise<void> {
    const facts = await this.#parts.state.collectionFacts(this.#edition.collectionId);
    this.#total = facts?.documents.completed ?? 0;
    this.#report('ingesting');
    await runLimited(this.#missing(), { most: this.#parts.limits.documents, capacity: PAGE });
    this.#report('switching');
  }

  async *#missing(): AsyncGenerator<Weighed> {
    const begun = new Set<number>();
    for (;;) {
      const gap = (await this.#parts.state.editionGap(this.#edition.id, PAGE + begun.size)).filter((id) => !begun.has(id));
      if (gap.length === 0 || this.#watch.signal.aborted) return;
      for (const id of gap) {
        begun.add(id);
        yield {
          weight: 1,
          run: async () => {
            await this.#index(id);
            begun.delete(id);
          },
        };
      }
    }
  }

  async #index(documentId: number): Promise<void> {
    const { state, stages, inference } = this.#parts;
    const [[document], content] = await Promise.all([state.documentsById([documentId]), state.parsedContent(documentId)]);
    if (document?.contentSha256 === undefined || content === undefined) return;
    const parsed = JSON.parse(content) as ParsedDocument;
    const chunker = JSON.parse(document.chunker ?? this.#edition.chunker) as ChunkerSettings;
    const counter = await inference.counter(this.#edition.model);
    const { signal } = this.#watch;
    const { enrichers: enrich = this.#parts.enrich } = JSON.parse(document.facts) as Partial<StoredFacts>;
    const { chunks, facts } = await indexDocument(parsed, { stages, counter, chunker, feeder: this.#feeder, enrich, signal });
    signal.throwIfAborted();
    await state.putContent({
      documentId,
      editionId: this.#edition.id,
      contentSha256: document.contentSha256,
      version: document.version,
      parsed: content,
      facts,
      chunks,
    });
    this.done++;
    this.#chunks += chunks.length;
    this.#report('ingesting');
  }

  #report(phase: IngestProgress['phase']): void {
    this.#watch.onProgress({ phase, total: this.#total, done: this.done, unchanged: 0, failed: 0, chunks: this.#chunks, current: [] });
  }
}
