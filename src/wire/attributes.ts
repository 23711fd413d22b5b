import { z } from 'zod';

const MOST = 16;
const LONGEST_KEY = 64;
const LONGEST_VALUE = 512;

const key = z.string().min(1).max(LONGEST_KEY);
const few = (object: object): boolean => Object.keys(object).length <= MOST;
const tooMany = { error: `has more than ${MOST} entries` };

/** OpenAI's metadata: at most 16 texts, keys up to 64 and values up to 512 characters. */
export const metadataSchema = z.record(key, z.string().max(LONGEST_VALUE)).refine(few, tooMany);

/** Attributes of a file in a vector store: as metadata, and numbers, booleans and (ours) lists. */
export const attributesSchema = z
  .record(
    key,
    z.union([
      z.string().max(LONGEST_VALUE),
      z.number(),
      z.boolean(),
      z.array(z.union([z.string().max(LONGEST_VALUE), z.number()])).max(100),
    ]),
  )
  .refine(few, tooMany);

/** Deepest nesting and most parts of a filter. */
const MOST_DEPTH = 8;
const MOST_PARTS = 256;

const comparisonSchema = z.strictObject({
  type: z.enum(['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin', 'contains', 'not_contains']).default('eq'),
  key,
  value: z.union([z.string(), z.number(), z.boolean(), z.array(z.union([z.string(), z.number()])).max(1000)]),
});

/** A comparison of one attribute, or several filters joined. */
export type FilterObject = z.infer<typeof comparisonSchema> | { readonly type: 'and' | 'or'; readonly filters: readonly FilterObject[] };

/** A filter of any depth, as the OpenAPI document names it; requests are checked by {@link filterSchema}. */
export const looseFilterSchema: z.ZodType<FilterObject> = z.lazy(() =>
  z.union([comparisonSchema, z.strictObject({ type: z.enum(['and', 'or']), filters: z.array(looseFilterSchema).min(1) })]),
);

/** OpenAI's filters on attributes; `contains` and `not_contains`, for lists, are ours. */
export const filterSchema = looseFilterSchema.refine((filter) => isSmall(filter), {
  error: `nests deeper than ${MOST_DEPTH} levels or has more than ${MOST_PARTS} parts`,
});

function isSmall(root: FilterObject): boolean {
  let level: readonly FilterObject[] = [root];
  let parts = 0;
  for (let depth = 1; level.length > 0; depth++) {
    parts += level.length;
    if (depth > MOST_DEPTH || parts > MOST_PARTS) return false;
    level = level.flatMap((filter) => ('filters' in filter ? filter.filters : []));
  }
  return true;
}
