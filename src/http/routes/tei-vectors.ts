import type { z } from 'zod';
import { LocalLiteError } from '../../errors.ts';
import {
  teiEmbeddingsSchema,
  teiEmbedSchema,
  teiSimilaritiesSchema,
  teiSimilaritySchema,
  teiSparseEmbeddingsSchema,
  teiVectorsSchema,
} from '../../wire/tei.ts';
import { teiError, teiErrors } from '../../wire/tei-error.ts';
import { teiEmbedFields, teiSimilarityFields, teiSparseFields, teiTokensFields } from '../../wire/tei-fields.ts';
import { listInputs } from '../../wire/tei-inputs.ts';
import { teiSparseText, teiVectorsText } from '../../wire/tei-text.ts';
import { checkText } from '../inputs.ts';
import { type Call, defineRoute, nothing, type Reply, type Route, type RouteContext, required } from '../route.ts';
import { checkTeiInputs, inTeiWords, namesIn, readingOptions, requireTexts, teiReply } from '../tei-run.ts';
import { cosine, unitVector } from '../vector-length.ts';

type EmbedBody = z.infer<typeof teiEmbedSchema>;
type VectorsBody = z.infer<typeof teiVectorsSchema>;
type SimilarityBody = z.infer<typeof teiSimilaritySchema>;

const facts = { method: 'POST', scope: 'inference', tag: 'TEI', query: nothing, errors: teiErrors } as const;

const embed = defineRoute({
  ...facts,
  path: '/embed',
  summary: 'Vectors of texts, as TEI',
  description: "TEI's embed call, for its clients, by the model of the setting `default_models.embed`.",
  body: required(teiEmbedSchema, teiEmbedFields),
  answers: [{ status: 200, description: 'One vector for each input, in the order of the inputs.', schema: teiEmbeddingsSchema }],
  handle: answerTeiEmbed,
});

const embedSparse = defineRoute({
  ...facts,
  path: '/embed_sparse',
  summary: 'Weights of vocabulary terms of texts, as TEI',
  description: 'By the model of the setting `default_models.sparse`.',
  body: required(teiVectorsSchema, teiSparseFields),
  answers: [{ status: 200, description: 'One sparse vector for each input.', schema: teiSparseEmbeddingsSchema }],
  handle: answerTeiSparse,
});

const embedAll = defineRoute({
  ...facts,
  path: '/embed_all',
  summary: "TEI's call for the states of all tokens, which is refused",
  description:
    "LocalLite's workers pool token states where they arise and hand one vector a text over. POST /v1/embeddings/multi gives a vector a token, by models that are trained for it.",
  body: required(teiVectorsSchema, teiTokensFields),
  answers: [],
  handle: refuseTokenStates,
});

const similarity = defineRoute({
  ...facts,
  path: '/similarity',
  summary: 'Cosine of a sentence and others, as TEI',
  description: "TEI's similarity call, by the model of the setting `default_models.embed`.",
  body: required(teiSimilaritySchema, teiSimilarityFields),
  answers: [{ status: 200, description: 'One cosine for each sentence.', schema: teiSimilaritiesSchema }],
  handle: answerTeiSimilarity,
});

/** Vectors over TEI's API. */
export const teiVectorRoutes: readonly Route[] = [embed, embedSparse, embedAll, similarity];

/** Answers POST /embed, and POST / with such a body. */
export async function answerTeiEmbed({ body }: Pick<Call<EmbedBody, unknown>, 'body'>, { gateway, signal }: RouteContext): Promise<Reply> {
  const { items: input, single } = listInputs(body.inputs);
  checkTeiInputs(input, gateway.config.limits, 'inputs');
  requireTexts(input, namesIn('inputs', single));
  if (!body.normalize) await requireRawVectors(gateway);
  const request = {
    signal,
    input,
    ...readingOptions(body, gateway.config.wire.tei.auto_truncate),
    ...(body.dimensions === undefined ? {} : { dimensions: body.dimensions }),
  };
  const result = await inTeiWords(gateway.embed(request), { reading: body, nameOf: namesIn('inputs', single) });
  const vectors = body.normalize ? result.vectors.map(unitVector) : result.vectors;
  return teiReply(teiVectorsText(vectors), result, input, signal);
}

/** Answers POST /similarity, and POST / with such a body. */
export async function answerTeiSimilarity(
  { body }: Pick<Call<SimilarityBody, unknown>, 'body'>,
  { gateway, signal }: RouteContext,
): Promise<Reply> {
  const { source_sentence: source, sentences } = body.inputs;
  if (sentences.length === 0) throw teiError('empty', 'inputs.sentences cannot be empty');
  const input = [source, ...sentences];
  checkTeiInputs(sentences, gateway.config.limits, 'inputs.sentences');
  checkText(source, gateway.config.limits, 'inputs.source_sentence');
  requireTexts(input, similarityName);
  const reading = { truncation_direction: 'Right' as const, ...body.parameters };
  const request = { signal, input, ...readingOptions(reading, gateway.config.wire.tei.auto_truncate) };
  const result = await inTeiWords(gateway.embed(request), { reading, nameOf: similarityName });
  const [first = new Float32Array(), ...others] = result.vectors;
  return teiReply([JSON.stringify(others.map((other) => cosine(first, other)))], result, input, signal);
}

function similarityName(index: number): string {
  return index === 0 ? 'inputs.source_sentence' : `inputs.sentences[${index - 1}]`;
}

async function answerTeiSparse({ body }: Call<VectorsBody, unknown>, { gateway, signal }: RouteContext): Promise<Reply> {
  const { items: input, single } = listInputs(body.inputs);
  checkTeiInputs(input, gateway.config.limits, 'inputs');
  requireTexts(input, namesIn('inputs', single));
  const request = { signal, input, ...readingOptions(body, gateway.config.wire.tei.auto_truncate) };
  const result = await inTeiWords(gateway.embedSparse(request), { reading: body, nameOf: namesIn('inputs', single) });
  return teiReply(teiSparseText(result.vectors), result, input, signal);
}

function refuseTokenStates({ body }: Call<VectorsBody, unknown>, { gateway }: RouteContext): Reply {
  checkTeiInputs(listInputs(body.inputs).items, gateway.config.limits, 'inputs');
  const model = gateway.config.default_models.embed;
  throw new LocalLiteError(
    'model_wrong_task',
    `${model} gives one vector a text and no states of its tokens; POST /v1/embeddings/multi gives one vector a token, by models for late interaction`,
  );
}

/** @throws LocalLiteError invalid_request when the default model's own files make its vectors unit vectors */
async function requireRawVectors({ config, models }: RouteContext['gateway']): Promise<void> {
  const { id, card } = await models.show(config.default_models.embed);
  if (card?.normalize === false) return;
  throw new LocalLiteError(
    'invalid_request',
    `normalize: false cannot be obeyed: the vectors of ${id} are normalised as its own files say; leave it out, or set models."${id}".normalize`,
  );
}
