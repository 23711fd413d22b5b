import { join } from 'node:path';
import { Batcher, type BatchReport } from '../engines/batcher.ts';
import { Embedder } from '../engines/embedder.ts';
import { type EncoderInput, encoderRunner } from '../engines/encoder-pool.ts';
import type { EncoderLoad, EncoderLoaded, TextKind } from '../engines/encoder-protocol.ts';
import { cosine } from '../engines/pooling.ts';
import { LocalLiteError } from '../errors.ts';
import type { ModelCard, ModelVariant } from '../models/card.ts';
import { vectorSpace } from '../models/space.ts';
import type { InstalledModel } from '../models/store-types.ts';
import type { FakeGraph } from '../runtime/fake.ts';
import type { ProviderChoice, ProviderName, RejectedProvider } from '../runtime/providers.ts';
import type { CoreSlots } from '../runtime/slots.ts';
import { loadTokenizer } from '../runtime/tokenizer.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import { WorkerProcess, workerEntry } from '../runtime/worker.ts';
import { WorkerGroup } from '../runtime/worker-group.ts';
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

/** A model in memory: what it is, what runs it, and how to end it. */
export interface Engine {
  readonly card: ModelCard;
  readonly variant: ModelVariant;
  /** Fingerprint of the space of vectors of that many dimensions; undefined = all of them. */
  space(dimensions: number | undefined): string;
  readonly provider: ProviderName;
  readonly rejected: readonly RejectedProvider[];
  readonly nodesByProvider: Readonly<Record<string, number>> | undefined;
  readonly workers: number;
  readonly loadMs: number;
  readonly selfTest: { readonly texts: number; readonly worstCosine: number } | undefined;
  readonly tokenizer: Tokenizer;
  readonly embedder: Embedder;
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

/**
 * Loads a model: tokenizer and workers side by side, providers in their order, then the golden self-test.
 * @throws LocalLiteError provider_unavailable, model_load_failed, model_unsupported
 */
export async function openEngine(request: EngineRequest): Promise<Engine> {
  const started = performance.now();
  const [tokenizer, running] = await Promise.all([loadTokenizer(request.model.directory), startWorkers(request)]);
  try {
    const batchers = openBatchers(request, running);
    await checkLength(request, tokenizer, batchers);
    const selfTest = await runSelfTest(request, tokenizer, batchers);
    return { ...assemble(request, tokenizer, running, batchers), selfTest, loadMs: performance.now() - started };
  } catch (error) {
    await running.group.close();
    throw error;
  }
}

interface RunningWorkers {
  readonly group: WorkerGroup<WorkerProcess>;
  readonly report: EncoderLoaded;
  readonly rejected: readonly RejectedProvider[];
  /** Batchers to wake and to reject; filled by {@link assemble}. */
  readonly batchers: Set<Batcher<EncoderInput, Float32Array>>;
}

/** Tries the providers in order: ONNX Runtime throws for one that is not there, it does not fall back by itself. */
async function startWorkers(request: EngineRequest): Promise<RunningWorkers> {
  const rejected = [...request.choice.rejected];
  for (const [index, provider] of request.choice.order.entries()) {
    try {
      return { ...(await startGroup(request, provider)), rejected };
    } catch (cause) {
      const error = LocalLiteError.from(cause, 'model_load_failed');
      const isLast = index === request.choice.order.length - 1;
      // A driver may crash or hang as well as refuse; only a graph that nothing can run is not worth another try.
      if (isLast || error.code === 'model_unsupported' || request.signal.aborted) throw error;
      rejected.push({ provider, reason: error.message });
    }
  }
  throw new LocalLiteError('provider_unavailable', 'no execution provider was left to try');
}

async function startGroup(request: EngineRequest, provider: ProviderName): Promise<Omit<RunningWorkers, 'rejected'>> {
  const { model, telemetry, limits } = request;
  const load = loadMessage(request, provider);
  const batchers = new Set<Batcher<EncoderInput, Float32Array>>();
  let report: EncoderLoaded | undefined;
  const group = new WorkerGroup({
    size: provider === 'cpu' ? request.workers : 1,
    start: async (onExit) => {
      const worker = new WorkerProcess({ entry: workerEntry(), onExit });
      const stop = (): void => worker.kill();
      request.signal.addEventListener('abort', stop, { once: true });
      try {
        request.signal.throwIfAborted();
        report = (await worker.message(load, limits.loadTimeoutMs)) as EncoderLoaded;
        return worker;
      } catch (error) {
        worker.kill();
        throw error;
      } finally {
        request.signal.removeEventListener('abort', stop);
      }
    },
    events: {
      onIdle: () => {
        for (const batcher of batchers) batcher.pump();
      },
      onOpen: (error) => {
        for (const batcher of batchers) batcher.rejectWaiting(error);
      },
      onCrash: (error, restartInMs) => {
        telemetry.log.warn('worker_ended', { model: model.card.id, reason: error.message, restart_in_ms: restartInMs });
        telemetry.count('locallite_worker_restarts_total', 1, { model: model.card.id, reason: error.code });
      },
    },
  });
  await group.open();
  if (report === undefined) throw new LocalLiteError('internal', 'the workers started without a report');
  if (report.nodesByProvider !== undefined && report.nodesByProvider[provider] === undefined) {
    await group.close();
    throw new LocalLiteError('provider_unavailable', `ONNX Runtime opened ${provider} and gave it no node of this graph to run`);
  }
  return { group, report, batchers };
}

function loadMessage(request: EngineRequest, provider: ProviderName): EncoderLoad {
  const { card } = request;
  const { variant, directory } = request.model;
  const fake = request.fakes.get(card.id);
  return {
    path: join(directory, variant.onnx),
    pooling: card.pooling,
    normalize: card.normalize,
    dimensions: card.dimensions,
    graph: variant.graph,
    provider,
    threads: 1,
    runtimePackage: request.runtimePackage,
    providerLibrary: request.providerLibrary,
    ...(fake === undefined ? {} : { fake }),
  };
}

type Batchers = Readonly<Record<TextKind, Batcher<EncoderInput, Float32Array>>>;

function openBatchers(request: EngineRequest, running: RunningWorkers): Batchers {
  const { card, slots, limits, telemetry } = request;
  const open = (kind: TextKind): Batcher<EncoderInput, Float32Array> => {
    const runner = encoderRunner({ group: running.group, slots, kind, dimensions: card.dimensions, timeoutMs: limits.batchTimeoutMs });
    const batcher = new Batcher<EncoderInput, Float32Array>({ runner, settings: limits, onBatch: batchMetrics(telemetry, card.id) });
    running.batchers.add(batcher);
    return batcher;
  };
  // Only a graph that is told what its texts are needs batches of one kind.
  const passage = open('passage');
  return { passage, query: request.model.variant.graph?.scalars === undefined ? passage : open('query') };
}

function assemble(
  { card, model }: EngineRequest,
  tokenizer: Tokenizer,
  running: RunningWorkers,
  batchers: Batchers,
): Omit<Engine, 'selfTest' | 'loadMs'> {
  const { group, report, rejected } = running;
  const spaces = new Map<number, string>();
  return {
    card,
    variant: model.variant,
    space(dimensions = card.dimensions) {
      const known = spaces.get(dimensions) ?? vectorSpace(card, dimensions);
      spaces.set(dimensions, known);
      return known;
    },
    provider: report.provider,
    rejected,
    nodesByProvider: report.nodesByProvider,
    workers: group.size,
    tokenizer,
    embedder: new Embedder({ facts: card, tokenizer, batchers }),
    memoryBytes: () => group.workers.reduce((sum, worker) => sum + worker.memoryBytes(), 0),
    queuedTokens: () => [...running.batchers].reduce((sum, batcher) => sum + batcher.queuedTokens, 0),
    refusal: () => group.openCircuit,
    close: async () => {
      await Promise.all([...running.batchers].map((batcher) => batcher.close()));
      await group.close();
    },
    kill: () => {
      for (const batcher of running.batchers) batcher.rejectWaiting(new LocalLiteError('shutting_down', 'the gateway stopped'));
      for (const worker of group.workers) worker.kill();
    },
  };
}

function batchMetrics(telemetry: Telemetry, model: string): (report: BatchReport) => void {
  return ({ rows, realTokens, paddedTokens }) => {
    telemetry.observe('locallite_batch_rows', rows, { model });
    telemetry.observe('locallite_batch_padding_ratio', paddedTokens === 0 ? 0 : 1 - realTokens / paddedTokens, { model });
    telemetry.count('locallite_padded_tokens_total', paddedTokens - realTokens, { model });
  };
}

/** Quantised kernels round differently from one processor to the next; a wrong pooling or prompt is far below either. */
const SELF_TEST_FLOOR = { fp32: 0.999, other: 0.99 } as const;

/**
 * Runs the variant's golden texts as the card was shipped and compares. Not done where the settings pool otherwise than the card: then the
 * recorded vectors are of another space.
 * @throws LocalLiteError model_load_failed when the numbers are off
 */
async function runSelfTest(
  { model, card, telemetry }: EngineRequest,
  tokenizer: Tokenizer,
  batchers: Batchers,
): Promise<Engine['selfTest']> {
  const { golden, dtype, name } = model.variant;
  if (golden.length === 0) return undefined;
  if (card.pooling !== model.card.pooling) {
    telemetry.log.warn('self_test_skipped', {
      model: card.id,
      reason: `the settings pool by ${card.pooling}, the card by ${model.card.pooling}`,
    });
    return undefined;
  }
  const embedder = new Embedder({ facts: model.card, tokenizer, batchers });
  const floor = dtype === 'fp32' ? SELF_TEST_FLOOR.fp32 : SELF_TEST_FLOOR.other;
  const cosines = await Promise.all(
    golden.map(async ({ text, inputType, vector }) => {
      // Prompts are only added where the golden vector was made with one.
      const { vectors } = await embedder.embed([text], { inputType, truncate: true, lane: 'bulk' });
      return vectors[0] === undefined ? 0 : cosine(vectors[0], decodeVector(vector));
    }),
  );
  const worstCosine = Math.min(...cosines);
  if (worstCosine >= floor) return { texts: golden.length, worstCosine };
  throw new LocalLiteError(
    'model_load_failed',
    `${card.id} (${name}) failed its self-test: cosine ${worstCosine.toFixed(4)} to its recorded vectors, at least ${floor} is needed. Run "locallite rm ${card.id}" and pull it again; if that does not help, choose another variant.`,
  );
}

/** A limit that the settings raised is tried once: a graph has only so many positions. @throws LocalLiteError model_load_failed */
async function checkLength({ model, card }: EngineRequest, tokenizer: Tokenizer, batchers: Batchers): Promise<void> {
  if (card.maxTokens <= model.card.maxTokens) return;
  const [id = 0] = tokenizer.encode('a').ids;
  const embedder = new Embedder({ facts: card, tokenizer, batchers });
  await embedder.embed([new Array<number>(card.maxTokens).fill(id)], { lane: 'bulk' }).catch((cause: unknown) => {
    throw new LocalLiteError(
      'model_load_failed',
      `models."${card.id}".max_tokens is ${card.maxTokens}, and the model could not run a text of that many tokens; its own limit is ${model.card.maxTokens}`,
      { cause },
    );
  });
}

function decodeVector(base64: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return new Float32Array(bytes.buffer, 0, Math.floor(bytes.byteLength / 4));
}
