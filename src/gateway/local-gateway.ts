import { processEnvironment } from '../config/environment.ts';
import { CoreSlots } from '../runtime/slots.ts';
import { Conversions } from './convert-job.ts';
import { EngineOpener } from './engine-opener.ts';
import type { GatewayParts } from './gateway-parts.ts';
import type {
  EmbedRequest,
  EmbedResult,
  Gateway,
  Models,
  MultiRequest,
  MultiResult,
  RerankRequest,
  RerankResult,
  SparseRequest,
  SparseResult,
  TokenizeRequest,
  TokenizeResult,
} from './gateway-types.ts';
import { createJobs } from './jobs.ts';
import { KnownModels } from './known-models.ts';
import { ModelAccess } from './model-access.ts';
import { createOcr } from './ocr.ts';
import { EnginePool } from './pool.ts';
import { Preparation } from './prepare.ts';
import { Retrieval } from './retrieval.ts';
import { RetrievalInference } from './retrieval-inference.ts';
import { TaskRuns } from './task-runs.ts';
import { TokenRuns } from './token-runs.ts';

/** The gateway over models of this machine: builds its parts and hands each call to the one whose work it is. */
export class LocalGateway implements Gateway {
  readonly config: GatewayParts['config'];
  readonly telemetry: GatewayParts['telemetry'];
  readonly aliases: GatewayParts['aliases'];
  readonly jobs: ReturnType<typeof createJobs>;
  readonly models: Models;
  readonly #names: GatewayParts['names'];
  readonly #pool: EnginePool;
  readonly #access: ModelAccess;
  readonly #tasks: TaskRuns;
  readonly #tokens: TokenRuns;
  readonly #retrieval: Retrieval;

  constructor(parts: GatewayParts) {
    const { config, telemetry, names } = parts;
    this.config = config;
    this.telemetry = telemetry;
    this.aliases = parts.aliases;
    this.#names = names;
    const conversions = new Conversions(parts);
    this.jobs = createJobs({
      ...parts,
      referenceOf: (name) => names.resolve(name).reference,
      convert: async (order, watch) => {
        const made = await conversions.run(order, watch);
        // It may be what is to run from now on.
        this.#access.lookUpAnew(made.card.id);
        return made;
      },
    });
    const preparation = new Preparation(parts, this.jobs);
    this.#pool = new EnginePool({ budgetBytes: config.memory_budget, telemetry });
    const slots = new CoreSlots(config.threads);
    telemetry.gauge('locallite_core_slots_busy', () => slots.busy);
    this.#access = new ModelAccess(parts, { jobs: this.jobs, pool: this.#pool, opener: new EngineOpener(parts, slots), preparation });
    this.models = new KnownModels(parts, { pool: this.#pool, access: this.#access, preparation });
    this.#tasks = new TaskRuns(parts, this.#access);
    this.#tokens = new TokenRuns(parts, this.#access);
    const inference = new RetrievalInference(parts, this.#access, this.#tasks);
    const ocr = createOcr({ parts, access: this.#access, jobs: this.jobs, environment: processEnvironment() });
    this.#retrieval = new Retrieval(parts, { inference, jobs: this.jobs, ocr });
  }

  get documents(): Gateway['documents'] {
    return this.#retrieval.documents;
  }

  get files(): Gateway['files'] {
    return this.#retrieval.files;
  }

  get collections(): Gateway['collections'] {
    return this.#retrieval.collections;
  }

  resumeJobs(): Promise<void> {
    return this.#retrieval.resume();
  }

  embed(request: EmbedRequest): Promise<EmbedResult> {
    return this.#tasks.embed(request);
  }

  rerank(request: RerankRequest): Promise<RerankResult> {
    return this.#tasks.rerank(request);
  }

  embedSparse(request: SparseRequest): Promise<SparseResult> {
    return this.#tasks.embedSparse(request);
  }

  embedMulti(request: MultiRequest): Promise<MultiResult> {
    return this.#tasks.embedMulti(request);
  }

  tokenize(request: TokenizeRequest): Promise<TokenizeResult> {
    return this.#tokens.tokenize(request);
  }

  detokenize(request: Parameters<Gateway['detokenize']>[0]): Promise<{ model: string; text: string }> {
    return this.#tokens.detokenize(request);
  }

  ready(): { ready: boolean; reason: string | undefined } {
    const { id } = this.#names.resolve(this.config.default_models.embed);
    if (this.#access.wasLoaded(id)) return { ready: true, reason: undefined };
    return { ready: false, reason: `the default model ${id} is not loaded yet` };
  }

  async close(options: { readonly graceMs?: number } = {}): Promise<void> {
    const graceMs = options.graceMs ?? this.config.shutdown.grace * 1000;
    await Promise.all([this.jobs.close(), this.#pool.close(graceMs)]);
    await this.#retrieval.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
