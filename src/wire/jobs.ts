import { z } from 'zod';
import { timestampSchema } from './common.ts';

/** How far a job is. */
export const pullProgressSchema = z
  .strictObject({
    phase: z
      .enum([
        'resolving',
        'downloading',
        'verifying',
        'installing',
        'reading',
        'calibrating',
        'writing',
        'checking',
        'listing',
        'ingesting',
        'switching',
      ])
      .meta({ description: 'Four of a pull, four of a conversion, three of an ingest or a re-index.' }),
    share: z
      .number()
      .nullable()
      .meta({ description: 'Share of the bytes, or of the phase of a conversion, that is done: 0 to 1; null while it is not known.' }),
    file: z.string().nullable(),
    bytes_done: z.int(),
    bytes_total: z.int().nullable().meta({ description: 'Null while the size is not known.' }),
    bytes_per_second: z.number(),
    eta_seconds: z.number().nullable(),
    documents: z
      .strictObject({
        total: z.int(),
        done: z.int(),
        unchanged: z.int(),
        failed: z.int(),
        chunks: z.int(),
        current: z.array(z.string()),
      })
      .optional()
      .meta({ description: 'Of an ingest or a re-index: its documents, and those that are worked on now.' }),
  })
  .meta({ description: 'How far a job is; bytes are those of a pull.' });

/** Long work that can be watched, paused, resumed and cancelled. */
export const jobSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('job'),
    kind: z.enum(['pull', 'convert', 'ingest', 'reindex']),
    subject: z.string().meta({ description: 'What it works on, e.g. the model reference.' }),
    state: z.enum(['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled']),
    progress: pullProgressSchema.nullable(),
    error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
    result: z.record(z.string(), z.unknown()).nullable(),
    created_at: timestampSchema,
    updated_at: timestampSchema,
  })
  .meta({ description: 'Long work that can be watched, paused, resumed and cancelled.' });
export type JobObject = z.infer<typeof jobSchema>;

/** Answer of GET /v1/jobs, newest first. */
export const jobListSchema = z.strictObject({ object: z.literal('list'), data: z.array(jobSchema) });
export type JobList = z.infer<typeof jobListSchema>;
