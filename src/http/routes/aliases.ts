import { LocalLiteError } from '../../errors.ts';
import type { Aliases } from '../../gateway/gateway-types.ts';
import { type AliasObject, aliasDeletedSchema, aliasListSchema, aliasSchema, aliasSetFields, aliasSetSchema } from '../../wire/aliases.ts';
import { defineRoute, json, noFields, nothing, type Route, required } from '../route.ts';

const tag = 'Aliases';

const listAliases = defineRoute({
  method: 'GET',
  path: '/v1/aliases',
  scope: 'inference',
  tag,
  summary: 'Your own names for models',
  body: nothing,
  query: nothing,
  answers: [{ status: 200, description: 'The aliases.', schema: aliasListSchema }],
  handle: (_call, { gateway }) => json({ object: 'list', data: toAliasObjects(gateway.aliases) }),
});

const setAlias = defineRoute({
  method: 'PUT',
  path: '/v1/aliases/{alias}',
  scope: 'admin',
  tag,
  summary: 'Set an alias',
  body: required(aliasSetSchema, aliasSetFields),
  query: nothing,
  answers: [{ status: 200, description: 'The alias as it stands now.', schema: aliasSchema }],
  async handle({ id, body }, { gateway }) {
    await gateway.aliases.set(id, body.model);
    const alias: AliasObject = { object: 'alias', alias: id, model: body.model, from: 'file' };
    return json(toAliasObjects(gateway.aliases).find((known) => known.alias === id) ?? alias);
  },
});

const deleteAlias = defineRoute({
  method: 'DELETE',
  path: '/v1/aliases/{alias}',
  scope: 'admin',
  tag,
  summary: 'Delete an alias',
  body: noFields,
  query: nothing,
  answers: [{ status: 200, description: 'It is gone.', schema: aliasDeletedSchema }],
  async handle({ id }, { gateway }) {
    if (await gateway.aliases.remove(id)) return json({ object: 'alias', alias: id, deleted: true });
    throw new LocalLiteError('not_found', 'there is no such alias; GET /v1/aliases lists them', { param: 'alias' });
  },
});

/** The user's own names for models. */
export const aliasRoutes: readonly Route[] = [listAliases, setAlias, deleteAlias];

function toAliasObjects(aliases: Aliases): AliasObject[] {
  return Object.entries(aliases.list()).map(([alias, { target, from }]) => ({ object: 'alias', alias, model: target, from }));
}
