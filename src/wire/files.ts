import { z } from 'zod';
import { type FieldTable, honoured } from './fields.ts';
import { pageSchema } from './paging.ts';

const PURPOSES = ['assistants', 'batch', 'fine-tune', 'vision', 'user_data', 'evals'] as const;
/** OpenAI's bounds: an hour to 30 days. */
const secondsSchema = z.coerce.number().int().min(3600).max(2_592_000);

/** Fields of the form of POST /v1/files besides the file. */
export const fileCreateSchema = z.strictObject({
  purpose: z.enum(PURPOSES).default('assistants'),
  expires_after: z.strictObject({ anchor: z.literal('created_at'), seconds: secondsSchema }).optional(),
});

export const fileCreateFields: FieldTable = {
  purpose: honoured('openai', 'Kept with the file and listed by; no purpose changes what can be done with it. `assistants` when absent.'),
  expires_after: honoured(
    'openai',
    'The file goes by itself so long after it was created: `expires_after[anchor]=created_at`, `expires_after[seconds]`.',
  ),
};

/** Query of GET /v1/files. */
export const fileListQuerySchema = z.strictObject({
  purpose: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(10_000),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional(),
});

export const fileListFields: FieldTable = {
  purpose: honoured('openai', 'Only files of this purpose.'),
  limit: honoured('openai', 'Files of one page: 1 to 10,000 (default).'),
  order: honoured('openai', 'By time of creation: asc or desc (default).'),
  after: honoured('openai', 'Id of the file after which the page begins.'),
};

/** A file as OpenAI has it. Times are Unix seconds. */
export const fileSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('file'),
    bytes: z.int(),
    created_at: z.int(),
    expires_at: z.int().nullable(),
    filename: z.string(),
    purpose: z.string(),
    status: z.literal('processed'),
    status_details: z.null(),
    locallite: z.strictObject({
      sha256: z.string().meta({ description: 'Of its bytes, lower-case hexadecimal.' }),
      media_type: z.string(),
      origin: z.string().meta({ description: '`upload`, or the path or address that it was ingested from; then its bytes are not kept.' }),
    }),
  })
  .meta({ description: 'An uploaded or ingested file.' });
export type FileObject = z.infer<typeof fileSchema>;

export const fileListSchema = pageSchema(fileSchema).meta({ description: 'A page of files.' });

export const fileDeletedSchema = z
  .strictObject({ id: z.string(), object: z.literal('file'), deleted: z.literal(true) })
  .meta({ description: 'A deleted file.' });
