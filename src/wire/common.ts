import { z } from 'zod';

/** A point in time in an answer. */
export const timestampSchema = z.string().meta({ description: 'ISO 8601.', format: 'date-time' });

/** A query or body that has no fields at all. */
export const emptySchema = z.strictObject({});
