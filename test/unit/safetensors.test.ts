import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { openWeights } from '../../src/models/safetensors.ts';
import { parseHeader } from '../../src/models/safetensors-header.ts';

const root = mkdtempSync(join(tmpdir(), 'locallite-safetensors-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(root, 'model-'));
});

/** A file of the format, from a header as text or JSON. */
function fileOf(header: unknown, data: Uint8Array = new Uint8Array(0)): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

function bytesOf(values: Float32Array | Uint16Array | Float64Array | BigInt64Array): Uint8Array {
  return new Uint8Array(values.buffer);
}

function put(bytes: Uint8Array, name = 'model.safetensors'): void {
  writeFileSync(join(directory, name), bytes);
}

/** What opening (and reading `tensor`) fails with. */
function refusal(tensor?: string): LocalLiteError {
  try {
    const weights = openWeights(directory);
    try {
      if (tensor !== undefined) weights.read(tensor);
    } finally {
      weights.close();
    }
  } catch (error) {
    if (LocalLiteError.is(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const entry = (dtype: string, shape: readonly number[], begin: number, end: number) => ({ dtype, shape, data_offsets: [begin, end] });

describe('reading', () => {
  test('one file: names in order, shapes, values', () => {
    const data = Float32Array.of(1, -2, 3.5, 4, 5, 6, 7);
    put(fileOf({ __metadata__: { format: 'pt' }, second: entry('F32', [2, 3], 4, 28), first: entry('F32', [], 0, 4) }, bytesOf(data)));
    const weights = openWeights(directory);
    expect(weights.names).toEqual(['second', 'first']);
    expect(weights.shape('second')).toEqual([2, 3]);
    expect(weights.shape('third')).toBeUndefined();
    expect(weights.read('first')).toEqual(Float32Array.of(1));
    expect(weights.read('second')).toEqual(data.slice(1));
    expect(weights.read('second')).toEqual(data.slice(1));
    weights.close();
  });

  test('bfloat16 is the upper half of a float32', () => {
    put(fileOf({ a: entry('BF16', [4], 0, 8) }, bytesOf(Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0x0001))));
    const weights = openWeights(directory);
    expect([...weights.read('a')]).toEqual([1, -2, Number.POSITIVE_INFINITY, 2 ** -133]);
    weights.close();
  });

  test('every float16 is widened exactly', () => {
    const bits = Uint16Array.from({ length: 65_536 }, (_, at) => at);
    put(fileOf({ a: entry('F16', [65_536], 0, 131_072) }, bytesOf(bits)));
    const weights = openWeights(directory);
    const values = weights.read('a');
    weights.close();
    const wrong = [...bits].filter((half) => !Object.is(values[half], halfValue(half)));
    expect(wrong).toEqual([]);
  });

  test('integers are tolerated until they are read', () => {
    put(fileOf({ position_ids: entry('I64', [2], 0, 16), a: entry('F64', [1], 16, 24) }, new Uint8Array(24)));
    const weights = openWeights(directory);
    expect(weights.shape('position_ids')).toEqual([2]);
    expect(weights.read('a')).toEqual(Float32Array.of(0));
    weights.close();
    expect(refusal('position_ids')).toMatchObject({ code: 'model_unsupported', message: expect.stringContaining('position_ids is I64') });
  });

  test('empty tensors and an empty file', () => {
    put(fileOf({ none: entry('F32', [0, 4], 0, 0), one: entry('F32', [1], 0, 4) }, new Uint8Array(4)));
    const weights = openWeights(directory);
    expect(weights.read('none')).toEqual(new Float32Array(0));
    expect(weights.read('one')).toEqual(Float32Array.of(0));
    weights.close();
    put(fileOf({}));
    const empty = openWeights(directory);
    expect(empty.names).toEqual([]);
    empty.close();
  });

  test('shards by their index', () => {
    put(fileOf({ a: entry('F32', [1], 0, 4) }, bytesOf(Float32Array.of(1))), 'model-00001-of-00002.safetensors');
    put(fileOf({ b: entry('F32', [1], 0, 4) }, bytesOf(Float32Array.of(2))), 'model-00002-of-00002.safetensors');
    index({ a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' });
    const weights = openWeights(directory);
    expect(weights.names.map((name) => [name, ...weights.read(name)])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
    weights.close();
  });

  test('any layout of tensors comes back as it was written', () => {
    const tensors = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1 }), fc.array(fc.float({ noNaN: true }), { maxLength: 5 })), {
      selector: ([name]) => name,
      maxLength: 6,
    });
    fc.assert(
      fc.property(tensors, (list) => {
        let at = 0;
        const header = list.map(([name, values]) => {
          const begin = at;
          at += values.length * 4;
          return [name === '__metadata__' ? '_' : name, entry('F32', [values.length], begin, at)] as const;
        });
        put(fileOf(Object.fromEntries(header), bytesOf(Float32Array.from(list.flatMap(([, values]) => values)))));
        const weights = openWeights(directory);
        try {
          for (const [name, values] of list) {
            expect(weights.read(name === '__metadata__' ? '_' : name)).toEqual(Float32Array.from(values));
          }
        } finally {
          weights.close();
        }
      }),
      { numRuns: 50 },
    );
  });
});

/** IEEE 754 binary16 by its definition. */
function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function index(map: unknown): void {
  put(Buffer.from(JSON.stringify({ metadata: {}, weight_map: map })), 'model.safetensors.index.json');
}

describe('hostile files are refused by name', () => {
  const one = entry('F32', [1], 0, 4);
  const cases: readonly [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(0), /has 0 bytes/],
    ['fewer bytes than a length', new Uint8Array(7), /has 7 bytes/],
    [
      'a header longer than the file',
      Buffer.concat([Buffer.from([9, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('{}')]),
      /header of 9 bytes.*only 10/,
    ],
    ['a header over 100 MB', Buffer.from([0, 0, 0, 0, 1, 0, 0, 0]), /header of 4294967296 bytes/],
    ['a header length of 2^64 - 1', Buffer.alloc(16, 0xff), /18446744073709551615/],
    ['no JSON', fileOf('{"a":'), /not JSON/],
    ['no object', fileOf('[1]'), /not a JSON object/],
    ['null', fileOf('null'), /not a JSON object/],
    ['invalid UTF-8', Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 0, 0, 0]), Buffer.from([0x7b, 0xff, 0x7d])]), /not UTF-8/],
    ['a name twice', fileOf(`{"a":${JSON.stringify(one)},"a":${JSON.stringify(one)}}`, new Uint8Array(4)), /names a twice/],
    [
      'a name twice, once escaped',
      fileOf(`{"a":${JSON.stringify(one)}, "\\u0061" : ${JSON.stringify(one)}}`, new Uint8Array(4)),
      /names a twice/,
    ],
    ['an overlap', fileOf({ a: entry('F32', [2], 0, 8), b: entry('F32', [1], 4, 8) }, new Uint8Array(8)), /b overlaps/],
    ['two tensors in one place', fileOf({ a: one, b: one }, new Uint8Array(4)), /overlaps/],
    ['a hole', fileOf({ a: one, b: entry('F32', [1], 8, 12) }, new Uint8Array(12)), /bytes 4 to 8.*before b/],
    ['a hole at the start', fileOf({ b: entry('F32', [1], 4, 8) }, new Uint8Array(8)), /bytes 0 to 4/],
    ['bytes behind the last', fileOf({ a: one }, new Uint8Array(5)), /1 bytes behind/],
    ['a truncated file', fileOf({ a: entry('F32', [4], 0, 16) }, new Uint8Array(12)), /a ends at byte 16.*12.*cut short/],
    ['offsets backwards', fileOf({ a: entry('F32', [1], 4, 0) }, new Uint8Array(4)), /span -4/],
    ['a shape that does not fit', fileOf({ a: entry('F32', [3], 0, 8) }, new Uint8Array(8)), /takes 12 bytes, but its offsets span 8/],
    ['a shape that overflows', fileOf({ a: entry('F32', [2 ** 40, 2 ** 40], 0, 4) }, new Uint8Array(4)), /but its offsets span 4/],
    ['a negative size', fileOf({ a: entry('F32', [-1, -1], 0, 4) }, new Uint8Array(4)), /a lacks/],
    ['a fraction', fileOf({ a: entry('F32', [1.5], 0, 6) }, new Uint8Array(6)), /a lacks/],
    ['a misaligned tensor', fileOf({ x: entry('U8', [2], 0, 2), a: entry('F32', [1], 2, 6) }, new Uint8Array(6)), /a starts at byte 2/],
    ['an entry that is no object', fileOf({ a: 7 }), /a lacks/],
    ['offsets that are no pair', fileOf({ a: { dtype: 'F32', shape: [], data_offsets: [0, 4, 8] } }, new Uint8Array(4)), /a lacks/],
  ];

  test.each(cases)('%s', (_, bytes, message) => {
    put(bytes);
    const error = refusal();
    expect(error.code).toBe('model_load_failed');
    expect(error.message).toMatch(message);
    expect(error.message).toContain('model.safetensors');
    expect(error.message).not.toContain(directory);
  });

  test('an element type that nobody knows, also by a name that objects have', () => {
    for (const type of ['F4', 'toString', '__proto__']) {
      put(fileOf({ a: entry(type, [1], 0, 4) }, new Uint8Array(4)));
      expect(refusal()).toMatchObject({ code: 'model_unsupported', message: expect.stringContaining(type) });
    }
  });

  test('a header of braces and quotes in strings is scanned, not trusted', () => {
    put(fileOf(`{"}{\\"":${JSON.stringify(one)},"__metadata__":{"}":"{\\\\"}}`, new Uint8Array(4)));
    const weights = openWeights(directory);
    expect(weights.names).toEqual(['}{"']);
    weights.close();
  });

  test('a file that shrinks after it was opened', () => {
    put(fileOf({ a: entry('F32', [4], 0, 16) }, new Uint8Array(16)));
    const weights = openWeights(directory);
    truncateSync(join(directory, 'model.safetensors'), 60);
    expect(() => weights.read('a')).toThrow(/ended while it was read/);
    weights.close();
  });

  test('arbitrary bytes give an error of ours or a sound file', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (header) => {
        try {
          parseHeader('x.safetensors', header, 0);
        } catch (error) {
          expect(LocalLiteError.is(error)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('arbitrary entries give an error of ours or tensors that lie side by side', () => {
    const size = fc.oneof(fc.integer({ min: -2, max: 12 }), fc.constant(2 ** 53), fc.double());
    const tensor = fc.record({
      dtype: fc.constantFrom('F32', 'F16', 'U8', 'X'),
      shape: fc.array(size, { maxLength: 3 }),
      data_offsets: fc.array(size, { minLength: 1, maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.dictionary(fc.string(), tensor, { maxKeys: 3 }), fc.nat(24), (header, bytes) => {
        try {
          const entries = [...parseHeader('x.safetensors', Buffer.from(JSON.stringify(header)), bytes).values()];
          expect(entries.reduce((sum, { begin, end }) => sum + end - begin, 0)).toBe(bytes);
        } catch (error) {
          if (!LocalLiteError.is(error)) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('hostile shards are refused by name', () => {
  const shard = 'model-00001-of-00001.safetensors';
  const good = fileOf({ a: entry('F32', [1], 0, 4) }, new Uint8Array(4));

  test.each(['../a.safetensors', '/etc/passwd', 'sub/a.safetensors', '..\\a.safetensors', '.safetensors', 'a.bin', '', 7, null])(
    'a shard at %j',
    (name) => {
      index({ a: name });
      expect(refusal()).toMatchObject({ code: 'model_load_failed', message: expect.stringContaining('no safetensors file of the model') });
    },
  );

  test('a missing shard', () => {
    index({ a: shard });
    expect(refusal()).toMatchObject({ code: 'model_load_failed', message: `${shard} cannot be opened: ENOENT` });
  });

  test('a tensor that its shard lacks', () => {
    put(good, shard);
    index({ a: shard, b: shard });
    expect(refusal().message).toContain(`puts b into ${shard}, where it is not`);
  });

  test('a tensor in two shards', () => {
    put(good, shard);
    put(good, 'other.safetensors');
    index({ a: shard, b: 'other.safetensors' });
    expect(refusal().message).toContain(`a stands in ${shard} and in other.safetensors`);
  });

  test('an index that is no JSON, or has no map', () => {
    put(Buffer.from('{'), 'model.safetensors.index.json');
    expect(refusal().message).toBe('model.safetensors.index.json is not JSON');
    for (const text of ['[]', 'null', '{"weight_map":[]}', '{}']) {
      put(Buffer.from(text), 'model.safetensors.index.json');
      expect(refusal().message).toBe('model.safetensors.index.json has no weight_map');
    }
  });
});

describe('folders without safetensors', () => {
  test('nothing at all', () => {
    expect(refusal()).toMatchObject({ code: 'model_unsupported', message: expect.stringContaining('has no model.safetensors') });
  });

  test('pickled weights are refused with advice', () => {
    put(new Uint8Array(3), 'pytorch_model.bin');
    expect(refusal()).toMatchObject({ code: 'model_unsupported', message: expect.stringMatching(/pickled.*safe_serialization=True/) });
  });
});
