import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseLane, planBatch } from '../../src/engines/plan.ts';

const limits = { maxPaddedTokens: 1000, targetPaddedTokens: 128, maxPaddingShare: 0.08 };

describe('planBatch', () => {
  it('takes rows of one length together up to the target', () => {
    expect(planBatch(Array(100).fill(16), 50, limits)).toEqual({ from: 50, to: 58 });
  });

  it('leaves a row of another length out rather than pay for padding', () => {
    expect(planBatch([8, 8, 8, 8, 60, 60], 1, { ...limits, targetPaddedTokens: 1000 })).toEqual({ from: 0, to: 4 });
  });

  it('takes one row alone even when it is over every bound', () => {
    expect(planBatch([2000], 0, limits)).toEqual({ from: 0, to: 1 });
  });

  it('holds its bounds for every queue and always takes the anchor', () => {
    const queues = fc
      .array(fc.integer({ min: 1, max: 512 }), { minLength: 1, maxLength: 200 })
      .map((lengths) => lengths.sort((a, b) => a - b));
    fc.assert(
      fc.property(queues, fc.nat(), (lengths, seed) => {
        const anchor = seed % lengths.length;
        const { from, to } = planBatch(lengths, anchor, limits);
        expect(from).toBeLessThanOrEqual(anchor);
        expect(to).toBeGreaterThan(anchor);
        const rows = lengths.slice(from, to);
        const padded = Math.max(...rows) * rows.length;
        const real = rows.reduce((sum, length) => sum + length, 0);
        if (rows.length > 1) expect(padded).toBeLessThanOrEqual(128);
        if (padded > 48 && rows.length > 1) expect(1 - real / padded).toBeLessThanOrEqual(0.08);
      }),
    );
  });
});

describe('chooseLane', () => {
  const cases = [
    { name: 'nothing waits', state: { interactiveWaiting: false, oldestBulkMs: undefined, interactiveStreak: 9 }, lane: undefined },
    { name: 'interactive goes first', state: { interactiveWaiting: true, oldestBulkMs: 10, interactiveStreak: 9 }, lane: 'interactive' },
    { name: 'bulk runs when nobody waits', state: { interactiveWaiting: false, oldestBulkMs: 0, interactiveStreak: 0 }, lane: 'bulk' },
    {
      name: 'overdue bulk waits for its turn',
      state: { interactiveWaiting: true, oldestBulkMs: 5000, interactiveStreak: 3 },
      lane: 'interactive',
    },
    {
      name: 'overdue bulk gets every fifth batch',
      state: { interactiveWaiting: true, oldestBulkMs: 5000, interactiveStreak: 4 },
      lane: 'bulk',
    },
  ];
  it.each(cases)('$name', ({ state, lane }) => {
    expect(chooseLane(state, 2000)).toBe(lane);
  });
});
