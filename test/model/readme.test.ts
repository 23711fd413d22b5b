import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { MODEL_HOME } from '../home.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SCRATCH = join(ROOT, '.setup', `readme-${process.pid}`);
const README = (await readFile(join(ROOT, 'README.md'), 'utf8')).replaceAll('\r\n', '\n');
const hasPython = spawnSync('python3', ['-c', 'import openai']).status === 0;
const hasShell = process.platform !== 'win32' && spawnSync('curl', ['--version']).status === 0;

let server: ChildProcess;
let port = '';

/** The README's block of code in a language that contains `words`, aimed at this test's port. */
function block(language: string, words: string): string {
  const blocks = [...README.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].filter(
    ([, name, code = '']) => name === language && code.includes(words),
  );
  expect(blocks).toHaveLength(1);
  const code = blocks[0]?.[2] ?? '';
  expect(code).toContain(':11435');
  return code.replaceAll(':11435', `:${port}`);
}

/** What a command prints. */
function run(command: string, args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(command, [...args], { cwd: ROOT, encoding: 'utf8', timeout: 60_000 });
  expect(status, stderr).toBe(0);
  return stdout.trim();
}

beforeAll(async () => {
  const env = { ...process.env, LOCALLITE_HOME: MODEL_HOME, LOCALLITE_OFFLINE: '1', LOCALLITE_LOG_LEVEL: 'silent' };
  server = spawn(process.execPath, ['dist/cli.js', 'serve', '--port', '0'], { cwd: ROOT, env });
  let printed = '';
  server.stdout?.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  await vi.waitFor(() => expect(printed).toMatch(/:\d+\/v1[\s\S]*Ctrl-C/), { timeout: 30_000, interval: 50 });
  port = /:(\d+)\/v1/.exec(printed)?.[1] ?? '';
  await mkdir(SCRATCH, { recursive: true });
});

afterAll(async () => {
  await rm(SCRATCH, { recursive: true, force: true });
  const stopped = new Promise((resolve) => server.on('exit', resolve));
  server.kill('SIGTERM');
  await stopped;
});

describe("the README's calls work as printed", () => {
  it.skipIf(!hasShell)('curl', () => {
    const answer = JSON.parse(run('sh', ['-c', block('sh', 'curl ')]));
    const vector: number[] = answer.data[0].embedding;
    expect(vector).toHaveLength(384);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
  });

  it('openai for Node', async () => {
    const file = join(SCRATCH, 'call.mjs');
    const code = block('js', 'OpenAI');
    await writeFile(file, code);
    expect(run(process.execPath, [file])).toBe(/console\.log.*\/\/ (.*)/.exec(code)?.[1]);
  });

  it.skipIf(!hasPython)('openai for Python (skipped where the package is not installed)', () => {
    const code = block('python', 'OpenAI');
    expect(run('python3', ['-c', code])).toBe(/print.*# (.*)/.exec(code)?.[1]);
  });
});
