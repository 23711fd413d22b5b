import type { ConvertProgress, ConvertReport } from './convert-types.ts';

/** What the converter's process says to its parent, a line of JSON each; the last one is a report or a failure. */
export type ConverterMessage =
  | { readonly progress: ConvertProgress }
  | { readonly report: ConvertReport }
  | { readonly failure: { readonly code: string; readonly message: string } };
