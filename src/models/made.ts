import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type ModelCard, type ModelVariant, POOLINGS, TASKS, variantSchema } from './card.ts';

/** Name of the variant that is the published weights. */
export const WEIGHTS_VARIANT = 'weights';

/** Number formats and layouts that LocalLite makes graphs in. */
const PRECISIONS = ['fp32', 'fp16', 'int8', 'q4'] as const;
const TARGETS = ['cpu', 'gpu', 'npu'] as const;

/** How well a made graph holds to the fp32 graph of the same weights, and how fast it is: what the converter measured. */
export const conversionReportSchema = z.strictObject({
  converter: z.number().int().positive(),
  precision: z.enum(PRECISIONS),
  target: z.enum(TARGETS),
  family: z.string(),
  /** On texts that calibration did not see; absent for fp32 itself. */
  fidelity: z.strictObject({ meanCosine: z.number(), worstCosine: z.number(), texts: z.number().int().positive() }).optional(),
  /** Worst cosine between a text alone and the same text in a batch of mixed lengths. */
  batchInvariance: z.number().optional(),
  /** Tokens a second of one thread, in turns with fp32 of the same weights. */
  tokensPerSecond: z.strictObject({ this: z.number(), fp32: z.number().optional() }).optional(),
  memoryBytes: z.number().optional(),
  keptInFloat: z.array(z.string()),
  worstLayers: z.array(z.strictObject({ layer: z.string(), relativeError: z.number() })),
  seconds: z.number(),
});
export type ConversionReport = z.infer<typeof conversionReportSchema>;

/** All that decides the bytes of a made graph, the weights apart. */
export const recipeSchema = z.strictObject({
  /** Version of the converter; a newer one makes the graph again. */
  converter: z.number().int().positive(),
  precision: z.enum(PRECISIONS),
  target: z.enum(TARGETS),
  tasks: z.array(z.enum(TASKS)).min(1),
  pooling: z.enum(POOLINGS),
  normalize: z.boolean(),
  dimensions: z.number().int().positive(),
  maxTokens: z.number().int().positive(),
});
export type Recipe = z.infer<typeof recipeSchema>;

/** What the store remembers of a variant that was made on this machine. */
export const madeSchema = z.strictObject({
  variant: variantSchema,
  recipe: recipeSchema,
  /** {@link weightsDigest} of the installed weights it was made from. */
  weights: z.string().regex(/^[0-9a-f]{64}$/),
  report: conversionReportSchema,
});
export type Made = z.infer<typeof madeSchema>;

/** Precision and layout, whatever the version of the converter. */
export type MadeKind = Pick<Recipe, 'precision' | 'target'>;

/** Name of a kind as users write it: `int8`, `fp16-gpu`. */
export function kindName({ precision, target }: MadeKind): string {
  return target === 'cpu' ? precision : `${precision}-${target}`;
}

/** What a graph is built with, kind and converter apart. */
type Facts = Omit<Recipe, 'converter' | 'precision' | 'target'>;

const factsOf = ({ tasks, pooling, normalize, dimensions, maxTokens }: Facts): Facts => ({
  tasks,
  pooling,
  normalize,
  dimensions,
  maxTokens,
});

/** What a card says that graphs of it are built with. */
export function cardFacts(card: Pick<ModelCard, 'task' | 'alsoTasks' | 'pooling' | 'normalize' | 'dimensions' | 'maxTokens'>): Facts {
  return factsOf({ ...card, tasks: [card.task, ...(card.alsoTasks ?? [])] });
}

/**
 * Name of a made variant: `int8-c1`, `fp16-gpu-c1`; where the user's settings say otherwise than the card, with six digits for what they
 * say (`int8-c1-3fa9c2`), so that both can be there.
 */
export function madeName(recipe: Recipe, card: Parameters<typeof cardFacts>[0]): string {
  const name = `${kindName(recipe)}-c${recipe.converter}`;
  const [own, usual] = [JSON.stringify(factsOf(recipe)), JSON.stringify(cardFacts(card))];
  return own === usual ? name : `${name}-${createHash('sha256').update(own).digest('hex').slice(0, 6)}`;
}

/** True for two makings of which the newer takes the place of the older: they differ in the converter's version at most. */
export function isSuccessor(newer: Made, older: Made): boolean {
  const stem = ({ variant }: Made): string => variant.name.replace(/-c\d+/, '');
  return stem(newer) === stem(older);
}

/** The kind that a variant's name asks for, with or without the converter's version; undefined for a name that is of no kind. */
export function kindOf(name: string): MadeKind | undefined {
  const [, precision, target = 'cpu'] = /^([a-z0-9]+?)(?:-(gpu|npu))?(?:-c\d+(?:-[0-9a-f]{6})?)?$/.exec(name) ?? [];
  const known = PRECISIONS.find((word) => word === precision);
  const layout = TARGETS.find((word) => word === target);
  return known === undefined || layout === undefined ? undefined : { precision: known, target: layout };
}

/** True for two makings of the same kind. */
export function sameKind(one: MadeKind, other: MadeKind): boolean {
  return one.precision === other.precision && one.target === other.target;
}

/**
 * True where `made` answers what `wanted` asks for, so that nothing has to be made again: of the same weights, by the same converter (or a
 * later one), with the same facts of the model built in. More room for tokens than wanted does no harm.
 */
export function isCurrent(made: Made, wanted: Recipe, weights: string | undefined): boolean {
  return (
    made.recipe.converter >= wanted.converter && (weights === undefined || made.weights === weights) && isFaithful(made.recipe, wanted)
  );
}

/** True where a graph was made with the facts that are wanted of it now: otherwise its answers would be other ones. */
export function isFaithful(made: Recipe, wanted: Recipe): boolean {
  return (
    sameKind(made, wanted) &&
    made.pooling === wanted.pooling &&
    made.normalize === wanted.normalize &&
    made.dimensions === wanted.dimensions &&
    made.maxTokens >= wanted.maxTokens &&
    wanted.tasks.every((task) => made.tasks.includes(task))
  );
}

/** One hash over all files of installed weights, configuration and tokenizer included: what a graph was made from. */
export function weightsDigest(files: readonly { readonly path: string; readonly sha256: string }[]): string {
  const lines = files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).sort();
  return createHash('sha256').update(lines.join('')).digest('hex');
}

/** Worst cosine between alone and in a batch from which on a graph counts as independent of its batch. */
const INVARIANT_FROM = 0.9999;

/** Self-tests at load allow this much: a variant that may be further off by its own figures is not held to full precision's vectors. */
const TESTED_FROM = 0.99;

/** The variant that a conversion made, as a card would list it. */
export function madeVariant(
  recipe: Recipe,
  report: ConversionReport,
  { card, variant: weights }: { readonly card: ModelCard; readonly variant: ModelVariant },
): ModelVariant {
  const { fidelity, batchInvariance, memoryBytes } = report;
  return {
    name: madeName(recipe, card),
    dtype: recipe.precision,
    onnx: 'model.onnx',
    batchInvariant: batchInvariance === undefined || batchInvariance >= INVARIANT_FROM,
    sources: weights.sources,
    golden: fidelity === undefined || fidelity.worstCosine >= TESTED_FROM ? weights.golden : [],
    ...(memoryBytes === undefined ? {} : { memoryBytes: Math.round(memoryBytes) }),
    ...(fidelity === undefined
      ? {}
      : {
          fidelity: {
            meanCosine: fidelity.meanCosine,
            worstCosine: fidelity.worstCosine,
            on: `${fidelity.texts} texts that calibration did not see, against fp32 of the same weights`,
          },
        }),
  };
}
