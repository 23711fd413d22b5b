import { readTokenTable, StaticEmbedder } from '../engines/static-embedder.ts';
import { loadTokenizer } from '../runtime/tokenizer.ts';
import type { Engine, EngineRequest } from './engine-types.ts';
import { runSelfTest } from './self-test.ts';
import { rememberedSpaces } from './spaces.ts';

/**
 * An engine without workers: the gateway itself looks up the vectors of tokens and averages them.
 * @throws LocalLiteError model_load_failed, model_unsupported
 */
export async function openStaticEngine(request: EngineRequest): Promise<Engine> {
  const started = performance.now();
  const { card, model } = request;
  const tokenizer = await loadTokenizer(model.directory);
  const facts = { ...card, dropUnknown: card.static?.dropUnknown ?? false };
  const embedder = new StaticEmbedder(readTokenTable(model.directory), tokenizer, facts);
  const selfTest = await runSelfTest(request, embedder);
  return {
    card,
    variant: model.variant,
    tasks: { embed: embedder, rerank: undefined, sparse: undefined, multi: undefined },
    space: rememberedSpaces(card),
    provider: 'cpu',
    rejected: [],
    nodesByProvider: undefined,
    workers: 0,
    tokenizer,
    selfTest,
    loadMs: performance.now() - started,
    memoryBytes: () => embedder.bytes,
    queuedTokens: () => 0,
    refusal: () => undefined,
    close: async () => {},
    kill: () => {},
  };
}
