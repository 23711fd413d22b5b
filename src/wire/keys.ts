import { z } from 'zod';
import { timestampSchema } from './common.ts';
import { type FieldTable, honoured } from './fields.ts';

/** What a key may be allowed to do. */
export const KEY_SCOPES = ['inference', 'documents', 'admin'] as const;

/** A key as it is listed: never the secret. */
export const keySchema = z
  .strictObject({
    object: z.literal('key'),
    id: z.string(),
    name: z.string(),
    scopes: z.array(z.enum(KEY_SCOPES)),
    requests_per_minute: z.int().nullable().meta({ description: '0 = no limit; null = the setting `limits.requests_per_minute`.' }),
    from: z.enum(['settings', 'file', 'home']).meta({ description: 'Where it is kept; only one of `home` can be revoked here.' }),
    created_at: timestampSchema,
    last_used_at: timestampSchema.nullable(),
  })
  .meta({ description: 'An access key, without its secret.' });
export type KeyObject = z.infer<typeof keySchema>;

/** Answer of GET /v1/keys. */
export const keyListSchema = z.strictObject({ object: z.literal('list'), data: z.array(keySchema) });
export type KeyList = z.infer<typeof keyListSchema>;

/** Body of POST /v1/keys. */
export const keyCreateSchema = z.strictObject({
  name: z.string().min(1).max(100),
  scopes: z.array(z.enum(KEY_SCOPES)).min(1).default(['inference']),
  requests_per_minute: z.int().min(0).optional().meta({ description: '0 = no limit. Absent: the setting.' }),
});
export type KeyCreateRequest = z.input<typeof keyCreateSchema>;
export const keyCreateFields: FieldTable = {
  name: honoured('locallite', 'what the key is for; unique'),
  scopes: honoured('locallite', 'any of "inference" (default), "documents", "admin"'),
  requests_per_minute: honoured('locallite', 'limit of this key; 0 = none; absent: the setting'),
};

/** Answer of POST /v1/keys: the only time the secret is shown. */
export const keyCreatedSchema = keySchema.extend({
  key: z.string().meta({ description: 'The secret. It is kept as a hash and never shown again.' }),
});
export type KeyCreated = z.infer<typeof keyCreatedSchema>;

/** Answer of DELETE /v1/keys/{id}. */
export const keyDeletedSchema = z.strictObject({ object: z.literal('key'), id: z.string(), deleted: z.literal(true) });
export type KeyDeleted = z.infer<typeof keyDeletedSchema>;
