import type { Chunk, ChunkMeta, DocumentFacts, ParsedDocument, TokenCounter } from '../document-types.ts';

/** Names of all enrichers, in the order in which they run: later ones use what earlier ones found. */
export const ENRICHERS = [
  'language',
  'keywords',
  'entities',
  'duplicates',
  'summary',
  'title',
  'chat_summary',
  'questions',
  'context',
] as const;
export type EnricherName = (typeof ENRICHERS)[number];

/** Those that ask a chat model. */
export const CHAT_ENRICHERS: readonly EnricherName[] = ['title', 'chat_summary', 'questions', 'context'];

/** A turn of a conversation with a model. */
export interface ChatMessage {
  readonly role: 'system' | 'user';
  readonly content: string;
}

/** A chat model; comes in as a function. The answer is plain text. @throws LocalLiteError */
export type Chat = (
  messages: readonly ChatMessage[],
  options: { readonly maxTokens: number; readonly signal?: AbortSignal | undefined },
) => Promise<string>;

/** What an enricher may use besides the document. */
export interface EnrichHelp {
  readonly counter: TokenCounter;
  /** Most tokens of a chunk as it is embedded, its lead included. */
  readonly maxTokens: number;
  /** Vectors of unit length by the model that embeds the chunks; undefined where there is none. */
  readonly embed: ((texts: readonly string[]) => Promise<readonly Float32Array[]>) | undefined;
  /** Undefined where no chat model is configured. */
  readonly chat: Chat | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A document with its chunks, and what is known of it so far. */
export interface EnrichSubject {
  readonly document: Pick<ParsedDocument, 'text' | 'blocks' | 'metadata'>;
  readonly chunks: readonly Chunk[];
  readonly facts: DocumentFacts;
}

/** What an enricher found. */
export interface Findings {
  readonly facts?: DocumentFacts;
  /** Of each chunk in its order. */
  readonly metas?: readonly ChunkMeta[];
  /** What it could not do while it did the rest. */
  readonly problem?: string;
}

/**
 * Finds something out about a document and its chunks. It may fail: its fault becomes a warning of the document. It lets other work of the
 * process pass while it reads long texts, and ends soon after `signal`.
 */
export interface Enricher {
  readonly name: EnricherName;
  enrich(subject: EnrichSubject, help: EnrichHelp): Promise<Findings>;
}
