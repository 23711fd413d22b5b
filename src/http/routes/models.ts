import { LocalLiteError } from '../../errors.ts';
import { durationSeconds } from '../../wire/duration.ts';
import {
  loadedModelSchema,
  modelDeletedSchema,
  modelListSchema,
  modelLoadFields,
  modelLoadSchema,
  modelPinFields,
  modelPinSchema,
  modelQueryFields,
  modelQuerySchema,
  modelSchema,
  modelUnloadedSchema,
} from '../../wire/models.ts';
import { defineRoute, json, noFields, nothing, optional, type Route, required } from '../route.ts';
import { toLoadedModel, toModelObject } from './model-object.ts';

const tag = 'Models';
const idNote = 'The id may be percent-encoded or carry raw slashes; aliases are understood.';
const modelQuery = optional(modelQuerySchema, modelQueryFields);

const listModels = defineRoute({
  method: 'GET',
  path: '/v1/models',
  scope: 'inference',
  tag,
  summary: 'Installed models, or the whole catalogue',
  body: nothing,
  query: modelQuery,
  answers: [{ status: 200, description: 'The models.', schema: modelListSchema }],
  async handle({ query }, { gateway }) {
    const models = await gateway.models.list(query.scope);
    return json({ object: 'list', data: models.map(toModelObject) });
  },
});

const showModel = defineRoute({
  method: 'GET',
  path: '/v1/models/{id}',
  scope: 'inference',
  tag,
  summary: 'One model',
  description: `${idNote} A model that is not installed is 404 unless \`scope=catalog\`.`,
  body: nothing,
  query: modelQuery,
  answers: [{ status: 200, description: 'The model.', schema: modelSchema }],
  async handle({ id, query }, { gateway }) {
    const summary = await gateway.models.show(id);
    if (summary.installed === undefined && query.scope === 'installed') {
      throw new LocalLiteError(
        'model_not_found',
        `${summary.id} is not installed; install it with: locallite pull ${summary.alias ?? summary.id}`,
        {
          param: 'model',
        },
      );
    }
    return json(toModelObject(summary));
  },
});

const deleteModel = defineRoute({
  method: 'DELETE',
  path: '/v1/models/{id}',
  scope: 'admin',
  tag,
  summary: 'Delete a model from the disk',
  description: `${idNote} A model that a request is using is 409.`,
  body: noFields,
  query: nothing,
  answers: [{ status: 200, description: 'It is gone.', schema: modelDeletedSchema }],
  async handle({ id }, { gateway }) {
    const { freedBytes } = await gateway.models.remove(id);
    return json({ id, object: 'model', deleted: true, locallite: { freed_bytes: freedBytes } });
  },
});

const loadModel = defineRoute({
  method: 'POST',
  path: '/v1/models/{id}/load',
  scope: 'admin',
  tag,
  summary: 'Load a model into memory',
  description: 'Answers once it is loaded and has passed its self-test, and says which provider really runs.',
  body: optional(modelLoadSchema, modelLoadFields),
  query: nothing,
  answers: [{ status: 200, description: 'It is in memory.', schema: loadedModelSchema }],
  async handle({ id, body }, { gateway, signal }) {
    const keepAlive = body.keep_alive === undefined ? undefined : durationSeconds(body.keep_alive);
    return json(toLoadedModel(await gateway.models.load(id, { signal, ...(keepAlive === undefined ? {} : { keepAlive }) })));
  },
});

const unloadModel = defineRoute({
  method: 'POST',
  path: '/v1/models/{id}/unload',
  scope: 'admin',
  tag,
  summary: 'Unload a model from memory',
  body: noFields,
  query: nothing,
  answers: [{ status: 200, description: 'It is no longer in memory.', schema: modelUnloadedSchema }],
  async handle({ id }, { gateway }) {
    await gateway.models.unload(id);
    return json({ id, object: 'model', unloaded: true });
  },
});

const pinModel = defineRoute({
  method: 'POST',
  path: '/v1/models/{id}/pin',
  scope: 'admin',
  tag,
  summary: 'Choose the variant that runs when none is named',
  description:
    'The variant must be installed. A model that is in memory keeps running until it is unloaded; requests that come later get the pinned variant.',
  body: required(modelPinSchema, modelPinFields),
  query: nothing,
  answers: [{ status: 200, description: 'The model as it is now.', schema: modelSchema }],
  async handle({ id, body }, { gateway }) {
    await gateway.models.pin(id, body.variant === 'auto' ? undefined : body.variant);
    return json(toModelObject(await gateway.models.show(id)));
  },
});

/** What can be done with models, pulling and converting apart. */
export const modelRoutes: readonly Route[] = [listModels, showModel, deleteModel, loadModel, unloadModel, pinModel];
