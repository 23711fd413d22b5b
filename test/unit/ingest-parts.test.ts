import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, describe, expect, it } from 'vitest';
import { demoBooks } from '../../src/cli/demo-books.ts';
import { IgnoreRules } from '../../src/cli/ignore-rules.ts';
import { belongs, filesOf, openRoots } from '../../src/cli/ingest-files.ts';
import { ingestView } from '../../src/cli/ingest-view.ts';
import { questions } from '../../src/cli/questions.ts';
import { runCommandLine } from '../../src/cli/run.ts';
import { pinRefusal } from '../../src/gateway/pin-refusal.ts';
import { fakeIo } from '../support/cli-page.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'locallite-ingest-parts-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

function tree(name: string, files: Readonly<Record<string, string>>): string {
  const root = join(FOLDER, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

async function found(paths: readonly string[], folder: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of filesOf(await openRoots(paths, folder), () => undefined))
    keys.push(relative(folder, key).split(sep).join('/'));
  return keys;
}

describe('ignore files', () => {
  const root = tree('ignored', {
    'a.md': '',
    '.hidden.md': '',
    '.github/rules.md': '',
    '.git/config': '',
    'node_modules/x/readme.md': '',
    'draft.tmp': '',
    '~$open.docx': '',
    'build/out.md': '',
    'notes/keep.md': '',
    'notes/secret.md': '',
    'notes/deep/secret.md': '',
    'notes/deep/other.log': '',
    '.localliteignore': '# comment\nbuild/\n*.log\nsecret.md\n!.github/\n',
    'notes/deep/.localliteignore': '!secret.md\n',
  });

  it('leave out by default what programs made and what is hidden, and by their rules more or less', async () => {
    expect(await found(['.'], root)).toEqual(['.github/rules.md', 'a.md', 'notes/deep/secret.md', 'notes/keep.md']);
  });

  it('do not speak about what is named itself', async () => {
    expect(await found(['.hidden.md', 'build'], root)).toEqual(['.hidden.md', 'build/out.md']);
  });

  it('cannot take back what is in a folder that is left out, as in git', () => {
    const inside = tree('parent', { '.localliteignore': 'out/\n!out/a.md\n', 'out/a.md': '' });
    const rules = new IgnoreRules(inside);
    expect([rules.ignores(join(inside, 'out', 'a.md'), false), rules.ignores(inside, true)]).toEqual([true, false]);
  });

  it('are read anew when that is asked for', () => {
    const inside = tree('anew', { '.localliteignore': 'a.md\n', 'a.md': '' });
    const rules = new IgnoreRules(inside);
    expect(rules.ignores(join(inside, 'a.md'), false)).toBe(true);
    writeFileSync(join(inside, '.localliteignore'), 'b.md\n');
    rules.forget();
    expect(rules.ignores(join(inside, 'a.md'), false)).toBe(false);
  });
});

describe('patterns', () => {
  const root = tree('patterns', { 'a.md': '', 'b.txt': '', 'x/c.md': '', 'x/y/d.md': '', 'x/.z/e.md': '', 'odd[1].md': '' });

  it.each([
    ['*.md', ['a.md', 'odd[1].md']],
    ['**/*.md', ['a.md', 'odd[1].md', 'x/c.md', 'x/y/d.md']],
    ['x/**', ['x/c.md', 'x/y/d.md']],
    ['./x/*/*.md', ['x/y/d.md']],
    ['*.{md,txt}', ['a.md', 'b.txt', 'odd[1].md']],
    ['odd[1].md', ['odd[1].md']],
    ['x/*.txt', []],
  ])('%s', async (pattern, expected) => {
    expect(await found([pattern], root)).toEqual(expected);
  });

  it('give a file once, and refuse what is not there', async () => {
    expect(await found(['*.txt', '.', 'b.txt'], root)).toHaveLength(5);
    await expect(openRoots(['nowhere/*.md'], root)).rejects.toMatchObject({ code: 'not_found' });
    await expect(openRoots(['nowhere'], root)).rejects.toThrow('there is no file or folder nowhere');
  });

  it('say which files belong to them', async () => {
    const roots = await openRoots(['x/**/*.md'], root);
    const places = ['x/new.md', 'x/new.txt', 'x/.z/e.md', 'a.md', 'xx/new.md'];
    expect(places.filter((place) => belongs(join(root, place), roots))).toEqual(['x/new.md']);
  });
});

describe('what is shown of an ingest', () => {
  const totals = { collection: 'notes', files: 4, unchanged: 0, ingested: 1, failed: 0, removed: 0, chunks: 9, underWay: 1 };

  it('is bars on a terminal, and nothing of them stays', async () => {
    const err = Object.assign(new PassThrough(), { isTTY: true, columns: 100 });
    let shown = '';
    err.on('data', (chunk: Buffer) => {
      shown += chunk.toString();
    });
    const view = await ingestView(fakeIo({ err, terminal: { input: true, out: true, err: true }, env: { NO_COLOR: '1' } }).io, false);
    view.overall(totals);
    view.uploading('big.pdf', 3e6, 6e6);
    await new Promise((resolve) => setTimeout(resolve, 150));
    view.pause();
    expect(shown).toMatch(/notes █{15}░{15} 50 % 2 of 4 files/);
    expect(shown).toMatch(/uploading big\.pdf █{15}░{15} 50 % 3\.00 MB of 6\.00 MB/);
    // The cursor is there again, and the lines are cleared.
    expect(shown.lastIndexOf('\u001B[?25h')).toBeGreaterThan(shown.lastIndexOf('\u001B[?25l'));
    expect(shown.slice(shown.lastIndexOf('█'))).toContain('\u001B[0J');
  });

  it('is a line a tenth elsewhere, and objects where JSON is asked for', async () => {
    const lines = fakeIo();
    const view = await ingestView(lines.io, false);
    for (const sent of [0, 10, 1e6, 2e6, 2e6]) view.uploading('big.pdf', sent, 2e6);
    view.uploading('small.txt', 5, 10);
    view.overall(totals);
    view.overall(totals);
    expect(lines.written.err.split('\n')).toEqual([
      'uploading big.pdf: 0 % of 2.00 MB',
      'uploading big.pdf: 50 % of 2.00 MB',
      'uploading big.pdf: 100 % of 2.00 MB',
      'notes: 50 % 2 of 4 files',
      '',
    ]);
    const json = fakeIo();
    const events = await ingestView(json.io, true);
    events.uploading('big.pdf', 1e6, 2e6);
    await events.ended({ key: '/a', end: 'failed', message: 'why' });
    expect(
      json.written.out
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { object: 'ingest.upload', name: 'big.pdf', bytes_done: 1e6, bytes_total: 2e6 },
      { object: 'ingest.file', key: '/a', state: 'failed', message: 'why' },
    ]);
  });
});

describe('questions', () => {
  const ask = async (input: PassThrough, terminal: boolean, signal = new AbortController().signal) => {
    const { io, written } = fakeIo({ input, terminal: { input: terminal, out: terminal, err: terminal }, signal });
    const got: string[] = [];
    try {
      for await (const question of questions(io, 'ask> ')) got.push(question);
      return { got, end: 'done', ...written };
    } catch (error) {
      return { got, end: String(Reflect.get(Object(error), 'code')), ...written };
    }
  };

  it('are the lines of a pipe, without blank ones', async () => {
    const input = new PassThrough();
    input.end('one\n\n two \nthree');
    expect(await ask(input, false)).toMatchObject({ got: ['one', 'two', 'three'], end: 'done', err: '' });
  });

  it('end on a terminal with a blank line, with its end, and with Ctrl-C', async () => {
    for (const [typed, end] of [
      ['one\r\r', 'done'],
      ['one\r\u0004', 'done'],
      ['one\r\u0003', 'cancelled'],
    ] as const) {
      const input = new PassThrough();
      const answer = ask(input, true);
      input.write(typed);
      expect(await answer).toMatchObject({ got: ['one'], end });
    }
  });

  it('end when the command is stopped', async () => {
    const stop = new AbortController();
    const answer = ask(new PassThrough(), false, stop.signal);
    stop.abort();
    expect(await answer).toMatchObject({ got: [], end: 'cancelled' });
  });
});

describe('the books of the demo', () => {
  it('are there, whole and under 300 kB', async () => {
    const books = await demoBooks();
    expect(books.map(({ name }) => name)).toEqual(['alice-in-wonderland.md', 'through-the-looking-glass.md', 'pride-and-prejudice.md']);
    const [alice] = books;
    expect((await (await alice?.open())?.text())?.startsWith("# Alice's Adventures in Wonderland\n\nby Lewis Carroll, 1865\n")).toBe(true);
    expect(books.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(900_000);
    expect(await alice?.sum()).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('a variant that cannot be pinned', () => {
  const of = (variant: string, published: readonly string[]) =>
    pinRefusal({ name: 'm', variant, installed: ['int8-c1', 'weights'], published });

  it('is made, pulled or named as wrong', () => {
    expect(of('fp32', ['fp32', 'weights'])).toMatchObject({
      code: 'model_not_found',
      message: 'm#fp32 has not been made yet. Make it and let it run with: locallite convert m --precision fp32 --pin',
    });
    expect(of('fp16-gpu', []).message).toContain('locallite convert m --precision fp16 --target gpu --pin');
    expect(of('int8-dynamic', ['int8-dynamic']).message).toContain('Pull it with: locallite pull m#int8-dynamic');
    expect(of('banana', ['weights'])).toMatchObject({
      code: 'invalid_request',
      message:
        'm has no variant banana: there is int8-c1; fp32, fp16, int8, q4 can be made (with -gpu or -npu behind it for other devices)',
    });
    const published = pinRefusal({ name: 'm', variant: 'fp32', installed: ['q4'], published: ['fp32', 'q4'] });
    expect(published.message).toContain('locallite pull m#fp32');
  });
});

describe('commands that have subcommands', () => {
  const run = async (argv: readonly string[], signal = new AbortController().signal) => {
    const { io, written } = fakeIo({ env: { LOCALLITE_HOME: join(FOLDER, 'home'), LOCALLITE_OFFLINE: '1' }, folder: FOLDER, signal });
    return { code: await runCommandLine(argv, io), ...written };
  };

  it.each([
    ['alias', 'no names yet'],
    ['keys', 'no keys'],
  ])('list when %s stands alone', async (name, told) => {
    const alone = await run([name]);
    expect(alone).toMatchObject({ code: 0, err: expect.stringContaining(told) });
    expect(await run([name, 'list'])).toEqual(alone);
    expect(JSON.parse((await run([name, '--json'])).out)).toEqual({ object: 'list', data: [] });
  });

  it('refuse a subcommand that is none of theirs', async () => {
    expect(await run(['keys', 'foo'])).toMatchObject({ code: 2, err: expect.stringContaining('There are: create, list, revoke') });
    expect(await run(['collections', 'lst'])).toMatchObject({ code: 2, err: expect.stringContaining('Did you mean list?') });
  });

  it('end with 130 also when the signal came at the very end', async () => {
    const stop = new AbortController();
    const { io, written } = fakeIo({ env: { LOCALLITE_HOME: join(FOLDER, 'home') }, signal: stop.signal });
    io.out.on('data', () => stop.abort());
    expect(await runCommandLine(['config', 'port'], io)).toBe(130);
    expect(written).toEqual({ out: '11435\n', err: 'locallite: interrupted\n' });
  });

  it('suggest only settings that are near', async () => {
    expect((await run(['config', 'nope'])).err).toBe('locallite: there is no setting nope\n');
    for (const slip of ['prot', 'prt', 'portt', 'threds', 'offlien'])
      expect((await run(['config', slip])).err).toMatch(/did you mean (port|threads|offline)\?/);
  });
});
