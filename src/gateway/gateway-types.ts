import type { Config } from '../config/settings.ts';
import type { ConvertProgress, Precision, Target } from '../convert/convert-types.ts';
import type { ModelCard } from '../models/card.ts';
import type { InstalledModel, PullProgress, VerifyReport } from '../models/store-types.ts';
import type { Collections, Documents, Files, IngestProgress } from '../retrieval/retrieval-types.ts';
import type { ProviderName } from '../runtime/providers.ts';
import type { TokenSpan } from '../runtime/tokenizer-types.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

export type { ChunkerSettings, ParsedDocument } from '../documents/document-types.ts';
export type {
  CollectionDocument,
  IngestSource,
  NewCollection,
  SearchHit,
  SearchRequest,
  SearchResult,
  StoredFacts,
} from '../retrieval/retrieval-types.ts';
export type { CollectionFacts, FileRow } from '../state/state-types.ts';

export type Priority = 'interactive' | 'bulk';
export type InputType = 'query' | 'passage';

/** Milliseconds each stage of one request took. */
export interface Timings {
  readonly tokenizeMs: number;
  readonly queueMs: number;
  readonly inferMs: number;
  readonly totalMs: number;
}

/** One request for vectors; an input is a text or the token ids of one. */
export interface EmbedRequest {
  readonly model?: string;
  readonly input: readonly (string | readonly number[])[];
  /** Selects the model's prompt. Absent: no prompt is added. */
  readonly inputType?: InputType;
  readonly dimensions?: number;
  /** Cut over-long inputs instead of refusing them. */
  readonly truncate?: boolean;
  /** Absent: bulk for more inputs than `batch.bulk_above`, interactive otherwise. */
  readonly priority?: Priority;
  /** Seconds the model stays loaded after this; negative = for ever, 0 = unload at once. Absent: the setting. */
  readonly keepAlive?: number;
  readonly signal?: AbortSignal;
}

export interface EmbedResult {
  /** Id of the model that ran. */
  readonly model: string;
  readonly space: string;
  readonly variant: string;
  readonly provider: ProviderName;
  readonly vectors: readonly Float32Array[];
  readonly promptTokens: number;
  /** Tokens cut from each input, 0 where none. */
  readonly truncatedTokens: readonly number[];
  readonly timings: Timings;
}

/** What every inference request may say besides its inputs. */
export interface TaskOptions {
  /** Absent: the default model of the task. */
  readonly model?: string;
  /** Cut over-long inputs instead of refusing them. */
  readonly truncate?: boolean;
  readonly priority?: Priority;
  /** Seconds the model stays loaded after this; negative = for ever, 0 = unload at once. Absent: the setting. */
  readonly keepAlive?: number;
  readonly signal?: AbortSignal;
}

/** What every inference answer says besides its values. */
export interface TaskResult {
  /** Id of the model that ran. */
  readonly model: string;
  readonly variant: string;
  readonly provider: ProviderName;
  /** Tokens that ran, special tokens included. */
  readonly promptTokens: number;
  /** Tokens cut from each input, 0 where none. */
  readonly truncatedTokens: readonly number[];
  readonly timings: Timings;
}

/** Relevance of documents to a query, by a cross-encoder or by late interaction. */
export interface RerankRequest extends TaskOptions {
  readonly query: string;
  readonly documents: readonly string[];
  /**
   * How a document that does not fit beside the query is read: `cut` on its right side (with `truncate`; refused without), or in
   * overlapping `windows`, of which the best counts. Absent: cut.
   */
  readonly long?: 'cut' | 'windows';
  /** Tokens of each document that are read at most, whatever the model could take; what is behind them is cut and counted. */
  readonly maxDocumentTokens?: number;
  /** Windows of each document that are read at most; what is behind them is cut and counted. Without meaning where documents are cut. */
  readonly maxWindows?: number;
}

export interface RerankResult extends TaskResult {
  /** Raw scores in the order of the documents: logits of a cross-encoder, MaxSim of late interaction. */
  readonly logits: Float32Array;
  /** The same as relevance: the card's activation applied (sigmoid for most cross-encoders); equal to `logits` where it has none. */
  readonly scores: Float32Array;
}

/** Weights of vocabulary terms for each text. */
export interface SparseRequest extends TaskOptions {
  readonly input: readonly (string | readonly number[])[];
  readonly inputType?: InputType;
  /** Also tell what each vocabulary id stands for. */
  readonly returnTerms?: boolean;
}

/** Vocabulary ids in ascending order, and their weights (all > 0). */
export interface SparseVector {
  readonly indices: Int32Array;
  readonly values: Float32Array;
}

export interface SparseResult extends TaskResult {
  readonly space: string;
  readonly vectors: readonly SparseVector[];
  /** The text of each vector's vocabulary ids, where it was asked for. */
  readonly terms?: readonly (readonly string[])[];
}

/** One vector a token for each text. */
export interface MultiRequest extends TaskOptions {
  readonly input: readonly (string | readonly number[])[];
  /** Queries and passages are marked and filled differently. Absent: passage. */
  readonly inputType?: InputType;
}

/** Row-major [tokens, dimensions], each of unit length. */
export interface TokenVectors {
  readonly tokens: number;
  readonly dimensions: number;
  readonly data: Float32Array;
}

export interface MultiResult extends TaskResult {
  readonly space: string;
  readonly vectors: readonly TokenVectors[];
}

export interface TokenizeRequest {
  readonly model?: string;
  readonly input: readonly string[];
  readonly addSpecialTokens?: boolean;
  readonly signal?: AbortSignal;
}

export interface TokenizeResult {
  readonly model: string;
  /** False while the model's own tokenizer is not installed: then only `counts` are given, and they are estimates. */
  readonly exact: boolean;
  /** Tokens of each text. */
  readonly counts: readonly number[];
  readonly tokens: readonly (readonly TokenSpan[])[];
}

/** One line of `list`: a model that is installed, known, or both. */
export interface ModelSummary {
  readonly id: string;
  readonly alias: string | undefined;
  readonly card: ModelCard | undefined;
  /** What runs when no variant is named; weights where nothing has been made of them yet. */
  readonly installed: InstalledModel | undefined;
  /** Everything of it that is installed, weights included. */
  readonly variants?: readonly InstalledModel[];
  /** Why what runs may not be good enough, if it may not. */
  readonly warning?: string;
  /** All of its variants that are in memory, `loaded` among them. */
  readonly loadedVariants?: readonly LoadedModel[];
  readonly loaded: LoadedModel | undefined;
}

/** A model in memory. */
export interface LoadedModel {
  readonly id: string;
  readonly variant: string;
  readonly space: string;
  readonly provider: ProviderName;
  /** Providers that were wanted and did not run, with the reason. */
  readonly rejected: readonly { readonly provider: ProviderName; readonly reason: string }[];
  /** Graph nodes by the provider that ran them, where the runtime tells. */
  readonly nodesByProvider: Readonly<Record<string, number>> | undefined;
  readonly workers: number;
  readonly memoryBytes: number;
  /** Requests that hold it now. */
  readonly users: number;
  readonly idleMs: number;
  /** Milliseconds until it is unloaded when nobody asks; undefined = never. */
  readonly expiresInMs: number | undefined;
  readonly pinned: boolean;
  readonly loadMs: number;
  readonly selfTest: { readonly texts: number; readonly worstCosine: number } | undefined;
}

export type JobState = 'queued' | 'running' | 'paused' | 'succeeded' | 'failed' | 'cancelled';

/** Long work that can be watched, paused, resumed and cancelled. */
export interface Job {
  readonly id: string;
  readonly kind: 'pull' | 'convert' | 'ingest' | 'reindex';
  /** What it works on, e.g. the model reference. */
  readonly subject: string;
  readonly state: JobState;
  /** A conversion whose weights are missing pulls them first. */
  readonly progress: PullProgress | ConvertProgress | IngestProgress | undefined;
  readonly error: { readonly code: string; readonly message: string } | undefined;
  readonly result: Readonly<Record<string, unknown>> | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

/** A variant to be made of a model's published weights. */
export interface ConvertOrder {
  /** Id, alias or reference of the model; its variant, if it names one, is not read. */
  readonly reference: string;
  /** `auto`: what the settings and this machine's figures choose. */
  readonly precision: Precision | 'auto';
  readonly target: Target;
  /** Let it run whenever no variant is named. `auto` does so in any case where nothing has been pinned before. */
  readonly pin: boolean;
}

export interface Jobs {
  /** Starts (or joins, if one for the same reference runs) a pull. */
  startPull(reference: string): Job;
  /** Starts (or joins, if one for the same order runs) a conversion; weights that are missing are pulled first. */
  startConvert(order: ConvertOrder): Job;
  get(id: string): Job | undefined;
  list(): readonly Job[];
  cancel(id: string): Job;
  pause(id: string): Job;
  resume(id: string): Job;
  /** Every state and progress change until the job ends; ends when `signal` aborts. */
  watch(id: string, signal?: AbortSignal): AsyncIterable<Job>;
}

/** The models a gateway knows, has and runs. Names may be ids, aliases, users' aliases or references. */
export interface Models {
  /** `installed` (default) or everything in the catalogue as well. */
  list(scope?: 'installed' | 'catalog'): Promise<readonly ModelSummary[]>;
  show(name: string): Promise<ModelSummary>;
  /** Starts what the first use of a model would wait for, e.g. its conversion; undefined where it can be loaded at once. @throws LocalLiteError model_not_found */
  prepare(name: string): Promise<Job | undefined>;
  /** Makes an installed variant the one that runs when none is named; undefined leaves it open until the next load. @throws LocalLiteError model_not_found */
  pin(name: string, variant: string | undefined): Promise<void>;
  load(name: string, options?: { readonly keepAlive?: number; readonly signal?: AbortSignal }): Promise<LoadedModel>;
  unload(name: string): Promise<void>;
  remove(name: string): Promise<{ readonly freedBytes: number }>;
  verify(name?: string): Promise<readonly VerifyReport[]>;
  loaded(): readonly LoadedModel[];
}

export interface Aliases {
  /** Effective aliases; `from` says whether settings or aliases.json gave it. */
  list(): Readonly<Record<string, { readonly target: string; readonly from: 'settings' | 'file' }>>;
  set(name: string, target: string): Promise<void>;
  remove(name: string): Promise<boolean>;
}

/** Everything behind one object: what HTTP routes, the command line and in-process users call. */
export interface Gateway {
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly models: Models;
  readonly jobs: Jobs;
  readonly aliases: Aliases;
  readonly documents: Documents;
  readonly files: Files;
  readonly collections: Collections;
  /** @throws LocalLiteError invalid_request, input_too_long, model_not_found, overloaded, cancelled, worker_crashed … */
  embed(request: EmbedRequest): Promise<EmbedResult>;
  /** Takes a `rerank` model, or a `multi` model as reranker. @throws LocalLiteError as {@link Gateway.embed} */
  rerank(request: RerankRequest): Promise<RerankResult>;
  /** @throws LocalLiteError as {@link Gateway.embed} */
  embedSparse(request: SparseRequest): Promise<SparseResult>;
  /** @throws LocalLiteError as {@link Gateway.embed} */
  embedMulti(request: MultiRequest): Promise<MultiResult>;
  tokenize(request: TokenizeRequest): Promise<TokenizeResult>;
  detokenize(request: {
    readonly model?: string;
    readonly tokens: readonly number[];
    readonly skipSpecialTokens?: boolean;
  }): Promise<{ readonly model: string; readonly text: string }>;
  /** Goes on with the jobs that an earlier process left unfinished; to be called once by whoever serves this HOME. */
  resumeJobs(): Promise<void>;
  /** True once the default models are loaded. */
  ready(): { readonly ready: boolean; readonly reason: string | undefined };
  /** Refuses new work, waits at most `graceMs` for what runs, then stops every worker. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
