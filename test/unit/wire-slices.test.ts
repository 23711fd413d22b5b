import { expect, it } from 'vitest';
import { inSlices } from '../../src/wire/slices.ts';

it('slices are the whole body when joined, and no part is asked for before its slice', () => {
  const asked: number[] = [];
  function* parts() {
    for (let index = 0; index < 6; index++) {
      asked.push(index);
      yield { text: String(index), share: 0.5 };
    }
  }
  const slices = inSlices('[', parts(), ']');
  expect(slices.next().value).toBe('[01');
  expect(asked).toEqual([0, 1]);
  expect([...slices]).toEqual(['23', '45', ']']);
  expect([...inSlices('{', [], '}')]).toEqual(['{}']);
});
