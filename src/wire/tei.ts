import { z } from 'zod';
import { teiIdsSchema, teiInputsSchema, teiSequencesSchema } from './tei-inputs.ts';

/*
 * Hugging Face's Text Embeddings Inference, as its version 1.9 speaks over HTTP.
 * https://huggingface.github.io/text-embeddings-inference
 */

const truncate = z.boolean().optional().meta({ description: 'Cut what is too long. Absent: the setting `wire.tei.auto_truncate`.' });
const truncation_direction = z
  .enum(['Right', 'right', 'Left', 'left'])
  .default('Right')
  .meta({ description: 'Where to cut; with `Left` an input that would have to be cut is refused.' });
const prompt_name = z.enum(['query', 'passage', 'document']).optional().meta({ description: "Adds the model's own prompt." });
const raw_scores = z.boolean().default(false).meta({ description: "The model's own scores instead of relevance between 0 and 1." });
const reading = { truncate, truncation_direction };
const vectorsShape = { inputs: teiInputsSchema, ...reading, prompt_name };

/** Body of POST /embed. */
export const teiEmbedSchema = z
  .strictObject({
    ...vectorsShape,
    normalize: z.boolean().default(true).meta({ description: 'Vectors of unit length.' }),
    dimensions: z.int().min(1).optional().meta({ description: 'Cuts and re-normalises the vector, for models that allow it.' }),
    encoding_format: z.literal('float').optional(),
    options: z.unknown().optional().meta({ description: 'Accepted without effect.' }),
  })
  .meta({ description: "TEI's embed request." });

/** Body of POST /embed_all and of POST /embed_sparse. */
export const teiVectorsSchema = z.strictObject(vectorsShape).meta({ description: "TEI's request for vectors of other kinds." });

/** Body of POST /similarity. */
export const teiSimilaritySchema = z
  .strictObject({
    inputs: z.strictObject({ source_sentence: z.string(), sentences: z.array(z.string()) }),
    parameters: z.strictObject({ truncate: truncate.nullable(), truncation_direction, prompt_name: prompt_name.nullable() }).optional(),
    options: z.unknown().optional().meta({ description: 'Accepted without effect.' }),
  })
  .meta({ description: "TEI's similarity request." });

/** Body of POST /rerank. */
export const teiRerankSchema = z
  .strictObject({
    query: z.string().min(1),
    texts: z.array(z.string()),
    ...reading,
    raw_scores,
    return_text: z.boolean().default(false).meta({ description: 'Give each text back.' }),
  })
  .meta({ description: "TEI's rerank request." });

/** Body of POST /predict. */
export const teiPredictSchema = z
  .strictObject({
    inputs: teiSequencesSchema,
    ...reading,
    raw_scores,
    parameters: z
      .strictObject({ function_to_apply: z.enum(['sigmoid', 'none']).nullish(), top_k: z.int().min(1).nullish() })
      .optional()
      .meta({ description: "Hugging Face's own: `none` as function gives raw scores; there is one label, so `top_k` leaves all." }),
    options: z.unknown().optional().meta({ description: 'Accepted without effect.' }),
  })
  .meta({ description: "TEI's predict request." });

/** Body of POST /tokenize. */
export const teiTokenizeSchema = z
  .strictObject({
    inputs: z.union([z.string(), z.array(z.string())], { error: 'must be a string or an array of strings' }),
    add_special_tokens: z.boolean().default(true),
    prompt_name,
  })
  .meta({ description: "TEI's tokenize request." });

/** Body of POST /decode. */
export const teiDecodeSchema = z
  .strictObject({ ids: teiIdsSchema, skip_special_tokens: z.boolean().default(true) })
  .meta({ description: "TEI's decode request." });

const asThere = z.unknown().optional();

/** Body of POST /: one of the others, and checked as that. */
export const teiRootSchema = z
  .strictObject({
    inputs: asThere,
    query: asThere,
    texts: asThere,
    parameters: asThere,
    truncate: asThere,
    truncation_direction: asThere,
    prompt_name: asThere,
    normalize: asThere,
    dimensions: asThere,
    encoding_format: asThere,
    raw_scores: asThere,
    return_text: asThere,
    options: asThere,
  })
  .meta({ description: 'A body of POST /embed, /similarity, /rerank or /predict.' });

/** Answer of POST /embed. */
export const teiEmbeddingsSchema = z.array(z.array(z.number())).meta({ description: 'One vector for each input.' });

/** Answer of POST /embed_sparse. */
export const teiSparseEmbeddingsSchema = z
  .array(z.array(z.strictObject({ index: z.int(), value: z.number() })))
  .meta({ description: 'Vocabulary ids and their weights, for each input.' });

/** Answer of POST /similarity. */
export const teiSimilaritiesSchema = z.array(z.number()).meta({ description: 'Cosine of the source sentence and each sentence.' });

/** Answer of POST /rerank. */
export const teiRanksSchema = z
  .array(z.strictObject({ index: z.int().min(0), score: z.number(), text: z.string().optional() }))
  .meta({ description: 'The most relevant first; equal scores in the order of the texts.' });

const predictionSchema = z.strictObject({ score: z.number(), label: z.string() });

/** Answer of POST /predict. */
export const teiPredictionsSchema = z
  .union([z.array(predictionSchema), z.array(z.array(predictionSchema))])
  .meta({ description: 'The labels of a lone pair, or of each of several.' });

/** Answer of POST /tokenize. */
export const teiTokensSchema = z
  .array(
    z.array(
      z.strictObject({
        id: z.int(),
        text: z.string().meta({ description: 'The piece of the text, or the name of a special token.' }),
        special: z.boolean(),
        start: z.int().nullable().meta({ description: 'Bytes of UTF-8 into the text; null for special tokens.' }),
        stop: z.int().nullable(),
      }),
    ),
  )
  .meta({ description: 'The tokens of each text.' });
export type TeiTokens = z.infer<typeof teiTokensSchema>;

/** Answer of POST /decode. */
export const teiTextsSchema = z.array(z.string()).meta({ description: 'The text of each list of ids.' });

/** Answer of GET /info. */
export const teiInfoSchema = z
  .strictObject({
    model_id: z.string(),
    model_sha: z.string().nullable(),
    model_dtype: z.string().meta({ description: 'float32, float16, or the precision as LocalLite names it.' }),
    served_model_name: z.string(),
    model_type: z.strictObject({ embedding: z.strictObject({ pooling: z.string() }) }),
    max_concurrent_requests: z.int(),
    max_input_length: z.int(),
    max_batch_tokens: z.int(),
    max_batch_requests: z.int().nullable(),
    max_client_batch_size: z.int(),
    auto_truncate: z.boolean(),
    tokenization_workers: z.int(),
    version: z.string().meta({ description: "LocalLite's." }),
    sha: z.string().nullable(),
    docker_label: z.string().nullable(),
  })
  .meta({ description: 'The default embedding model and the limits, as TEI tells them.' });
export type TeiInfo = z.infer<typeof teiInfoSchema>;
