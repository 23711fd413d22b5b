import { LocalLiteError } from '../errors.ts';
import type { InferenceSession, Tensor, TensorShape, Tensors } from './session.ts';

/**
 * A session whose graph is compiled for one text of one length (`input_ids` [1, n], as neural processors want it), made to take batches
 * like any other: the texts run one by one, filled up to n with zeros, which the attention mask rules out. Other sessions come back as
 * they are.
 */
export function withFixedShape(session: InferenceSession): InferenceSession {
  const [rows, length] = session.inputs.find(({ name }) => name === 'input_ids')?.shape ?? [];
  if (rows !== 1 || typeof length !== 'number') return session;
  const perToken = new Set(session.outputs.filter((port) => isPerToken(port, length)).map(({ name }) => name));
  return {
    ...session,
    async run(feeds, outputs) {
      const [texts = 0, width = 0] = feeds['input_ids']?.dims ?? [];
      if (width > length) {
        throw new LocalLiteError(
          'input_too_long',
          `this graph is made for texts of up to ${length} tokens; one of this batch has ${width}`,
        );
      }
      const answers: Tensors[] = [];
      for (let text = 0; text < texts; text++) answers.push(await session.run(feedsOfText(feeds, text, { texts, width, length }), outputs));
      return Object.fromEntries(outputs.map((name) => [name, stacked(answers, name, perToken.has(name) ? width / length : 1)]));
    },
  };
}

/** Outputs with one row a token; of those with two dimensions the name tells. */
function isPerToken({ name, shape }: TensorShape, length: number): boolean {
  return shape[1] === length && (shape.length === 3 || name.startsWith('token_'));
}

interface BatchShape {
  readonly texts: number;
  readonly width: number;
  readonly length: number;
}

function feedsOfText(feeds: Tensors, text: number, { texts, width, length }: BatchShape): Tensors {
  return Object.fromEntries(
    Object.entries(feeds).map(([name, tensor]) => {
      if (tensor.dims.length !== 2 || tensor.dims[0] !== texts || !(tensor.data instanceof BigInt64Array)) return [name, tensor];
      const data = new BigInt64Array(length);
      data.set(tensor.data.subarray(text * width, (text + 1) * width));
      return [name, { type: 'int64', dims: [1, length], data }];
    }),
  );
}

/** An output of each text as one tensor; of the tokens' rows the first `share`. */
function stacked(answers: readonly Tensors[], name: string, share: number): Tensor {
  const rows = answers.flatMap((answer) => answer[name] ?? []);
  const [first] = rows;
  if (first === undefined) throw new LocalLiteError('inference_failed', `the graph gave no ${name}`);
  const [, ...rest] = first.dims;
  const dims = share === 1 ? rest : [Math.round((rest[0] ?? 0) * share), ...rest.slice(1)];
  const size = dims.reduce((product, dim) => product * dim, 1);
  const data = first.data instanceof Uint16Array ? new Uint16Array(rows.length * size) : new Float32Array(rows.length * size);
  rows.forEach((row, at) => {
    for (let value = 0; value < size; value++) data[at * size + value] = Number(row.data[value]);
  });
  const outer = [rows.length, ...dims];
  return data instanceof Uint16Array ? { type: 'float16', dims: outer, data } : { type: 'float32', dims: outer, data };
}
