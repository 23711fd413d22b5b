import type { IndexQuery } from './index-types.ts';

/** What the thread starts with. */
export interface IndexStart {
  readonly databasePath: string;
  readonly exactBelow: number;
  readonly memoryBytes: number;
}

/** One call, or the wish to end. */
export type IndexRequest =
  | { readonly id: number; readonly call: 'query'; readonly query: IndexQuery }
  | { readonly id: number; readonly call: 'open' | 'drop' | 'verify'; readonly editionId: number }
  | { readonly id: number; readonly call: 'facts' }
  | 'close';

/** The answer of one call. */
export type IndexReply =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly fault: { readonly code: string; readonly message: string } };

/** A line for the log of the process. */
export interface IndexLogLine {
  readonly level: 'info' | 'warn';
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}
