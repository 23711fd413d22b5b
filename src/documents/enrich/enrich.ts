import { LocalLiteError } from '../../errors.ts';
import type { Chunk, ChunkerSettings, ChunkMeta, DocumentFacts, DocumentWarning } from '../document-types.ts';
import { chatSummaryEnricher, contextEnricher, questionsEnricher, titleEnricher } from './chat.ts';
import { duplicatesEnricher } from './duplicates.ts';
import { CHAT_ENRICHERS, ENRICHERS, type Enricher, type EnricherName, type EnrichHelp, type EnrichSubject } from './enrich-types.ts';
import { entitiesEnricher } from './entities.ts';
import { keywordsEnricher } from './keywords.ts';
import { languageEnricher } from './language.ts';
import { summaryEnricher } from './summary.ts';

const ALL: Readonly<Record<EnricherName, Enricher>> = {
  language: languageEnricher,
  keywords: keywordsEnricher,
  entities: entitiesEnricher,
  duplicates: duplicatesEnricher,
  summary: summaryEnricher,
  title: titleEnricher,
  chat_summary: chatSummaryEnricher,
  questions: questionsEnricher,
  context: contextEnricher,
};

/** A document's chunks with what was found, and what was found of the document. */
export interface Enriched {
  readonly chunks: readonly Chunk[];
  readonly facts: DocumentFacts;
  readonly warnings: readonly DocumentWarning[];
}

/** Most tokens that a context sentence takes up in a chunk. */
const MOST_CONTEXT = 96;

/**
 * Reads a list of enrichers as a user gives it: each name once, in the order in which they run.
 * @throws LocalLiteError invalid_request for a name that there is not, or one that needs a chat model where there is none
 */
export function readEnrichers(
  names: readonly string[],
  { hasChat, param = 'enrich' }: { hasChat: boolean; param?: string },
): EnricherName[] {
  const known: readonly string[] = ENRICHERS;
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new LocalLiteError('invalid_request', `there is no enricher ${unknown}; there are ${ENRICHERS.join(', ')}`, { param });
  }
  const wanted = ENRICHERS.filter((name) => names.includes(name));
  const needy = hasChat ? undefined : wanted.find((name) => CHAT_ENRICHERS.includes(name));
  if (needy === undefined) return wanted;
  throw new LocalLiteError(
    'invalid_request',
    `the enricher ${needy} needs a chat model, and none is configured; without one there are ${ENRICHERS.filter((name) => !CHAT_ENRICHERS.includes(name)).join(', ')}`,
    { param },
  );
}

/** Settings to cut a document with, where these enrichers will add to what is embedded of its chunks. */
export function chunkerFor(names: readonly string[], settings: ChunkerSettings): ChunkerSettings {
  if (!names.includes('context')) return settings;
  return { ...settings, maxTokens: settings.maxTokens - contextRoom(settings.maxTokens) };
}

function contextRoom(maxTokens: number): number {
  return Math.min(MOST_CONTEXT, Math.floor(maxTokens / 3));
}

/**
 * Runs enrichers one after the other. The document is never lost to one: what fails leaves a warning `enricher_failed` and nothing else.
 * @throws only the reason of `signal`
 */
export async function enrichDocument(
  { document, chunks }: Pick<EnrichSubject, 'document' | 'chunks'>,
  names: readonly EnricherName[],
  help: EnrichHelp,
  enrichers: Readonly<Partial<Record<EnricherName, Enricher>>> = ALL,
): Promise<Enriched> {
  let subject: EnrichSubject = { document, chunks, facts: {} };
  const warnings: DocumentWarning[] = [];
  for (const name of ENRICHERS) {
    if (!names.includes(name)) continue;
    const { result, problem } = await run(enrichers[name], subject, help);
    subject = result;
    if (problem !== undefined) warnings.push({ code: 'enricher_failed', message: `the enricher ${name} failed: ${problem}`, part: name });
  }
  return { chunks: subject.chunks.map((chunk) => withContext(chunk, help)), facts: subject.facts, warnings };
}

async function run(
  enricher: Enricher | undefined,
  subject: EnrichSubject,
  help: EnrichHelp,
): Promise<{ readonly result: EnrichSubject; readonly problem: string | undefined }> {
  if (enricher === undefined) return { result: subject, problem: 'it is not there' };
  try {
    const { facts, metas, problem } = await enricher.enrich(subject, help);
    const chunks = metas === undefined ? subject.chunks : subject.chunks.map((chunk, index) => withMeta(chunk, metas[index]));
    return { result: { ...subject, chunks, facts: { ...subject.facts, ...facts } }, problem };
  } catch (error) {
    help.signal?.throwIfAborted();
    return { result: subject, problem: LocalLiteError.from(error).message };
  }
}

function withMeta(chunk: Chunk, meta: ChunkMeta | undefined): Chunk {
  return meta === undefined ? chunk : { ...chunk, meta: { ...chunk.meta, ...meta } };
}

/** The context sentence stands before title and headings; words of it are left out where it does not fit. */
function withContext(chunk: Chunk, { counter, maxTokens }: EnrichHelp): Chunk {
  let { context } = chunk.meta;
  while (context !== undefined && context !== '') {
    const lead = `${context}\n${chunk.lead}`;
    const tokens = counter.count(lead + chunk.text);
    if (tokens <= maxTokens) return { ...chunk, lead, tokens };
    context = shortened(context, maxTokens / tokens);
  }
  return chunk;
}

/** Fewer words, at least one fewer; empty where only one was left. */
function shortened(text: string, share: number): string {
  const words = text.split(' ');
  return words.slice(0, Math.min(words.length - 1, Math.floor(words.length * share))).join(' ');
}
