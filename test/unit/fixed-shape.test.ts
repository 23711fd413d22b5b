import { expect, test } from 'vitest';
import { withFixedShape } from '../../src/runtime/fixed-shape.ts';
import type { InferenceSession, Tensor, Tensors } from '../../src/runtime/session.ts';

/** A graph of [1, 4] that gives each token its id, and each text the sum of its real ids; it notes what it was fed. */
function graphOfFour(): { readonly session: InferenceSession; readonly seen: Tensors[] } {
  const seen: Tensors[] = [];
  const port = (name: string, type: string, shape: readonly (number | string)[]) => ({ name, type, shape });
  return {
    seen,
    session: {
      inputs: [port('input_ids', 'int64', [1, 4]), port('attention_mask', 'int64', [1, 4])],
      outputs: [port('last_hidden_state', 'float32', [1, 4, 1]), port('token_weights', 'float32', [1, 4]), port('sum', 'float32', [1, 4])],
      async run(feeds) {
        seen.push(feeds);
        const ids = [...(feeds['input_ids']?.data ?? [])].map(Number);
        const sum = ids.reduce((total, id, at) => total + id * Number(feeds['attention_mask']?.data[at] ?? 0), 0);
        return {
          last_hidden_state: floats([1, 4, 1], ids),
          token_weights: floats([1, 4], ids),
          sum: floats([1, 4], [sum, sum, sum, sum]),
        };
      },
      dispose: async () => undefined,
    },
  };
}

const floats = (dims: readonly number[], values: readonly number[]): Tensor => ({ type: 'float32', dims, data: Float32Array.from(values) });
const longs = (dims: readonly number[], values: readonly number[]): Tensor => ({
  type: 'int64',
  dims,
  data: BigInt64Array.from(values, BigInt),
});
const OUTPUTS = ['last_hidden_state', 'token_weights', 'sum'];

test("a batch runs text by text, filled up to the graph's length, and comes back in its own width", async () => {
  const { session, seen } = graphOfFour();
  const answer = await withFixedShape(session).run(
    { input_ids: longs([2, 3], [5, 6, 0, 7, 8, 9]), attention_mask: longs([2, 3], [1, 1, 0, 1, 1, 1]) },
    OUTPUTS,
  );
  expect(seen.map((feeds) => feeds['input_ids'])).toEqual([longs([1, 4], [5, 6, 0, 0]), longs([1, 4], [7, 8, 9, 0])]);
  expect(seen.map((feeds) => feeds['attention_mask'])).toEqual([longs([1, 4], [1, 1, 0, 0]), longs([1, 4], [1, 1, 1, 0])]);
  expect(answer['last_hidden_state']).toEqual(floats([2, 3, 1], [5, 6, 0, 7, 8, 9]));
  expect(answer['token_weights']).toEqual(floats([2, 3], [5, 6, 0, 7, 8, 9]));
  expect(answer['sum']).toEqual(floats([2, 4], [11, 11, 11, 11, 24, 24, 24, 24]));
});

test('a text that does not fit is refused before anything runs', async () => {
  const { session, seen } = graphOfFour();
  const feeds = { input_ids: longs([1, 5], [1, 2, 3, 4, 5]), attention_mask: longs([1, 5], [1, 1, 1, 1, 1]) };
  await expect(withFixedShape(session).run(feeds, OUTPUTS)).rejects.toMatchObject({ code: 'input_too_long' });
  expect(seen).toEqual([]);
});

test('other graphs are left as they are', () => {
  const { session } = graphOfFour();
  const open = { ...session, inputs: [{ name: 'input_ids', type: 'int64', shape: ['texts', 'tokens'] }] };
  expect(withFixedShape(open)).toBe(open);
});
