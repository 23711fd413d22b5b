import { z } from 'zod';
import { aliasSetFields } from './aliases.ts';
import { embeddingsFields } from './embeddings.ts';
import { FIELD_CLASSES, type FieldTable } from './fields.ts';
import { keyCreateFields } from './keys.ts';
import { modelLoadFields, modelPullFields, modelQueryFields } from './models.ts';
import { detokenizeFields, tokenizeFields } from './tokenize.ts';

const fieldSchema = z.strictObject({ class: z.enum(FIELD_CLASSES), origin: z.enum(['openai', 'locallite', 'other']), note: z.string() });

/** Answer of GET /v1/compatibility, also kept as docs/compatibility.json. */
export const compatibilitySchema = z
  .strictObject({
    classes: z.record(z.enum(FIELD_CLASSES), z.string()),
    unknown_fields: z.string(),
    endpoints: z.array(
      z.strictObject({
        method: z.string(),
        path: z.string(),
        wire: z.enum(['openai', 'locallite']),
        fields: z.record(z.string(), fieldSchema),
      }),
    ),
  })
  .meta({ description: 'What LocalLite does with each field of each request.' });
export type Compatibility = z.infer<typeof compatibilitySchema>;

const endpoint = (wire: 'openai' | 'locallite', method: string, path: string, fields: FieldTable = {}) => ({ method, path, wire, fields });

/** What LocalLite does with each field of each request: the one list that requests are checked by. */
export const compatibility: Compatibility = {
  classes: {
    honoured: 'It has the effect that its documentation promises.',
    accepted_without_effect: 'Harmless; named in `locallite.ignored` and in the header X-LocalLite-Ignored.',
    refused: "Answered with 400; `param` is the field's name and the message says what to use instead.",
  },
  unknown_fields: 'Refused with 400; with the setting `unknown_fields: warn` they are accepted without effect.',
  endpoints: [
    endpoint('openai', 'POST', '/v1/embeddings', embeddingsFields),
    endpoint('openai', 'GET', '/v1/models', modelQueryFields),
    endpoint('openai', 'GET', '/v1/models/{id}', modelQueryFields),
    endpoint('openai', 'DELETE', '/v1/models/{id}'),
    endpoint('locallite', 'POST', '/v1/models/{id}/load', modelLoadFields),
    endpoint('locallite', 'POST', '/v1/models/{id}/unload'),
    endpoint('locallite', 'POST', '/v1/models/pull', modelPullFields),
    endpoint('locallite', 'POST', '/v1/tokenize', tokenizeFields),
    endpoint('locallite', 'POST', '/v1/detokenize', detokenizeFields),
    endpoint('locallite', 'PUT', '/v1/aliases/{alias}', aliasSetFields),
    endpoint('locallite', 'POST', '/v1/keys', keyCreateFields),
  ],
};
