import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatBytes, formatFacts, formatNumber, formatSeconds, formatTable } from '../../src/cli/format.ts';
import { readLines } from '../../src/cli/lines.ts';
import { inBatches, inOrder } from '../../src/cli/pipeline.ts';
import { progressView, type ShownJob } from '../../src/cli/progress.ts';
import { readRecords, type TextSource } from '../../src/cli/records.ts';
import { fakeIo } from '../support/cli-page.ts';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function* each<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

describe('formats', () => {
  it('shows sizes in decimal units', () => {
    expect([0, 999, 1000, 22_560_000, 999_600, 5e12].map(formatBytes)).toEqual([
      '0 B',
      '999 B',
      '1.00 kB',
      '22.6 MB',
      '1.00 MB',
      '5.00 TB',
    ]);
  });

  it('shows times', () => {
    expect([-1, 0.4, 59.6, 200, 7500].map(formatSeconds)).toEqual(['0 s', '0 s', '1 min 0 s', '3 min 20 s', '2 h 5 min']);
  });

  it('shows numbers with thousands apart', () => {
    expect([formatNumber(1234567.89), formatNumber(12), formatNumber(0.126, 2)]).toEqual(['1 234 567.9', '12', '0.13']);
  });

  it('aligns tables and facts', () => {
    expect(
      formatTable(
        ['NAME', 'SIZE>'],
        [
          ['a', '1'],
          ['long', '1000'],
        ],
      ),
    ).toBe('NAME  SIZE\na        1\nlong  1000');
    expect(
      formatFacts([
        ['id', 'x'],
        ['gone', undefined],
        ['tokens', 0],
      ]),
    ).toBe('id      x\ntokens  0');
  });
});

describe('readLines', () => {
  it('cuts lines wherever the chunks are cut', async () => {
    const text = '\uFEFFäöü\r\nzwei\n\n日本語 \u{1F600}';
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), async (sizes) => {
        const bytes = Buffer.from(text);
        const chunks: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        const lines = await collect(readLines(Readable.from(chunks)));
        expect(lines.map((line) => line.text)).toEqual(['äöü', 'zwei', '', '日本語 \u{1F600}']);
        expect(lines.map((line) => line.number)).toEqual([1, 2, 3, 4]);
      }),
    );
  });

  it('does not make a line of a final line end', async () => {
    expect(await collect(readLines(each('a\n')))).toEqual([{ text: 'a', number: 1 }]);
  });

  it('refuses a line without end rather than fill the memory', async () => {
    const endless = (async function* () {
      for (;;) yield 'x'.repeat(2 ** 20);
    })();
    await expect(collect(readLines(endless))).rejects.toMatchObject({ code: 'payload_too_large' });
  });
});

describe('readRecords', () => {
  const records = (input: string, source: Partial<TextSource> = {}) => {
    const { io } = fakeIo({ input: Readable.from([Buffer.from(input)]) });
    return collect(readRecords({ texts: [], file: undefined, format: 'auto', ...source }, io));
  };

  it('takes arguments as they are', async () => {
    expect(await records('ignored', { texts: ['{"text": 1}', ' '] })).toEqual([
      { text: '{"text": 1}', fields: {} },
      { text: ' ', fields: {} },
    ]);
  });

  it('finds out by the first line whether lines are JSON', async () => {
    expect(await records('\n{"text": "a", "id": 7}\n\n{"text": "b"}\n')).toEqual([
      { text: 'a', fields: { text: 'a', id: 7 } },
      { text: 'b', fields: { text: 'b' } },
    ]);
    expect(await records('plain\n{"text": "not read"}\n')).toEqual([
      { text: 'plain', fields: {} },
      { text: '{"text": "not read"}', fields: {} },
    ]);
    expect(await records('{brace}', { format: 'text' })).toEqual([{ text: '{brace}', fields: {} }]);
  });

  it.each([
    ['{"text": "a"}\n{"text": ', 'line 2 is not JSON'],
    ['{"txt": "a"}', 'line 1: expected an object with a "text"'],
    ['{"text": 7}', 'line 1: expected an object with a "text"'],
  ])('names the line that is wrong: %j', async (input, message) => {
    await expect(records(input)).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringContaining(message) });
  });

  it('refuses two inputs, a terminal as input, and a file that is not there', async () => {
    await expect(records('', { texts: ['a'], file: 'b' })).rejects.toMatchObject({ param: 'file' });
    await expect(records('', { file: 'no-such-file' })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('ENOENT'),
    });
    const { io } = fakeIo({ terminal: { input: true, out: true, err: true } });
    await expect(collect(readRecords({ texts: [], file: undefined, format: 'auto' }, io))).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});

describe('inBatches', () => {
  it('fills batches from a quick source', async () => {
    expect(await collect(inBatches(each(1, 2, 3, 4, 5), 2))).toEqual([[1, 2], [3, 4], [5]]);
    expect(await collect(inBatches(each(), 2))).toEqual([]);
  });

  it('hands on what is there when the source falls silent', async () => {
    let more: () => void = () => undefined;
    const slow = (async function* () {
      yield 1;
      await new Promise<void>((resolve) => {
        more = resolve;
      });
      yield 2;
    })();
    const batches = inBatches(slow, 10);
    expect((await batches.next()).value).toEqual([1]);
    more();
    expect((await batches.next()).value).toEqual([2]);
    expect((await batches.next()).done).toBe(true);
  });

  it('passes a failure on after what came before it', async () => {
    const broken = (async function* () {
      yield 1;
      throw new RangeError('broken');
    })();
    await expect(collect(inBatches(broken, 10))).rejects.toThrow('broken');
  });
});

describe('inOrder', () => {
  const { signal } = new AbortController();

  it('keeps the order and the bound, whatever takes how long', async () => {
    let running = 0;
    let most = 0;
    const work = async (item: number): Promise<number> => {
      running += 1;
      most = Math.max(most, running);
      await sleep((item * 7) % 5);
      running -= 1;
      return item;
    };
    const items = Array.from({ length: 40 }, (_, index) => index);
    expect(await collect(inOrder(each(...items), { ahead: 3, signal, work }))).toEqual(items);
    expect(most).toBe(3);
  });

  it('reads no further than results are taken', async () => {
    let read = 0;
    const source = (async function* () {
      for (;;) yield read++;
    })();
    const results = inOrder(source, { ahead: 4, signal, work: async (item) => item });
    for (let turn = 0; turn < 10; turn++) await results.next();
    expect(read).toBeLessThanOrEqual(10 + 4 + 1);
    await results.return(undefined);
  });

  it('fails with the first failure and stops the work that runs', async () => {
    const stopped: number[] = [];
    const work = async (item: number, own: AbortSignal): Promise<number> => {
      if (item === 1) {
        await sleep(20);
        throw new RangeError('second');
      }
      if (item > 1) await new Promise<void>((resolve) => own.addEventListener('abort', () => resolve(void stopped.push(item))));
      return item;
    };
    const results: number[] = [];
    const reading = (async () => {
      for await (const result of inOrder(each(0, 1, 2, 3), { ahead: 4, signal, work })) results.push(result);
    })();
    await expect(reading).rejects.toThrow('second');
    expect(results).toEqual([0]);
    expect(stopped).toEqual([2, 3]);
  });

  it('ends with the signal while the input is silent', async () => {
    const abort = new AbortController();
    const silent = (async function* (): AsyncGenerator<number> {
      await new Promise(() => undefined);
    })();
    const reading = collect(inOrder(silent, { ahead: 2, signal: abort.signal, work: async (item) => item }));
    abort.abort();
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
  });
});

describe('progress', () => {
  const job = (bytesDone: number, more: Partial<ShownJob> = {}): ShownJob => ({
    subject: 'a/b',
    state: 'running',
    phase: 'downloading',
    bytesDone,
    bytesTotal: 100_000_000,
    bytesPerSecond: 2_000_000,
    etaSeconds: 30,
    ...more,
  });
  const show = async (terminal: boolean, jobs: readonly ShownJob[]): Promise<string> => {
    const { io, written } = fakeIo({ terminal: { input: false, out: false, err: terminal } });
    Object.assign(io.err, { isTTY: terminal });
    const view = await progressView(io);
    for (const one of jobs) view.show(one);
    await sleep(150);
    view.stop();
    return written.err;
  };

  it('is a line for each phase and tenth where nobody watches', async () => {
    const steps = Array.from({ length: 100 }, (_, percent) => job(percent * 1_000_000));
    const lines = (await show(false, [...steps, job(1e8, { phase: 'verifying' }), job(1e8, { state: 'succeeded' })])).trim().split('\n');
    expect(lines).toHaveLength(11);
    expect(lines[0]).toBe('a/b: downloading 0 % 0 B of 100 MB');
    expect(lines[10]).toBe('a/b: verifying 100 % 100 MB of 100 MB');
  });

  it('is a bar with amount, speed and time left on a terminal, and none while the size is unknown', async () => {
    expect(await show(true, [job(40_000_000)])).toContain(' 40 % 40.0 MB of 100 MB 2.00 MB/s, 30 s left');
    const unknown = await show(true, [job(40_000_000, { bytesTotal: undefined, etaSeconds: undefined })]);
    expect(unknown).toContain('a/b: downloading 40.0 MB 2.00 MB/s');
    expect(unknown).not.toContain('%');
  });
});
