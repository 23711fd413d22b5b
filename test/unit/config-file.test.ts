import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { findSettingsFile, readSettingsFile } from '../../src/config/file.ts';

const scratch = mkdtempSync(join(tmpdir(), 'locallite-config-file-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let path: string;
let count = 0;
beforeEach(() => {
  count += 1;
  path = join(scratch, `settings-${count}.yaml`);
});

function read(content: string) {
  writeFileSync(path, content);
  return readSettingsFile(path);
}

/** Problems without the path of the file. */
const problems = (content: string) => read(content).problems.map((problem) => problem.replace(path, 'FILE'));

test.each([
  ['nothing at all', ''],
  ['a comment', '# port: 1\n'],
  ['a document without content', '---\n...\n'],
  ['an empty mapping', '{}'],
  ['blank lines', '\n\n  \n'],
])('%s is a file without settings', (_name, content) => {
  expect(read(content)).toMatchObject({ file: { content: {} }, problems: [] });
});

test('JSON is read, indented with tabs too, and keeps its lines', () => {
  const { file, problems: none } = read('{\n\t"port": 1,\n\t"tls": {\n\t\t"cert": "a"\n\t}\n}\n');
  expect(none).toEqual([]);
  expect(file?.content).toEqual({ port: 1, tls: { cert: 'a' } });
  expect(file?.placeOf(['tls', 'cert'])).toBe(`${path}:4`);
});

test('a byte order mark and Windows line ends do no harm', () => {
  const { file } = read('\uFEFFport: 1\r\ntls:\r\n  cert: a\r\n');
  expect(file?.content).toEqual({ port: 1, tls: { cert: 'a' } });
  expect(file?.placeOf(['tls', 'cert'])).toBe(`${path}:3`);
});

test('a place that is not there is told as the nearest one above it, or the file', () => {
  const { file } = read('a: 1\nb:\n  c: 2\n');
  expect(file?.placeOf(['b', 'x'])).toBe(`${path}:2`);
  expect(file?.placeOf(['x'])).toBe(path);
});

test.each([
  ['port: 1\n  host: x\n', /^FILE:\d+:\d+: not valid YAML: /],
  ['a: [1, 2\nb: 3\n', /^FILE:2:\d+: not valid YAML: /],
  ['a: 1\n\tb: 2\n', /^FILE:2:\d+: not valid YAML: /],
  ['a: "open\n', /^FILE:\d+:\d+: not valid YAML: /],
  ['a: 1\nb: *nowhere\n', /^FILE:2: an alias \(\*\) without its anchor/],
  ['a: 1\n---\nb: 2\n', /^FILE:2:1: not valid YAML: /],
  ['a: !!js/function x\n', /^FILE:1:4: not valid YAML: Unresolved tag$/],
])('what is not YAML is refused with its line: %j', (content, expected) => {
  const [first] = problems(content);
  expect(first).toMatch(expected);
});

test('a key that stands there twice is named with its line', () => {
  expect(problems('port: 1\nhost: a\nport: 2\n')).toEqual(['FILE:3:1: port stands there twice; keep one']);
  expect(problems('tls:\n  cert: a\n  "cert": b\n')).toEqual(['FILE:3:3: cert stands there twice; keep one']);
  expect(problems('{"port": 1,\n "port": 1}')).toEqual(['FILE:2:2: port stands there twice; keep one']);
});

test('a fault does not repeat what stands in the file', () => {
  const secret = 'sk-do-not-show';
  for (const content of [
    `api_key: [${secret}\nb: 1`,
    `api_key: "a" ${secret}\n`,
    `api_key: *${secret}\n`,
    `api_key: "\\q${secret}"`,
    `a: 1\n${secret}\n`,
    `- ${secret}`,
    secret,
  ]) {
    expect(problems(content).length, content).toBeGreaterThan(0);
    expect(problems(content).join('\n')).not.toContain(secret);
  }
});

test('aliases that multiply are refused', () => {
  const layers = Array.from({ length: 12 }, (_, level) => `l${level + 1}: &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`);
  expect(problems(['l0: &l0 [x]', ...layers].join('\n'))).toEqual(['FILE: its aliases (*) expand too far; write the values out']);
});

test('a modest alias works', () => {
  expect(read('models:\n  a: &fast { pinned: true }\n  b: *fast\n').file?.content).toEqual({
    models: { a: { pinned: true }, b: { pinned: true } },
  });
});

test.each(['[1, 2]', 'text', '7', '- port: 1'])('%j is no mapping', (content) => {
  expect(problems(content)).toEqual(['FILE: expected a mapping of settings, such as `port: 11435`']);
});

test('a file that is missing, a folder, or too long is refused', () => {
  expect(readSettingsFile(path).problems).toEqual([`${path}: the settings file cannot be read (ENOENT)`]);
  mkdirSync(path);
  expect(readSettingsFile(path).problems).toEqual([`${path}: the settings file cannot be read (EISDIR)`]);
  path = `${path}.long`;
  expect(problems(`# ${'x'.repeat(2 ** 20)}`)).toEqual([
    expect.stringMatching(/^FILE: the settings file has 10485\d\d bytes; at most 1048576 are read$/),
  ]);
});

test('the first folder that has a file decides', () => {
  const [near, far, empty] = ['near', 'far', 'empty'].map((name) => join(scratch, `${name}-${count}`)) as [string, string, string];
  for (const folder of [near, far, empty]) mkdirSync(folder);
  writeFileSync(join(far, 'locallite.json'), '{}');
  expect(findSettingsFile([near, far])).toEqual({ path: join(far, 'locallite.json'), problems: [] });
  writeFileSync(join(near, 'locallite.yml'), '');
  expect(findSettingsFile([near, far]).path).toBe(join(near, 'locallite.yml'));
  expect(findSettingsFile([empty])).toEqual({ path: undefined, problems: [] });
});
