import { z } from 'zod';
import { choice, duration, text, toggle, whole } from './values.ts';

/** Short names of execution providers, the same as the runtime's. */
export const PROVIDER_WORDS = ['cpu', 'cuda', 'dml', 'qnn', 'coreml', 'webgpu'] as const;

/** Ways of pooling, the same as a model card's. */
export const POOLING_WORDS = ['mean', 'cls', 'last'] as const;

const prompt = 'text (may be empty)';

/** The settings of a single model, each with its kind and meaning; what is absent comes from the model's card or the general setting. */
export const MODEL_SETTINGS = {
  variant: { kind: text('the name of a variant such as fp32 or q4', 'variant'), help: 'Precision to run, e.g. `fp32` or `q4`' },
  provider: { kind: choice(PROVIDER_WORDS), help: 'Execution provider of this model' },
  workers: { kind: whole(1, 4096), help: 'Most worker processes of this model' },
  keep_alive: { kind: duration({ forever: true }), help: 'Time it stays in memory after its last request' },
  pinned: { kind: toggle(), help: 'Never unload it to make room' },
  max_tokens: { kind: whole(1, 10_000_000), help: 'Most tokens of an input' },
  pooling: { kind: choice(POOLING_WORDS), help: 'How token states become one vector' },
  normalize: { kind: toggle(), help: 'Whether vectors are scaled to length 1' },
  query_prompt: { kind: { schema: z.string({ error: prompt }), expected: prompt }, help: 'Put before each input with `input_type: query`' },
  passage_prompt: {
    kind: { schema: z.string({ error: prompt }), expected: prompt },
    help: 'Put before each input with `input_type: passage`',
  },
  dimensions: { kind: whole(1, 1_000_000), help: 'Numbers in a vector, for models whose files do not say' },
} as const;

const fields = MODEL_SETTINGS;

/** Checks the settings of one model; a field it does not know is refused. */
export const modelSettingsSchema = z.strictObject(
  {
    variant: fields.variant.kind.schema.optional(),
    provider: fields.provider.kind.schema.optional(),
    workers: fields.workers.kind.schema.optional(),
    keep_alive: fields.keep_alive.kind.schema.optional(),
    pinned: fields.pinned.kind.schema.optional(),
    max_tokens: fields.max_tokens.kind.schema.optional(),
    pooling: fields.pooling.kind.schema.optional(),
    normalize: fields.normalize.kind.schema.optional(),
    query_prompt: fields.query_prompt.kind.schema.optional(),
    passage_prompt: fields.passage_prompt.kind.schema.optional(),
    dimensions: fields.dimensions.kind.schema.optional(),
  },
  { error: 'a mapping of settings of one model' },
);

/** The settings of one model; times in seconds. */
export type ModelSettings = Readonly<z.infer<typeof modelSettingsSchema>>;
