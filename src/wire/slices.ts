/** A part of a JSON list, and how much of a slice the making of its text was: 1 = a whole one, which is about a millisecond. */
export interface ListPart {
  readonly text: string;
  readonly share: number;
}

/** Numbers that make a slice: base64 costs some fifty times less a number than decimal text. */
export const NUMBERS_A_SLICE = { float: 8_192, base64: 524_288 } as const;

/** Characters of text that make a slice. */
export const CHARACTERS_A_SLICE = 262_144;

/**
 * The JSON text of an answer in slices; joined they are the whole body: `before`, the parts one after the other, `after`. The parts are
 * asked for one by one, so that the caller may do other work between two slices and a large answer does not hold the event loop up.
 */
export function* inSlices(before: string, parts: Iterable<ListPart>, after: string): Generator<string> {
  let slice = before;
  let filled = 0;
  for (const { text, share } of parts) {
    slice += text;
    filled += share;
    if (filled < 1) continue;
    yield slice;
    slice = '';
    filled = 0;
  }
  yield slice + after;
}
