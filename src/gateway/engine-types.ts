import type { MultiEmbedder, SparseEmbedder, TextEmbedder, TextReranker } from '../engines/embedder-types.ts';
import type { PageReader } from '../engines/ocr/page-reader.ts';
import type { LocalLiteError } from '../errors.ts';
import type { ModelCard, ModelVariant } from '../models/card.ts';
import type { InstalledModel } from '../models/store-types.ts';
import type { FakeGraph } from '../runtime/fake.ts';
import type { ProviderChoice, ProviderName, RejectedProvider } from '../runtime/providers.ts';
import type { CoreSlots } from '../runtime/slots.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

/** What a model needs to be brought into memory. */
export interface EngineRequest {
  readonly model: InstalledModel;
  /** The model's card with what the settings say of it; `model.card` is as it was shipped. */
  readonly card: ModelCard;
  readonly choice: ProviderChoice;
  readonly workers: number;
  readonly slots: CoreSlots;
  readonly telemetry: Telemetry;
  readonly limits: {
    readonly maxPaddedTokens: number;
    readonly maxQueuedTokens: number;
    readonly maxBulkWaitMs: number;
    readonly batchTimeoutMs: number;
    readonly loadTimeoutMs: number;
  };
  readonly runtimePackage: string | undefined;
  readonly providerLibrary: string | undefined;
  /** Pretend graphs by model id, for tests of what is around inference. */
  readonly fakes: ReadonlyMap<string, FakeGraph>;
  /** Aborts when the gateway stops before the model is open. */
  readonly signal: AbortSignal;
}

/** What an open model does; undefined where neither its card nor its graph has it. */
export interface EngineTasks {
  readonly embed: TextEmbedder | undefined;
  /** A cross-encoder, or late interaction. */
  readonly rerank: TextReranker | undefined;
  readonly sparse: SparseEmbedder | undefined;
  readonly multi: MultiEmbedder | undefined;
  /** Absent where the model reads no images. */
  readonly ocr?: PageReader;
}

/** A model in memory: what it is, what runs it, and how to end it. */
export interface Engine {
  readonly card: ModelCard;
  readonly variant: ModelVariant;
  readonly tasks: EngineTasks;
  /** Fingerprint of the space of vectors of that many dimensions; undefined = all of them. */
  space(dimensions: number | undefined): string;
  readonly provider: ProviderName;
  readonly rejected: readonly RejectedProvider[];
  readonly nodesByProvider: Readonly<Record<string, number>> | undefined;
  readonly workers: number;
  readonly loadMs: number;
  readonly selfTest: { readonly texts: number; readonly worstCosine: number } | undefined;
  /** Undefined for a model that reads no text. */
  readonly tokenizer: Tokenizer | undefined;
  /** Summed proportional set size of its processes, or their resident bytes where the system does not tell. */
  memoryBytes(): number;
  queuedTokens(): number;
  /** The reason why requests are refused for now, if they are. */
  refusal(): LocalLiteError | undefined;
  /** Lets what was accepted finish, then ends the processes. */
  close(): Promise<void>;
  /** Ends the processes at once; what runs is rejected with `shutting_down`. */
  kill(): void;
}
