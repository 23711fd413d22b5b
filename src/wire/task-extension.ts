import { z } from 'zod';
import { timingsSchema } from './embeddings.ts';

/** What LocalLite adds to the answer of every task, under `locallite`: what ran, and how. */
export const taskExtensionShape = {
  model: z.string().meta({ description: 'Id of the model that ran.' }),
  variant: z.string().meta({ description: 'Precision that ran, e.g. fp32 or int8.' }),
  provider: z.string().meta({ description: 'Execution provider that ran, e.g. cpu.' }),
  truncated_tokens: z.array(z.int()).meta({ description: 'Tokens cut from each input, in the order of the inputs, 0 where none.' }),
  ignored: z.array(z.string()).meta({ description: 'Fields of the request that had no effect.' }),
  timings: timingsSchema,
};

/** {@link taskExtensionShape} of vectors, which also have a space. */
export const vectorExtensionSchema = z
  .strictObject({
    ...taskExtensionShape,
    space: z.string().meta({ description: 'Fingerprint of the vector space; vectors of different spaces must not be compared.' }),
  })
  .meta({ description: 'What ran, and how.' });
export type VectorExtension = z.infer<typeof vectorExtensionSchema>;
