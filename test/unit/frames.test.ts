import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packBatch, packResult, unpackBatch, unpackResult } from '../../src/engines/encoder-protocol.ts';
import { FRAME, type Frame, FrameReader, readMessage, writeFrame, writeMessage } from '../../src/runtime/frames.ts';

/** Collects what is written, as one stream of bytes. */
function recorder(): { write(chunk: Uint8Array): boolean; bytes(): Buffer } {
  const chunks: Uint8Array[] = [];
  return { write: (chunk) => chunks.push(chunk) > 0, bytes: () => Buffer.concat(chunks) };
}

function readAll(bytes: Buffer, cuts: readonly number[]): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader((frame) => frames.push(frame));
  let from = 0;
  for (const to of [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)) {
    if (to > from) reader.push(bytes.subarray(from, to));
    from = to;
  }
  return frames;
}

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    const payloads = fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(payloads, fc.array(fc.nat(), { maxLength: 12 }), (parts, cuts) => {
        const sink = recorder();
        for (const [id, part] of parts.entries()) writeFrame(sink, { id, kind: FRAME.job, parts: [part.subarray(0, 3), part.subarray(3)] });
        const frames = readAll(sink.bytes(), cuts);
        expect(frames.map(({ id }) => id)).toEqual(parts.map((_, id) => id));
        expect(frames.map(({ payload }) => [...payload])).toEqual(parts.map((part) => [...part]));
      }),
    );
  });

  it('may be larger than what is written at once', () => {
    const sink = recorder();
    const parts = [new Uint8Array(50_000).fill(1), new Uint8Array(30_000).fill(2)];
    writeFrame(sink, { id: 1, kind: FRAME.result, parts });
    const [frame] = readAll(sink.bytes(), [11, 13, 60_000]);
    expect(Buffer.from(frame?.payload ?? []).equals(Buffer.concat(parts))).toBe(true);
  });

  it('carry JSON', () => {
    const sink = recorder();
    writeMessage(sink, 7, FRAME.control, { word: 'größe' });
    const [frame] = readAll(sink.bytes(), []);
    expect(frame && readMessage(frame)).toEqual({ word: 'größe' });
  });

  it('refuse a length that no honest frame has', () => {
    const header = Buffer.alloc(12);
    header.writeUInt32LE(0xffffffff, 0);
    expect(() => new FrameReader(() => {}).push(header)).toThrow(/larger/);
  });
});

/** What a receiver sees: the parts joined into one aligned buffer. */
function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts));
}

const plain = { head: 'embed', kind: 'passage', typeIds: undefined, attended: undefined } as const;

describe('encoder protocol', () => {
  it('keeps a batch of every head, with and without type ids and filled rows', () => {
    const ids = Int32Array.of(1, 2, 3, -1, 2 ** 31 - 1);
    const heads = fc.constantFrom('embed' as const, 'rerank' as const, 'sparse' as const, 'multi' as const);
    const kinds = fc.constantFrom('query' as const, 'passage' as const);
    const types = fc.constantFrom(undefined, Int32Array.of(0, 0, 1, 1, 0));
    const fills = fc.constantFrom(undefined, Int32Array.of(2, 1));
    fc.assert(
      fc.property(heads, kinds, types, fills, (head, kind, typeIds, attended) => {
        const batch = { head, kind, lengths: Int32Array.of(2, 3), ids, typeIds, attended };
        expect(unpackBatch(joined(packBatch(batch)))).toEqual(batch);
      }),
    );
  });

  it('keeps values to the bit', () => {
    const values = Float32Array.of(0.1, -0, Number.MIN_VALUE, 3e38);
    const times = { inferMs: 1.25, residentBytes: 2 ** 33 };
    expect(unpackResult(joined(packResult({ values: [values], ...times })))).toEqual({ values, ...times });
  });

  it('keeps whole numbers beside fractions', () => {
    const parts = [Int32Array.of(1, -1, 2 ** 31 - 1), Float32Array.of(0.25)];
    const { values } = unpackResult(joined(packResult({ values: parts, inferMs: 0, residentBytes: 0 })));
    expect([...new Int32Array(values.buffer, values.byteOffset, 3)]).toEqual([1, -1, 2 ** 31 - 1]);
    expect(values[3]).toBe(0.25);
  });

  it('refuses a batch whose lengths promise more than there is', () => {
    const whole = joined(packBatch({ ...plain, lengths: Int32Array.of(4), ids: Int32Array.of(1, 2, 3, 4) }));
    expect(() => unpackBatch(whole.slice(0, whole.length - 4))).toThrow(/not as long/);
  });
});
