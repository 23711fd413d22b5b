import { join } from 'node:path';
import type { Batcher } from '../engines/batcher.ts';
import type { EncoderLoad, EncoderLoaded, Head } from '../engines/encoder-protocol.ts';
import { LocalLiteError } from '../errors.ts';
import type { ModelCard } from '../models/card.ts';
import type { ProviderName, RejectedProvider } from '../runtime/providers.ts';
import { WorkerProcess, workerEntry } from '../runtime/worker.ts';
import { WorkerGroup } from '../runtime/worker-group.ts';
import type { EngineRequest } from './engine-types.ts';

/** A model's workers, and the queues that wait for them. */
export interface RunningWorkers {
  readonly group: WorkerGroup<WorkerProcess>;
  readonly report: EncoderLoaded;
  readonly rejected: readonly RejectedProvider[];
  /** Queues to wake and to reject; filled by whoever opens them. */
  readonly batchers: Set<AnyBatcher>;
}

/** Which program holds the model, and its first message. */
export interface WorkerProgram {
  readonly entry: string;
  /** What to open, on which provider; answered by {@link EncoderLoaded}. */
  readonly load: (request: EngineRequest, provider: ProviderName) => object;
}

/** What all queues have in common, whatever comes out of them. */
export type AnyBatcher = Pick<Batcher<unknown, unknown>, 'pump' | 'rejectWaiting' | 'close' | 'queuedTokens'>;

/**
 * Tries the providers in order: ONNX Runtime throws for one that is not there, it does not fall back by itself.
 * @throws LocalLiteError provider_unavailable, model_load_failed, model_unsupported
 */
export async function startWorkers(
  request: EngineRequest,
  program: WorkerProgram = { entry: workerEntry(), load: loadMessage },
): Promise<RunningWorkers> {
  const rejected = [...request.choice.rejected];
  for (const [index, provider] of request.choice.order.entries()) {
    try {
      return { ...(await startGroup(request, program, provider)), rejected };
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

async function startGroup(
  request: EngineRequest,
  program: WorkerProgram,
  provider: ProviderName,
): Promise<Omit<RunningWorkers, 'rejected'>> {
  const { model, telemetry, limits } = request;
  const load = program.load(request, provider);
  const batchers = new Set<AnyBatcher>();
  let report: EncoderLoaded | undefined;
  const group = new WorkerGroup({
    size: provider === 'cpu' ? request.workers : 1,
    start: async (onExit) => {
      const worker = new WorkerProcess({ entry: program.entry, onExit });
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
    heads: headsOf(card),
    sparseFrom: card.sparse?.from,
    tokenDimensions: card.multi?.dimensions,
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

/** What the workers of a model are asked for, its own task first. @throws LocalLiteError model_unsupported for a card that lacks facts */
function headsOf(card: ModelCard): readonly Head[] {
  const isMulti = card.task === 'multi' || card.alsoTasks?.includes('multi') === true;
  if (isMulti && card.multi === undefined) {
    throw new LocalLiteError('model_unsupported', `${card.id}: its card does not say how its token vectors are made (multi)`);
  }
  return [card.task, ...(card.alsoTasks ?? [])].filter((task) => task !== 'chat' && task !== 'ocr');
}
