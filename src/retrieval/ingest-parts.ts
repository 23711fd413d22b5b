import type {
  Chunk,
  ChunkerSettings,
  DocumentFacts,
  DocumentWarning,
  ParsedDocument,
  ParseOptions,
  TokenCounter,
} from '../documents/document-types.ts';
import type { EnrichHelp } from '../documents/enrich/enrich-types.ts';
import type { State } from '../state/state-types.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { FetchRules } from './fetch-document.ts';
import type { FileStore } from './file-store.ts';
import type { Inference } from './inference.ts';

/** What turns bytes into passages; each stage comes in as a function. */
export interface DocumentStages {
  parse(bytes: Uint8Array, options: ParseOptions): Promise<ParsedDocument>;
  chunk(
    document: Pick<ParsedDocument, 'text' | 'blocks' | 'metadata'>,
    counter: TokenCounter,
    settings: ChunkerSettings,
  ): Promise<readonly Chunk[]>;
  /** Facts of the passages and the document; what went wrong is a warning. Names that there are not are passed over. */
  enrich(
    document: ParsedDocument,
    chunks: readonly Chunk[],
    work: Omit<EnrichHelp, 'chat'> & { readonly names: readonly string[] },
  ): Promise<{ readonly chunks: readonly Chunk[]; readonly facts: DocumentFacts; readonly warnings: readonly DocumentWarning[] }>;
}

/** What ingest and re-index stand on. */
export interface IngestParts {
  readonly state: State;
  readonly files: FileStore;
  readonly inference: Inference;
  readonly stages: DocumentStages;
  readonly telemetry: Telemetry;
  readonly fidelityFloor: number;
  /** Names of the enrichers that run where an order names none. */
  readonly enrich: readonly string[];
  /** Folders that paths must be below; real paths. */
  readonly roots: readonly string[];
  readonly fetchRules: FetchRules;
  /** Documents in work at a time, and bytes of them together. */
  readonly limits: { readonly documents: number; readonly bytes: number };
}
