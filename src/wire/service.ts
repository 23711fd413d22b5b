import { z } from 'zod';

/** Answer of GET /healthz: the process answers. */
export const healthSchema = z.strictObject({ status: z.literal('ok') });

/** Answer of GET /readyz: whether the default models are loaded. */
export const readinessSchema = z.strictObject({ status: z.enum(['ready', 'not_ready']), reason: z.string().nullable() });
export type Readiness = z.infer<typeof readinessSchema>;

/** Answer of GET /: where to go next. */
export const rootSchema = z.strictObject({
  name: z.literal('locallite'),
  version: z.string(),
  documentation: z.string(),
  openapi: z.string(),
  compatibility: z.string(),
});
