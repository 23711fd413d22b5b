import { describe, expect, it } from 'vitest';
import { CoreSlots, type Lane } from '../../src/runtime/slots.ts';

function ask(slots: CoreSlots, lane: Lane, order: string[], name: string): { release: () => void; withdraw: () => void } {
  const held = { release: () => {}, withdraw: () => {} };
  held.withdraw = slots.request(lane, (release) => {
    order.push(name);
    held.release = release;
  });
  return held;
}

describe('CoreSlots', () => {
  it('grants at once while a core is free, then interactive before bulk', () => {
    const slots = new CoreSlots(1);
    const order: string[] = [];
    const first = ask(slots, 'bulk', order, 'first');
    const bulk = ask(slots, 'bulk', order, 'bulk');
    const interactive = ask(slots, 'interactive', order, 'interactive');
    expect(order).toEqual(['first']);
    first.release();
    interactive.release();
    bulk.release();
    expect(order).toEqual(['first', 'interactive', 'bulk']);
    expect(slots.busy).toBe(0);
  });

  it('never has more busy than there are, and a second release counts for nothing', () => {
    const slots = new CoreSlots(2);
    const order: string[] = [];
    const held = ['a', 'b', 'c', 'd'].map((name) => ask(slots, 'interactive', order, name));
    expect(slots.busy).toBe(2);
    held[0]?.release();
    held[0]?.release();
    expect(slots.busy).toBe(2);
    expect(order).toEqual(['a', 'b', 'c']);
  });

  it('lets one bulk waiter in after a streak of interactive ones', () => {
    const slots = new CoreSlots(1);
    const order: string[] = [];
    let running = ask(slots, 'interactive', order, 'start');
    const bulk = ask(slots, 'bulk', order, 'bulk');
    for (let turn = 0; turn < CoreSlots.fairness; turn++) {
      const next = ask(slots, 'interactive', order, `i${turn}`);
      running.release();
      running = next;
    }
    const late = ask(slots, 'interactive', order, 'late');
    running.release();
    expect(order.at(-1)).toBe('bulk');
    bulk.release();
    expect(order.at(-1)).toBe('late');
    late.release();
  });

  it('forgets a wish that was withdrawn', () => {
    const slots = new CoreSlots(1);
    const order: string[] = [];
    const first = ask(slots, 'bulk', order, 'first');
    ask(slots, 'bulk', order, 'gone').withdraw();
    first.release();
    expect(order).toEqual(['first']);
    expect(slots.busy).toBe(0);
  });
});
