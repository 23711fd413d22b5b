import { Batcher, type BatchReport } from '../engines/batcher.ts';
import { Embedder, type HeadBatchers } from '../engines/embedder.ts';
import type { TermWeights } from '../engines/embedder-types.ts';
import type { EncoderInput } from '../engines/encoder-input.ts';
import { encoderRunner } from '../engines/encoder-pool.ts';
import type { Head, TextKind } from '../engines/encoder-protocol.ts';
import { LateInteraction } from '../engines/late-interaction.ts';
import { CrossEncoder } from '../engines/reranker.ts';
import { type SplitValues, splitTerms, splitTokenVectors, splitTokenWeights, splitVectors } from '../engines/results.ts';
import { createTermEmbedder, createVocabularyEmbedder } from '../engines/sparse.ts';
import { LocalLiteError } from '../errors.ts';
import { loadTokenizer } from '../runtime/tokenizer.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Engine, EngineRequest, EngineTasks } from './engine-types.ts';
import { type RunningWorkers, startWorkers } from './engine-workers.ts';
import { openOcrEngine } from './ocr-engine.ts';
import { checkLength, runSelfTest } from './self-test.ts';
import { rememberedSpaces } from './spaces.ts';
import { openStaticEngine } from './static-engine.ts';

/**
 * Loads a model by what its variant is.
 * @throws LocalLiteError provider_unavailable, model_load_failed, model_unsupported
 */
export async function openEngine(request: EngineRequest): Promise<Engine> {
  const { card, variant } = request.model;
  if (variant.kind === 'weights') {
    throw new LocalLiteError(
      'model_load_failed',
      `${card.id}: the variant ${variant.name} is what graphs are made from; it does not run itself`,
    );
  }
  if (variant.kind === 'static') return openStaticEngine(request);
  return card.task === 'ocr' ? openOcrEngine(request) : openEncoderEngine(request);
}

/** Tokenizer and workers side by side, providers in their order, then the golden self-test. */
async function openEncoderEngine(request: EngineRequest): Promise<Engine> {
  const started = performance.now();
  const [tokenizer, running] = await Promise.all([loadTokenizer(request.model.directory), startWorkers(request)]);
  try {
    const { tasks, selfTest, runRow } = openTasks(request, tokenizer, running);
    await checkLength(request, tokenizer, runRow);
    const tested = await selfTest();
    return { ...assemble(request, tokenizer, running), tasks, selfTest: tested, loadMs: performance.now() - started };
  } catch (error) {
    await running.group.close();
    throw error;
  }
}

interface OpenTasks {
  readonly tasks: EngineTasks;
  readonly selfTest: () => Promise<Engine['selfTest']>;
  /** Runs one row through the model's own head. */
  readonly runRow: (row: EncoderInput) => Promise<unknown>;
}

/** An engine and a queue of its own for each head that the graph has: batches are never mixed. */
function openTasks(request: EngineRequest, tokenizer: Tokenizer, running: RunningWorkers): OpenTasks {
  const { card, model } = request;
  const rows = new Map<Head, (row: EncoderInput) => Promise<unknown>>();
  const queues = <Out>(head: Head, split: SplitValues<Out>): HeadBatchers<Out> | undefined => {
    if (!running.report.heads.includes(head)) return undefined;
    const opened = openBatchers(request, running, { head, split });
    rows.set(head, (row) => opened.passage.submit(row, { length: row.ids.length, lane: 'bulk' }).settled);
    return opened;
  };
  const embed = queues('embed', splitVectors(card.dimensions));
  const pairs = queues('rerank', splitVectors(1));
  const multi = openLateInteraction(request, tokenizer, queues);
  return {
    tasks: {
      embed: embed && new Embedder({ facts: card, tokenizer, batchers: embed }),
      rerank: pairs === undefined ? multi : new CrossEncoder({ facts: card, tokenizer, batcher: pairs.passage }),
      sparse: openSparse(request, tokenizer, queues),
      multi,
    },
    selfTest: async () => embed && runSelfTest(request, new Embedder({ facts: model.card, tokenizer, batchers: embed })),
    runRow: async (row) => {
      for (const run of rows.values()) await run(row);
    },
  };
}

type OpenQueues = <Out>(head: Head, split: SplitValues<Out>) => HeadBatchers<Out> | undefined;

function openSparse({ card }: EngineRequest, tokenizer: Tokenizer, queues: OpenQueues): EngineTasks['sparse'] {
  if (card.sparse?.from === 'tokens') {
    const tokens = queues('sparse', splitTokenWeights);
    return tokens && createTermEmbedder({ facts: card, tokenizer, batcher: tokens.passage });
  }
  const vocabulary = queues<TermWeights>('sparse', splitTerms);
  return vocabulary && createVocabularyEmbedder({ facts: card, tokenizer, batcher: vocabulary.passage });
}

function openLateInteraction({ card }: EngineRequest, tokenizer: Tokenizer, queues: OpenQueues): LateInteraction | undefined {
  const { multi } = card;
  const batchers = multi && queues('multi', splitTokenVectors(multi.dimensions));
  return multi && batchers && new LateInteraction({ facts: card, multi, tokenizer, batcher: batchers.passage });
}

function openBatchers<Out>(
  { card, model, slots, limits, telemetry }: EngineRequest,
  running: RunningWorkers,
  purpose: { readonly head: Head; readonly split: SplitValues<Out> },
): HeadBatchers<Out> {
  const open = (kind: TextKind): Batcher<EncoderInput, Out> => {
    const runner = encoderRunner({ group: running.group, slots, kind, timeoutMs: limits.batchTimeoutMs, ...purpose });
    const batcher = new Batcher<EncoderInput, Out>({ runner, settings: limits, onBatch: batchMetrics(telemetry, card.id) });
    running.batchers.add(batcher);
    return batcher;
  };
  // Only a graph that is told what its texts are needs batches of one kind.
  const passage = open('passage');
  return { passage, query: model.variant.graph?.scalars === undefined ? passage : open('query') };
}

function assemble(
  { card, model }: EngineRequest,
  tokenizer: Tokenizer,
  running: RunningWorkers,
): Omit<Engine, 'tasks' | 'selfTest' | 'loadMs'> {
  const { group, report, rejected } = running;
  return {
    card,
    variant: model.variant,
    space: rememberedSpaces(card),
    provider: report.provider,
    rejected,
    nodesByProvider: report.nodesByProvider,
    workers: group.size,
    tokenizer,
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
