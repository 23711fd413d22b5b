import { join } from 'node:path';
import type { OcrLoad } from '../engines/ocr/ocr-protocol.ts';
import { createPageReader } from '../engines/ocr/page-reader.ts';
import { LocalLiteError } from '../errors.ts';
import type { ProviderName } from '../runtime/providers.ts';
import { workerEntry } from '../runtime/worker.ts';
import type { Engine, EngineRequest } from './engine-types.ts';
import { startWorkers } from './engine-workers.ts';
import { rememberedSpaces } from './spaces.ts';

/** Padded tokens of one batch of lines: it bounds a worker's memory, for the recogniser gives thousands of numbers a token. */
const MOST_TOKENS = 1200;

/**
 * An OCR model in processes of its own.
 * @throws LocalLiteError provider_unavailable, model_load_failed, model_unsupported
 */
export async function openOcrEngine(request: EngineRequest): Promise<Engine> {
  const started = performance.now();
  const { card, model, slots, limits } = request;
  const { group, report, rejected, batchers } = await startWorkers(request, { entry: workerEntry('ocr'), load: loadMessage });
  const { reader, batchers: queues } = createPageReader({
    group,
    slots,
    settings: { ...limits, maxPaddedTokens: MOST_TOKENS },
    timeoutMs: limits.batchTimeoutMs,
  });
  for (const queue of queues) batchers.add(queue);
  return {
    card,
    variant: model.variant,
    tasks: { embed: undefined, rerank: undefined, sparse: undefined, multi: undefined, ocr: reader },
    space: rememberedSpaces(card),
    provider: report.provider,
    rejected,
    nodesByProvider: report.nodesByProvider,
    workers: group.size,
    loadMs: performance.now() - started,
    selfTest: undefined,
    tokenizer: undefined,
    memoryBytes: () => group.workers.reduce((sum, worker) => sum + worker.memoryBytes(), 0),
    queuedTokens: () => queues.reduce((sum, queue) => sum + queue.queuedTokens, 0),
    refusal: () => group.openCircuit,
    close: async () => {
      await Promise.all(queues.map((queue) => queue.close()));
      await group.close();
    },
    kill: () => {
      for (const queue of queues) queue.rejectWaiting(new LocalLiteError('shutting_down', 'the gateway stopped'));
      for (const worker of group.workers) worker.kill();
    },
  };
}

function loadMessage({ card, model, runtimePackage, providerLibrary }: EngineRequest, provider: ProviderName): OcrLoad {
  const { ocr } = card;
  if (ocr === undefined) throw new LocalLiteError('model_unsupported', `${card.id}: its card does not say which files read images (ocr)`);
  const at = (path: string): string => join(model.directory, path);
  return {
    detector: at(ocr.detector),
    direction: at(ocr.direction),
    recogniser: at(ocr.recogniser),
    dictionary: ocr.dictionary === undefined ? undefined : at(ocr.dictionary),
    provider,
    threads: 1,
    runtimePackage,
    providerLibrary,
  };
}
