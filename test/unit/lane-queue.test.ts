import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LaneQueue, type Waiting } from '../../src/engines/lane-queue.ts';

let sequence = 0;
const item = (length: number): Waiting => ({ length, sequence: sequence++, enqueuedAt: 0 });

describe('LaneQueue', () => {
  it('keeps its order, its count and its oldest through any mixture of adding, taking and leaving', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('add', 'take', 'remove', 'oldest'), fc.nat({ max: 30 })), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (mixture) => {
        const queue = new LaneQueue<Waiting>();
        let model: Waiting[] = [];
        for (const [step, number] of mixture) {
          if (step === 'add') {
            const added = item(number);
            queue.add(added);
            model.push(added);
          } else if (step === 'take') {
            const taken = queue.take(number % 3, (number % 3) + 2);
            model = model.filter((other) => !taken.includes(other));
          } else if (step === 'remove') {
            const gone = model[number % (model.length + 1)];
            if (gone !== undefined) expect(queue.remove(gone)).toBe(true);
            model = model.filter((other) => other !== gone);
          }
          expect(queue.oldest()).toBe(model[0]);
          expect(queue.lengths()).toEqual(model.map((other) => other.length).sort((a, b) => a - b));
          expect(queue.tokens).toBe(model.reduce((sum, other) => sum + other.length, 0));
        }
      }),
    );
  });

  it('lets go of what has gone, whether or not the lane is ever empty', async () => {
    const { setFlagsFromString } = await import('node:v8');
    setFlagsFromString('--expose-gc');
    const collect = (await import('node:vm')).runInNewContext('gc') as () => void;
    for (const staysBusy of [false, true]) {
      const queue = new LaneQueue<Waiting>();
      if (staysBusy) queue.add(item(5));
      const seen: WeakRef<Waiting>[] = [];
      for (let round = 0; round < 10_000; round++) {
        const next = item(5);
        seen.push(new WeakRef(next));
        queue.add(next);
        queue.oldest();
        queue.take(0, 1);
      }
      await new Promise((resolve) => setImmediate(resolve));
      collect();
      expect(seen.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(2100);
    }
  });
});
