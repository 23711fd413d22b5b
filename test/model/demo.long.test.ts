import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BOOK_QUESTIONS } from '../../src/cli/demo-books.ts';
import { MODEL_HOME } from '../home.ts';

const CLI = join(import.meta.dirname, '..', '..', 'dist', 'cli.js');
const HOME = mkdtempSync(join(tmpdir(), 'locallite-demo-'));
// What the tests themselves read is no setting.
const { LOCALLITE_TEST_LONG: _long, ...OUTSIDE } = process.env;
const ENV = { ...OUTSIDE, LOCALLITE_HOME: HOME, LOCALLITE_OFFLINE: '1', NO_COLOR: '1' };

beforeAll(() => cpSync(MODEL_HOME, HOME, { recursive: true, filter: (path) => !/[\\/]run$/.test(path) }));
afterAll(() => rmSync(HOME, { recursive: true, force: true }));

it('answers its own questions from the three books, which are read once', () => {
  const demo = (input: string, ...argv: string[]) =>
    spawnSync(process.execPath, [CLI, 'demo', ...argv], { env: ENV, cwd: HOME, input, encoding: 'utf8' });
  const { status, stdout, stderr } = demo(BOOK_QUESTIONS.join('\n'), '-k', '1');
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining('3 files: 3 ingested') });
  expect(stdout).toMatch(
    /1\. alice-in-wonderland\.md.*Who Stole the Tarts[\s\S]*1\. pride-and-prejudice\.md[\s\S]*1\. through-the-looking-glass\.md/,
  );
  expect(demo('', '--query', BOOK_QUESTIONS[0] ?? '').stderr).toBe('');
});
