import type { z } from 'zod';
import { LocalLiteError } from '../../errors.ts';
import type { ModelSummary, Models } from '../../gateway/gateway-types.ts';
import { ollamaDeleteSchema, ollamaPsSchema, ollamaShowResponseSchema, ollamaShowSchema, ollamaTagsSchema } from '../../wire/ollama.ts';
import { ollamaErrors } from '../../wire/ollama-error.ts';
import { ollamaDeleteFields, ollamaShowFields } from '../../wire/ollama-fields.ts';
import { defineRoute, json, nothing, optional, type Route, required, text } from '../route.ts';
import { type Installed, toRunning, toShow, toTag } from './ollama-object.ts';

const facts = { tag: 'Ollama', query: nothing, errors: ollamaErrors } as const;

const tags = defineRoute({
  ...facts,
  method: 'GET',
  path: '/api/tags',
  scope: 'inference',
  summary: 'Installed models, as Ollama',
  body: nothing,
  answers: [{ status: 200, description: 'The models.', schema: ollamaTagsSchema }],
  handle: async (_call, { gateway }) =>
    json({ models: (await namedModels(gateway.models)).map(({ name, installed }) => toTag(name, installed)) }),
});

const show = defineRoute({
  ...facts,
  method: 'POST',
  path: '/api/show',
  scope: 'inference',
  summary: 'One installed model, as Ollama',
  body: required(ollamaShowSchema, ollamaShowFields),
  answers: [{ status: 200, description: 'The model.', schema: ollamaShowResponseSchema }],
  async handle({ body }, { gateway }) {
    const name = nameIn(body);
    const { id, card, installed } = await gateway.models.show(name);
    if (installed !== undefined) return json(toShow(installed, card ?? installed.card));
    throw new LocalLiteError('model_not_found', `${id} is not installed; install it with: locallite pull ${name}`);
  },
});

const running = defineRoute({
  ...facts,
  method: 'GET',
  path: '/api/ps',
  scope: 'inference',
  summary: 'Models in memory, as Ollama',
  body: nothing,
  answers: [{ status: 200, description: 'The models.', schema: ollamaPsSchema }],
  async handle(_call, { gateway }) {
    const models = await namedModels(gateway.models);
    const loaded = gateway.models.loaded().flatMap((one) => {
      const model = models.find(({ installed }) => installed.card.id === one.id && installed.variant.name === one.variant);
      return model === undefined ? [] : [toRunning(model.name, model.installed, one)];
    });
    return json({ models: loaded.toSorted((a, b) => b.expires_at.localeCompare(a.expires_at)) });
  },
});

const remove = defineRoute({
  ...facts,
  method: 'DELETE',
  path: '/api/delete',
  scope: 'admin',
  summary: 'Delete a model from the disk, as Ollama',
  body: optional(ollamaDeleteSchema, ollamaDeleteFields),
  answers: [{ status: 200, description: 'It is gone; the body is empty.', contentType: 'text/plain' }],
  async handle({ body }, { gateway }) {
    await gateway.models.remove(nameIn(body));
    return text('', 'text/plain; charset=utf-8');
  },
});

/** The models over Ollama's API. */
export const ollamaModelRoutes: readonly Route[] = [tags, show, running, remove];

/** The model that a body names, under either name. @throws LocalLiteError invalid_request */
export function nameIn({ model, name }: z.infer<typeof ollamaDeleteSchema>): string {
  const given = model ?? name;
  if (given === undefined) throw new LocalLiteError('invalid_request', 'model is required', { param: 'model' });
  return given;
}

interface Named {
  readonly name: string;
  readonly installed: Installed;
}

/** Installed models under names that requests understand: the variant that runs by itself under the model's own, others under theirs. */
async function namedModels(models: Models): Promise<readonly Named[]> {
  return (await models.list()).flatMap(named);
}

function named({ id, alias, installed, variants = [] }: ModelSummary): readonly Named[] {
  if (installed === undefined) return [];
  const short = alias ?? id;
  const others = variants.filter(({ variant }) => variant.name !== installed.variant.name && variant.kind !== 'weights');
  const rest = others.map((other) => ({ name: `${short}#${other.variant.name}`, installed: other }));
  return [{ name: `${short}:latest`, installed }, ...rest];
}
