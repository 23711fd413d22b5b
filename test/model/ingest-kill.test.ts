import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CollectionDocument, Gateway } from '../../src/gateway/gateway-types.ts';
import { createTestGateway } from '../../src/testing/index.ts';
import { buildChild } from '../servers/child.ts';
import { type IngestJob, type IngestLine, KILL_COLLECTION, onlyWord, textOf } from '../servers/ingest-child.ts';

const ROUNDS = process.env['LOCALLITE_TEST_LONG'] === '1' ? 50 : 5;
const KINDS = ['replace', 'delete', 'reindex', 'nothing'] as const;
/** The line after which a child is killed, and the longest that it still runs then, in milliseconds. */
const MOMENTS = {
  nothing: { from: { step: 'done', version: 1 }, longest: 1500 },
  replace: { from: { step: 'begin', version: 2 }, longest: 1500 },
  delete: { from: { step: 'begin', version: 0 }, longest: 100 },
  reindex: { from: { step: 'done', version: 1 }, longest: 2500 },
} as const;
const TESTING = join(import.meta.dirname, '../../dist/testing.js');
const home = mkdtempSync(join(tmpdir(), 'locallite-ingest-kill-'));
let program: Awaited<ReturnType<typeof buildChild>>;

beforeAll(async () => {
  program = await buildChild('ingest-child');
});
afterAll(async () => {
  await program.remove();
  rmSync(home, { recursive: true, force: true });
});

/** Of each source the version that was acknowledged last, and the one that was begun after it; 0 where it was deleted or never there. */
type Known = Map<string, { done: number; begun: number }>;

function hear(known: Known, { step, key, version }: IngestLine): void {
  const entry = known.get(key) ?? { done: 0, begun: 0 };
  entry.begun = version;
  if (step === 'done') entry.done = version;
  known.set(key, entry);
}

/** Lets a child work and kills it at a random moment. @returns the signal or code that it ended with */
function runAndKill(job: IngestJob, known: Known): Promise<NodeJS.Signals | number | null> {
  const child: ChildProcess = spawn(process.execPath, [program.path, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const { from, longest } = MOMENTS[job.also];
  let isMarked = false;
  if (child.stdout === null) throw new TypeError('the child has no output');
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line: IngestLine = JSON.parse(text);
    hear(known, line);
    if (isMarked || line.step !== from.step || line.version !== from.version) return;
    isMarked = true;
    setTimeout(() => child.kill('SIGKILL'), Math.random() * longest);
  });
  return new Promise((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)));
}

async function allEnded(gateway: Gateway): Promise<void> {
  for (const { id } of gateway.jobs.list()) {
    for await (const { state, error } of gateway.jobs.watch(id))
      if (state === 'failed' || state === 'cancelled') throw new TypeError(`${id} is ${state}: ${error?.message}`);
  }
}

async function everything(gateway: Gateway): Promise<readonly CollectionDocument[]> {
  const { items, hasMore } = await gateway.collections.documents(KILL_COLLECTION, { limit: 10_000, order: 'asc' });
  expect(hasMore).toBe(false);
  return items;
}

const sumOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const unique = <T>(values: readonly T[]): readonly T[] => [...new Set(values)];

/** Each source is whole in one of the two versions that it may have; from then on, that is the one it has. */
function checkVersions(documents: readonly CollectionDocument[], known: Known): void {
  const keys = documents.map(({ document }) => document.sourceKey ?? '');
  expect(unique(keys)).toEqual(keys);
  expect(documents.filter(({ document }) => document.status !== 'completed')).toEqual([]);
  const sums = new Map(documents.map(({ document }) => [document.sourceKey ?? '', document.contentSha256]));
  expect(keys.filter((key) => !known.has(key))).toEqual([]);
  for (const [key, entry] of known) {
    const sum = sums.get(key);
    const version = [entry.done, entry.begun].find((one) => (one === 0 ? sum === undefined : sum === sumOf(textOf(key, one))));
    expect(version, `${key} is neither in version ${entry.done} nor in ${entry.begun}`).toBeDefined();
    entry.done = entry.begun = version ?? 0;
  }
}

/** Every passage is there once, and all of a document's are of the same version. */
async function checkPassages(gateway: Gateway, documents: readonly CollectionDocument[], known: Known): Promise<void> {
  const all: string[] = [];
  for (const { document } of documents) {
    const texts = await gateway.collections.documentText(KILL_COLLECTION, document.fileId);
    const key = document.sourceKey ?? '';
    expect(texts.join('\n\n')).toBe(textOf(key, known.get(key)?.done ?? 0));
    all.push(...texts);
  }
  expect(unique(all)).toHaveLength(all.length);
  const { chunks, collection } = await gateway.collections.get(KILL_COLLECTION);
  expect([chunks, collection.building]).toEqual([all.length, undefined]);
}

/** The indexes hold what the database does: a word of one version of one file finds that file alone, and no word finds what is gone. */
async function checkSearch(gateway: Gateway, documents: readonly CollectionDocument[], known: Known): Promise<void> {
  const filesOf = async (query: string): Promise<readonly string[]> => {
    const { hits } = await gateway.collections.search(KILL_COLLECTION, { query, mode: 'text', fuzzy: false, k: 10 });
    return unique(hits.map(({ fileId }) => fileId));
  };
  const fileOf = new Map(documents.map(({ document }) => [document.sourceKey, document.fileId]));
  for (const [key, { done }] of [...known].slice(-60).filter((_, index) => index % 6 === 0)) {
    const file = fileOf.get(key);
    expect(await filesOf(onlyWord(key, Math.max(done, 1)))).toEqual(file === undefined ? [] : [file]);
    if (done > 1) expect(await filesOf(onlyWord(key, done - 1))).toEqual([]);
  }
}

/** Bytes are there for every row and for nothing else; a file whose place another took is gone. */
async function checkFiles(gateway: Gateway, documents: readonly CollectionDocument[], known: Known): Promise<void> {
  const { items: files } = await gateway.files.list({ limit: 100_000, order: 'asc' });
  expect(readdirSync(join(home, 'files')).sort()).toEqual(files.map(({ id }) => id).sort());
  const ordered = new Set<string>();
  for (const { id, kind } of gateway.jobs.list()) {
    for (const { source } of kind === 'ingest' ? await gateway.collections.jobItems(id, { limit: 1000 }) : []) {
      const { fileId, key } = JSON.parse(source) as { fileId: string; key: string };
      // The file of a deleted document stays its owner's.
      if (known.get(key)?.done !== 0) ordered.add(fileId);
    }
  }
  const indexed = new Set(documents.map(({ document }) => document.fileId));
  expect(files.filter(({ id }) => ordered.has(id) && !indexed.has(id))).toEqual([]);
}

it(`a gateway that is killed ${ROUNDS} times in the middle of its ingests ends them all, and nothing is lost or there twice`, {
  timeout: 30_000 + ROUNDS * 10_000,
}, async () => {
  const known: Known = new Map();
  for (let round = 0; round < ROUNDS; round++) {
    const also = KINDS[round % KINDS.length] ?? 'nothing';
    expect(await runAndKill({ home, testing: TESTING, also, round }, known)).toBe('SIGKILL');
    const gateway = await createTestGateway({ home });
    try {
      await gateway.resumeJobs();
      await allEnded(gateway);
      const documents = await everything(gateway);
      checkVersions(documents, known);
      await checkPassages(gateway, documents, known);
      expect(await gateway.collections.verify(KILL_COLLECTION)).toMatchObject({ sound: true, problems: [] });
      await checkSearch(gateway, documents, known);
      await checkFiles(gateway, documents, known);
    } finally {
      await gateway.close();
    }
  }
});
