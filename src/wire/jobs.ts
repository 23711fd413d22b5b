import { z } from 'zod';
import { timestampSchema } from './common.ts';

/** How far a pull or a conversion is. */
export const pullProgressSchema = z
  .strictObject({
    phase: z
      .enum(['resolving', 'downloading', 'verifying', 'installing', 'reading', 'calibrating', 'writing', 'checking'])
      .meta({ description: 'The last four are those of a conversion.' }),
    share: z
      .number()
      .nullable()
      .meta({ description: 'Share of the bytes, or of the phase of a conversion, that is done: 0 to 1; null while it is not known.' }),
    file: z.string().nullable(),
    bytes_done: z.int(),
    bytes_total: z.int().nullable().meta({ description: 'Null while the size is not known.' }),
    bytes_per_second: z.number(),
    eta_seconds: z.number().nullable(),
  })
  .meta({ description: 'How far a pull or a conversion is; bytes are those of a pull.' });

/** Long work that can be watched, paused, resumed and cancelled. */
export const jobSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('job'),
    kind: z.enum(['pull', 'convert']),
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
