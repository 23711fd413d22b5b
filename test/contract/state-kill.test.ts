import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openState } from '../../src/state/open.ts';
import type { State } from '../../src/state/state-types.ts';
import { buildChild } from '../servers/child.ts';
import type { StateJob, StateLine } from '../servers/state-child.ts';

const ROUNDS = process.env['LOCALLITE_TEST_LONG'] === '1' ? 50 : 5;
const ENTRY = join(import.meta.dirname, '../../dist/state.js');
const folder = mkdtempSync(join(tmpdir(), 'locallite-state-kill-'));
let program: Awaited<ReturnType<typeof buildChild>>;

beforeAll(async () => {
  program = await buildChild('state-child');
});
afterAll(async () => {
  await program.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Of each file the version that was acknowledged last, and the one that was begun after it. */
type Known = Map<string, { readonly file: string; done: number; begun: number }>;

function hear(known: Known, { step, file, version }: StateLine): void {
  const entry = known.get(file) ?? { file, done: 0, begun: 0 };
  entry.begun = version;
  if (step === 'done') entry.done = version;
  known.set(file, entry);
}

/** Lets the child work until it has acknowledged some writes, and kills it a random moment later. */
function runAndKill(job: StateJob, known: Known): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, [program.path, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let acknowledged = 0;
  if (child.stdout === null) throw new TypeError('the child has no output');
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line: StateLine = JSON.parse(text);
    hear(known, line);
    if (line.step === 'done' && ++acknowledged === 10) setTimeout(() => child.kill('SIGKILL'), Math.random() * 200);
  });
  return new Promise((resolve) => child.once('close', () => resolve(acknowledged)));
}

/** What is there now is what the next round begins with. */
async function versionOf(state: State, file: string): Promise<number> {
  const document = await state.findDocument('vs_kill', file);
  return Number(document?.contentSha256?.slice(1) ?? 0);
}

/** Every document is whole in one of the two versions that it may have. */
async function check(state: State, known: Known): Promise<void> {
  for (const [file, { done, begun }] of known) {
    const document = await state.findDocument('vs_kill', file);
    const chunks = document === undefined ? [] : await state.chunksOf(document.id);
    const { version = 0, count = 0 } = JSON.parse(chunks[0]?.text ?? '{}') as { version?: number; count?: number };
    expect([done, begun]).toContain(version);
    expect(chunks.map(({ text }) => text)).toEqual(chunks.map(() => JSON.stringify({ file, version, count })));
    expect(chunks.map(({ ordinal }) => ordinal)).toEqual(Array.from({ length: count }, (_, ordinal) => ordinal));
    const vectors = await state.vectors(chunks.map(({ id }) => id));
    expect(vectors.map((vector) => [...vector])).toEqual(chunks.map(({ ordinal }) => [version, ordinal, count, 1]));
    if (document === undefined || version === 0) continue;
    expect(document).toMatchObject({ contentSha256: `v${version}` });
    expect(await state.parsedContent(document.id)).toBe(String(version));
  }
  expect(await state.verify()).toEqual([]);
}

it(`a process that is killed ${ROUNDS} times loses nothing that was acknowledged and leaves nothing half`, {
  timeout: 20_000 + ROUNDS * 5_000,
}, async () => {
  const path = join(folder, 'locallite.db');
  const known: Known = new Map();
  for (let round = 0; round < ROUNDS; round++) {
    expect(await runAndKill({ path, entry: ENTRY, base: round * 10_000 }, known)).toBeGreaterThanOrEqual(10);
    const state = await openState({ path });
    await check(state, known);
    const collection = await state.findCollection('vs_kill');
    expect(collection?.edition.state).toBe('active');
    // No job was there to go on with it.
    expect(collection?.building).toBeUndefined();
    for (const entry of known.values()) entry.done = entry.begun = await versionOf(state, entry.file);
    await state.close();
  }
});
