import type { TextRun } from '../engines/embedder-types.ts';
import { LocalLiteError } from '../errors.ts';
import type { ModelCard } from '../models/card.ts';
import { multiSpace, sparseSpace } from '../models/space.ts';
import type { Engine, EngineTasks } from './engine-types.ts';
import type { GatewayParts } from './gateway-parts.ts';
import type {
  EmbedRequest,
  EmbedResult,
  MultiRequest,
  MultiResult,
  Priority,
  RerankRequest,
  RerankResult,
  SparseRequest,
  SparseResult,
  TaskOptions,
  TaskResult,
} from './gateway-types.ts';
import type { ModelAccess } from './model-access.ts';
import { termTexts } from './term-texts.ts';
import { missingHead, tokenizerOf } from './wrong-task.ts';

/** Tasks that take texts. */
type TextTask = Exclude<keyof EngineTasks, 'ocr'>;

/** The tasks of encoder models, on leased models: priority, span, times, what is counted. */
export class TaskRuns {
  readonly #parts: Pick<GatewayParts, 'config' | 'telemetry'>;
  readonly #access: ModelAccess;

  constructor(parts: Pick<GatewayParts, 'config' | 'telemetry'>, access: ModelAccess) {
    this.#parts = parts;
    this.#access = access;
  }

  embed(request: EmbedRequest): Promise<EmbedResult> {
    return this.#run('embed', request, request.input.length, {
      start: (embedder, lane) => embedder.embed(request.input, { ...request, lane }),
      valuesOf: ({ vectors }, engine) => ({ space: engine.space(request.dimensions), vectors }),
    });
  }

  rerank(request: RerankRequest): Promise<RerankResult> {
    return this.#run('rerank', request, request.documents.length, {
      start: (reranker, lane) => reranker.rerank(request.query, request.documents, { ...request, lane }),
      valuesOf: ({ logits }, { card }) => ({ logits, scores: activationOf(card) === 'sigmoid' ? logits.map(sigmoid) : logits }),
    });
  }

  embedSparse(request: SparseRequest): Promise<SparseResult> {
    return this.#run('sparse', request, request.input.length, {
      start: async (embedder, lane, engine) => {
        const run = await embedder.embed(request.input, { ...request, lane });
        return request.returnTerms === true ? { ...run, terms: await termTexts(run.vectors, tokenizerOf(engine), request.signal) } : run;
      },
      valuesOf: (run, { card }) => {
        const values = { space: sparseSpace(card), vectors: run.vectors };
        return 'terms' in run ? { ...values, terms: run.terms } : values;
      },
    });
  }

  embedMulti(request: MultiRequest): Promise<MultiResult> {
    return this.#run('multi', request, request.input.length, {
      start: (embedder, lane) => embedder.embed(request.input, { ...request, lane }),
      valuesOf: ({ vectors }, { card }) => ({ space: multiSpace(card), vectors }),
    });
  }

  async #run<Name extends TextTask, Run extends TextRun, Values>(
    task: Name,
    request: TaskOptions,
    inputs: number,
    { start, valuesOf }: TaskWork<Name, Run, Values>,
  ): Promise<TaskResult & Values> {
    const { config, telemetry } = this.#parts;
    const started = performance.now();
    const name = request.model ?? config.default_models[task];
    using lease = await this.#access.lease({ name, task, keepAlive: request.keepAlive, signal: request.signal });
    const { engine } = lease;
    const model = engine.card.id;
    const does = engine.tasks[task];
    if (does === undefined) throw missingHead(engine.card, engine.variant.name, task);
    const priority = request.priority ?? (inputs > config.batch.bulk_above ? 'bulk' : 'interactive');
    try {
      const run = await telemetry.span(`locallite.${task}`, { model, inputs, priority }, () => start(does, priority, engine));
      const { promptTokens, truncatedTokens, tokenizeMs, queueMs, inferMs } = run;
      return {
        model,
        variant: engine.variant.name,
        provider: engine.provider,
        promptTokens,
        truncatedTokens,
        timings: { tokenizeMs, queueMs, inferMs, totalMs: performance.now() - started },
        ...valuesOf(run, engine),
      };
    } catch (error) {
      if (LocalLiteError.is(error) && error.code === 'overloaded') telemetry.count('locallite_overloaded_total', 1, { model });
      throw error;
    }
  }
}

/** What is particular to a task: what is run, and what of its result the answer holds. */
interface TaskWork<Name extends TextTask, Run extends TextRun, Values> {
  readonly start: (does: NonNullable<EngineTasks[Name]>, lane: Priority, engine: Engine) => Promise<Run>;
  readonly valuesOf: (run: Run, engine: Engine) => Values;
}

/** Cross-encoders are trained for a sigmoid unless their card says otherwise; MaxSim is a score as it is. */
function activationOf(card: ModelCard): 'sigmoid' | 'none' {
  const isCrossEncoder = card.task === 'rerank' || card.alsoTasks?.includes('rerank') === true;
  return card.rerank?.activation ?? (isCrossEncoder ? 'sigmoid' : 'none');
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
