import { LocalLiteError } from '../../errors.ts';
import type { KeyInfo } from '../../gateway/keys.ts';
import { type KeyObject, keyCreatedSchema, keyCreateFields, keyCreateSchema, keyDeletedSchema, keyListSchema } from '../../wire/keys.ts';
import { defineRoute, json, noFields, nothing, type Route, required } from '../route.ts';

const tag = 'Keys';

const listKeys = defineRoute({
  method: 'GET',
  path: '/v1/keys',
  scope: 'admin',
  tag,
  summary: 'Access keys, without their secrets',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'The keys.', schema: keyListSchema }],
  handle: (_call, { keys }) => json({ object: 'list', data: keys.list().map(toKeyObject) }),
});

const createKey = defineRoute({
  method: 'POST',
  path: '/v1/keys',
  scope: 'admin',
  tag,
  summary: 'Create an access key',
  body: required(keyCreateSchema, keyCreateFields),
  query: nothing,
  answers: [{ status: 201, description: 'The key, and the only time its secret is shown.', schema: keyCreatedSchema }],
  async handle({ body }, { keys }) {
    const { info, key } = await keys.create(body.name, body.scopes, body.requests_per_minute);
    return json({ ...toKeyObject(info), key }, { status: 201, headers: { 'cache-control': 'no-store' } });
  },
});

const deleteKey = defineRoute({
  method: 'DELETE',
  path: '/v1/keys/{id}',
  scope: 'admin',
  tag,
  summary: 'Revoke an access key',
  description: 'By id or name. A key of the settings or of `api_keys_file` is 409: it is removed there.',
  body: noFields,
  query: nothing,
  answers: [{ status: 200, description: 'It opens nothing any more.', schema: keyDeletedSchema }],
  async handle({ id }, { keys }) {
    if (await keys.revoke(id)) return json({ object: 'key', id, deleted: true });
    throw new LocalLiteError('not_found', 'there is no such key; GET /v1/keys lists them', { param: 'id' });
  },
});

/** Access keys. */
export const keyRoutes: readonly Route[] = [listKeys, createKey, deleteKey];

function toKeyObject(info: KeyInfo): KeyObject {
  return {
    object: 'key',
    id: info.id,
    name: info.name,
    scopes: [...info.scopes],
    requests_per_minute: info.requestsPerMinute ?? null,
    from: info.from,
    created_at: info.createdAt,
    last_used_at: info.lastUsedAt ?? null,
  };
}
