import { describe, expect, it } from 'vitest';
import { toMarkdown } from '../../src/documents/markdown.ts';
import { parseFile } from '../support/parse-file.ts';

const shiftJis = new Uint8Array(Buffer.from('96bc914f2c944e97ee0d0a8db293a191be98592c33300d0a', 'hex'));

describe('encodings', () => {
  const text = 'Grüße, 世界 — naïve';
  const wide = (mark: readonly number[], swap: boolean): Uint8Array => {
    const encoded = Buffer.from(text, 'utf16le');
    return new Uint8Array([...mark, ...(swap ? encoded.swap16() : encoded)]);
  };
  const utf32 = (littleEndian: boolean): Uint8Array => {
    const points = [0xfeff, ...Array.from(text, (letter) => letter.codePointAt(0) ?? 0)];
    const view = new DataView(new ArrayBuffer(points.length * 4));
    for (const [index, point] of points.entries()) view.setUint32(index * 4, point, littleEndian);
    return new Uint8Array(view.buffer);
  };

  it.each([
    ['UTF-8', new TextEncoder().encode(text)],
    ['UTF-8 with a mark', new Uint8Array([0xef, 0xbb, 0xbf, ...new TextEncoder().encode(text)])],
    ['UTF-16 little-endian', wide([0xff, 0xfe], false)],
    ['UTF-16 big-endian', wide([0xfe, 0xff], true)],
    ['UTF-32 little-endian', utf32(true)],
    ['UTF-32 big-endian', utf32(false)],
  ])('%s is read without a guess', async (_name, bytes) => {
    expect(await parseFile(bytes, { name: 'a.txt' })).toMatchObject({ text, warnings: [] });
  });

  it('UTF-16 without a mark', async () => {
    const bytes = new Uint8Array(Buffer.from('plain English words', 'utf16le'));
    expect(await parseFile(bytes, { name: 'a.txt' })).toMatchObject({ text: 'plain English words', warnings: [] });
  });

  it('a guess is warned of', async () => {
    const japanese = await parseFile(shiftJis, { name: 'a.csv' });
    expect(japanese.blocks[0]?.rows).toEqual([
      ['名前', '年齢'],
      ['佐藤太郎', '30'],
    ]);
    expect(japanese.warnings).toEqual([{ code: 'encoding_guessed', message: expect.stringContaining('shift_jis') }]);
    const latin = new Uint8Array(Buffer.from('Der Käse schmeckt süß und kostet 5 € für Müller.'.replace('€', '\x80'), 'latin1'));
    expect((await parseFile(latin, { name: 'a.txt' })).text).toBe('Der Käse schmeckt süß und kostet 5 € für Müller.');
  });

  it('what the sender says comes before a guess', async () => {
    const bytes = new Uint8Array([0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]);
    expect((await parseFile(bytes, { mediaType: 'text/plain; charset=windows-1251' })).text).toBe('Привет');
  });

  it('one broken character does not make another encoding of a text', async () => {
    const bytes = Buffer.concat([Buffer.from('日本語の長い文章です。'.repeat(20)), Buffer.from([0xff])]);
    const { text: read, warnings } = await parseFile(new Uint8Array(bytes), { name: 'a.txt' });
    expect(read.startsWith('日本語の長い文章です。')).toBe(true);
    expect(warnings[0]?.message).toContain('utf-8');
  });
});

describe('text formats', () => {
  it('plain text: paragraphs, with control characters gone and exact offsets', async () => {
    const { text, blocks } = await parseFile('one\r\ntwo\r\n\r\n\r\nthree\u0007\n \n', { name: 'a.txt' });
    expect(text).toBe('one\ntwo\n\nthree');
    expect(blocks.map(({ start, end }) => text.slice(start, end))).toEqual(['one\ntwo', 'three']);
  });

  it('Markdown: headings with their path, lists, tables, code, links, front matter', async () => {
    const source =
      '---\ntitle: T\nauthor: A\ndate: 2026-01-02\n---\n# One\n\n## Two\n\nA [link](https://x.y/z) &amp; `code`\n\n1. a\n2. b\n   - c\n\n| h | i |\n|---|---|\n| 1 | 2 |\n\n```ts\nlet a;\n```\n';
    const { metadata, blocks } = await parseFile(source, { name: 'a.md' });
    expect(metadata).toMatchObject({ title: 'T', author: 'A', mediaType: 'text/markdown' });
    expect(blocks.map(({ kind, text }) => [kind, text])).toEqual([
      ['heading', 'One'],
      ['heading', 'Two'],
      ['text', 'A link & code'],
      ['list', '1. a\n2. b\n  - c'],
      ['table', 'h | i\n1 | 2'],
      ['code', 'let a;'],
    ]);
    expect(blocks[2]).toMatchObject({ path: ['One', 'Two'], links: [{ text: 'link', url: 'https://x.y/z' }] });
    expect(blocks[5]).toMatchObject({ language: 'ts' });
  });

  it('CSV: the delimiter is found, quotes and line ends in cells are understood', async () => {
    const { blocks } = await parseFile('name;note\nAnn;"a; b"\nBob;"two\nlines"\n', { name: 'a.csv' });
    expect(blocks[0]).toMatchObject({
      kind: 'table',
      headerRows: 1,
      rows: [
        ['name', 'note'],
        ['Ann', 'a; b'],
        ['Bob', 'two lines'],
      ],
    });
  });

  it('JSON: keys and values to read, records as a table, long numbers and strings exact', async () => {
    const { blocks } = await parseFile(
      '{"id": 12345678901234567890, "say": "a \\"b\\" — c", "rows": [{"a": 1, "b": "x"}, {"a": 2, "b": null}]}',
    );
    expect(blocks.map(({ kind, text }) => [kind, text])).toEqual([
      ['code', 'id: 12345678901234567890\nsay: a "b" — c'],
      ['code', 'rows:'],
      ['table', 'a | b\n1 | x\n2 |'],
    ]);
  });

  it('JSON lines: one bad line is named and kept', async () => {
    const { text, warnings } = await parseFile('{"a":{"b":1}}\nnot json\n{"a":{"b":2}}\n', { name: 'a.jsonl' });
    expect(text).toContain('b: 2');
    expect(text).toContain('not json');
    expect(warnings).toEqual([{ code: 'line_unreadable', message: expect.stringContaining('1 lines') }]);
  });

  it('JSON that nests a hundred thousand levels deep ends in a warning, not in a crash', async () => {
    const { warnings } = await parseFile(`${'['.repeat(100_000)}${']'.repeat(100_000)}`, { name: 'a.json' });
    expect(warnings[0]?.code).toBe('limit_reached');
  });

  it('source code is one block with its language', async () => {
    const code = 'def f():\n\n    return 1';
    expect((await parseFile(code, { name: 'x.py' })).blocks).toMatchObject([{ kind: 'code', language: 'python', text: code }]);
    expect((await parseFile('#!/bin/sh\necho hi', { name: 'run' })).blocks).toMatchObject([{ kind: 'code', language: 'shell' }]);
  });

  it('subtitles: paragraphs with their time, a line for each speaker, rolled lines once', async () => {
    const vtt =
      'WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>Hello &amp; <i>welcome</i>\n\n00:02.000 --> 00:03.000\n<v Ann>everybody\n\n00:03.000 --> 00:04.000\n<v Bob>Hi\n\n01:00:10.000 --> 01:00:12.000\nLater\n';
    expect((await parseFile(vtt)).text).toBe('[00:00:01] Ann: Hello & welcome everybody\nBob: Hi\n\n[01:00:10] Later');
    const srt =
      '1\n00:00:01,000 --> 00:00:02,000\nsame\n\n2\n00:00:02,000 --> 00:00:03,000\nsame\n\n3\n00:00:03,000 --> 00:00:04,000\nnew\n';
    expect((await parseFile(srt)).text).toBe('[00:00:01] same new');
  });

  it('notebooks: text, code and outputs in order', async () => {
    const cells = [
      { cell_type: 'markdown', source: ['# Title\n', 'text'] },
      { cell_type: 'code', source: 'print(1)', outputs: [{ output_type: 'stream', text: ['1\n'] }] },
    ];
    const notebook = { nbformat: 4, cells, metadata: { language_info: { name: 'python' } } };
    const { blocks, metadata } = await parseFile(JSON.stringify(notebook));
    expect(blocks.map(({ kind, text }) => [kind, text])).toEqual([
      ['heading', 'Title'],
      ['text', 'text'],
      ['code', 'print(1)'],
      ['code', '1'],
    ]);
    expect(metadata.title).toBe('Title');
  });

  it('an empty file is an empty document', async () => {
    expect(await parseFile('')).toMatchObject({ text: '', blocks: [], warnings: [] });
  });
});

describe('Markdown out', () => {
  it('keeps what would be marks from being marks, and puts links, lists and tables in their form', async () => {
    const markdown = toMarkdown({
      blocks: [
        { kind: 'heading', level: 2, text: 'H', order: 0, start: 0, end: 1, path: [] },
        {
          kind: 'text',
          text: '# not a heading\nsee here (x)',
          links: [{ text: 'here', url: '/a (b)' }],
          order: 1,
          start: 3,
          end: 30,
          path: [],
        },
        { kind: 'list', ordered: true, text: 'one\ntwo', order: 2, start: 32, end: 39, path: [] },
        { kind: 'table', rows: [['a|b', 'c']], headerRows: 0, text: 'a|b | c', order: 3, start: 41, end: 48, path: [] },
        { kind: 'code', text: '```', language: 'md', order: 4, start: 50, end: 53, path: [] },
      ],
    });
    expect(markdown).toBe(
      '## H\n\n\\# not a heading\nsee [here](</a%20(b)>) (x)\n\n1. one\n2. two\n\n|  |  |\n| --- | --- |\n| a\\|b | c |\n\n````md\n```\n````\n',
    );
  });
});

it('Markdown with more marks of emphasis than anybody writes is read as characters, in linear time', async () => {
  const flood = '*a **b _c __d '.repeat(20_000).trim();
  const { text } = await parseFile(`# w1\n\n${flood}\n\nw2 *w3* ~~w4~~`, { name: 'a.md' });
  expect(text).toBe(`w1\n\n${flood}\n\nw2 w3 w4`);
}, 20_000);
