/** What one text looks like to a worker. */
export interface EncoderInput {
  readonly ids: Int32Array;
  readonly typeIds: Int32Array;
  /** So many tokens are attended to, the others only filled in (see `late-interaction.ts`); absent = all. */
  readonly attended?: number;
}
