import { LocalLiteError } from '../errors.ts';
import type { Task } from '../models/card.ts';
import { preciseLayer } from './blocks.ts';
import type { ConvertRequest } from './convert-types.ts';
import type { BuildContext, EncoderStates, Family } from './family.ts';
import { sentenceEmbedding } from './heads-embed.ts';
import { attentionTokenWeights, learntTokenWeights, projection, tokenVectors, vocabularyWeights } from './heads-tokens.ts';
import type { SentenceModule } from './sentence-modules.ts';

/** All that a head may look at. */
export interface HeadSources {
  readonly context: BuildContext;
  readonly family: Family;
  readonly encoded: EncoderStates;
  readonly request: ConvertRequest;
  readonly modules: readonly SentenceModule[];
}

/**
 * Adds the outputs of one task to the graph.
 * @throws LocalLiteError model_wrong_task where the weights have no such head
 */
export function addHead(task: Task, sources: HeadSources): void {
  const add = HEADS[task];
  if (add === undefined) throw wrongTask(sources.request, `LocalLite converts encoders, which cannot do ${task}`);
  add(sources);
}

const HEADS: Readonly<Partial<Record<Task, (sources: HeadSources) => void>>> = {
  embed: addEmbedding,
  rerank: addLogits,
  sparse: addSparse,
  multi: addVectors,
};

function addEmbedding({ context, family, encoded, request, modules }: HeadSources): void {
  const { graph, config } = context;
  const size = family.hiddenSize(config);
  const { value, dimensions } = sentenceEmbedding(context, { value: encoded.states, size }, { ...request, modules: middleSteps(modules) });
  if (dimensions !== request.dimensions) {
    throw new LocalLiteError(
      'model_unsupported',
      `the model's vectors have ${dimensions} values where its card says ${request.dimensions}`,
    );
  }
  graph.output('sentence_embedding', value, 'float32', ['texts', dimensions]);
  graph.output('last_hidden_state', encoded.states, 'float32', ['texts', 'tokens', size]);
}

/** Without the final normalisation, which the card decides. */
function middleSteps(modules: readonly SentenceModule[]): readonly SentenceModule[] {
  return modules.at(-1)?.kind === 'normalize' ? modules.slice(0, -1) : modules;
}

function addLogits({ context, family, encoded, request }: HeadSources): void {
  if (family.classify === undefined) throw wrongTask(request, `${family.name} has no cross-encoder head that LocalLite knows`);
  context.graph.output('logits', family.classify(context, encoded.states), 'float32', ['texts', 'labels']);
}

function addSparse({ context, family, encoded, request }: HeadSources): void {
  const { graph } = context;
  const learnt = projection(request.directory, context.headWeights, ['sparse_linear']);
  if (learnt !== undefined) {
    graph.output('token_weights', learntTokenWeights(context, encoded.states, learnt), 'float32', ['texts', 'tokens']);
  } else if (family.predictVocabulary !== undefined && context.headWeights.shape(family.vocabularyAnchor ?? '') !== undefined) {
    const weights = vocabularyWeights(context, encoded.states, family.predictVocabulary);
    graph.output('vocabulary_weights', weights, 'float32', ['texts', 'vocabulary']);
  } else {
    graph.output('token_weights', attentionTokenWeights(context, encoded), 'float32', ['texts', 'tokens']);
  }
}

function addVectors({ context, encoded, request, modules }: HeadSources): void {
  const own = projection(request.directory, context.headWeights, ['colbert_linear', 'linear']);
  const stepped = modules.flatMap((module) =>
    module.kind === 'dense' ? [{ ...preciseLayer(module.weights, module.name), name: `${module.folder}.${module.name}` }] : [],
  );
  const layers = own === undefined ? stepped : [own];
  const last = layers.at(-1);
  if (last === undefined) throw wrongTask(request, 'its weights have no projection of token states (linear or colbert_linear)');
  context.graph.output('token_vectors', tokenVectors(context, encoded.states, layers), 'float32', ['texts', 'tokens', last.outputs]);
}

function wrongTask({ id }: ConvertRequest, why: string): LocalLiteError {
  return new LocalLiteError('model_wrong_task', `${id} cannot be converted for this task: ${why}`);
}
