import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readableIds, readingLimit, windowsOf, withCut } from '../../src/engines/windows.ts';

const idsOf = (length: number) => Array.from({ length }, (_unused, index) => index);

describe('what is read of a document', () => {
  it('is everything where nothing limits it', () => {
    const ids = idsOf(1000);
    expect(readableIds(ids, 10, {})).toBe(ids);
    expect(readableIds(ids, 10, { long: 'windows' })).toBe(ids);
    expect(readableIds(ids, 10, { long: 'cut', maxWindows: 1 })).toBe(ids);
    expect(readingLimit(10, {})).toBe(Number.POSITIVE_INFINITY);
  });

  it('fills exactly as many windows as are allowed, beginning with the first', () => {
    const cases = fc.record({
      length: fc.integer({ min: 1, max: 500 }),
      room: fc.integer({ min: 4, max: 70 }),
      maxWindows: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(cases, ({ length, room, maxWindows }) => {
        const all = windowsOf(idsOf(length), room);
        const read = readableIds(idsOf(length), room, { long: 'windows', maxWindows });
        const windows = windowsOf(read, room);
        expect(windows.length).toBe(Math.min(all.length, maxWindows));
        if (all.length > maxWindows) expect(windows).toEqual(all.slice(0, maxWindows));
        else expect(read).toHaveLength(length);
      }),
    );
  });

  it('is at most so many tokens, whatever the windows', () => {
    expect(readableIds(idsOf(100), 10, { maxDocumentTokens: 7 })).toEqual(idsOf(7));
    expect(readableIds(idsOf(100), 10, { long: 'windows', maxDocumentTokens: 50, maxWindows: 2 })).toEqual(idsOf(17));
    expect(readableIds(idsOf(100), 10, { long: 'windows', maxDocumentTokens: 12, maxWindows: 2 })).toEqual(idsOf(12));
  });

  it('has the rest counted once', () => {
    expect(withCut([{ dropped: 2 }, { dropped: 3 }], 5)).toEqual([{ dropped: 7 }, { dropped: 3 }]);
  });
});
