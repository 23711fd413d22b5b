import { z } from 'zod';
import { type FieldTable, honoured } from './fields.ts';

/** Query parameters of a list that is read page by page, as OpenAI has them. */
export const pagingSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional(),
  before: z.string().optional(),
});

export const pagingFields: FieldTable = {
  limit: honoured('openai', 'Objects of one page: 1 to 100; 20 when absent.'),
  order: honoured('openai', 'By time of creation: asc or desc (default).'),
  after: honoured('openai', 'Id of the object after which the page begins.'),
  before: honoured('openai', 'Id of the object before which the page ends.'),
};

/** A page of a list. */
export function pageSchema<T extends z.ZodType>(item: T) {
  return z.strictObject({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
}

/** A page as it is answered. */
export function toPage<T extends { readonly id: string }>(data: readonly T[], hasMore: boolean) {
  return { object: 'list' as const, data, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null, has_more: hasMore };
}
