import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { Gateway } from '../../src/gateway/gateway-types.ts';

type Testing = typeof import('../../src/testing/index.ts');

/** What the child is told. */
export interface IngestJob {
  readonly home: string;
  /** The built `testing.js`. */
  readonly testing: string;
  /** What goes on beside the first ingest: nothing, replacing files under their keys, deleting documents, or re-indexing. */
  readonly also: 'nothing' | 'replace' | 'delete' | 'reindex';
  /** Names the keys and the words of this child, so that no two children share any. */
  readonly round: number;
}

/** One line: what is about to be done to the source of a key, or what was acknowledged. Version 0 = it is gone. */
export interface IngestLine {
  readonly step: 'begin' | 'done';
  readonly key: string;
  readonly version: number;
}

/** Files of one child, and of one of its orders. */
const FILES = 60;
const BATCH = 15;

/** The collection of all children. */
export const KILL_COLLECTION = 'killed';

/** A word that stands in this version of this source and nowhere else. */
export function onlyWord(key: string, version: number): string {
  return `only${key.replace(/\W/g, 'x')}v${version}`;
}

/** Two passages or more, none of which is in another version or file. */
export function textOf(key: string, version: number): string {
  const paragraph = (part: number): string =>
    `${onlyWord(key, version)} part${part} ${Array.from({ length: 30 }, (_, index) => `w${(part * 31 + index * 7 + version) % 1000}`).join(' ')}.`;
  return [1, 2, 3].map(paragraph).join('\n\n');
}

const say = (step: IngestLine['step'], key: string, version: number): void =>
  void writeSync(1, `${JSON.stringify({ step, key, version } satisfies IngestLine)}\n`);

async function main({ home, testing, also, round }: IngestJob): Promise<void> {
  const { createTestGateway } = (await import(pathToFileURL(testing).href)) as Testing;
  const gateway = await createTestGateway({ home });
  await gateway.resumeJobs();
  await gateway.collections.get(KILL_COLLECTION).catch(() => gateway.collections.create({ name: KILL_COLLECTION }));
  const keys = Array.from({ length: FILES }, (_, index) => `${round}/${index}.txt`);
  const jobs: string[] = [];
  for (let first = 0; first < FILES; first += BATCH) jobs.push(await order(gateway, keys.slice(first, first + BATCH), 1));
  if (also === 'reindex') await reindexForEver(gateway);
  for (const job of jobs) await ended(gateway, job);
  if (also === 'replace') for (let version = 2; ; version++) await ended(gateway, await order(gateway, keys, version));
  if (also === 'delete') await deleteAll(gateway, keys);
  // To be killed is all that is left.
  setInterval(() => undefined, 1000);
}

/** Uploads and orders; acknowledged when the job is in the database. */
async function order(gateway: Gateway, keys: readonly string[], version: number): Promise<string> {
  const sources = [];
  for (const key of keys) {
    const { id } = await gateway.files.add({ name: 'part.txt', bytes: Buffer.from(textOf(key, version)) });
    sources.push({ kind: 'file' as const, fileId: id, key });
  }
  for (const key of keys) say('begin', key, version);
  const { id } = await gateway.collections.ingest({ collection: KILL_COLLECTION, sources });
  for (const key of keys) say('done', key, version);
  return id;
}

async function ended(gateway: Gateway, id: string): Promise<void> {
  for await (const { state } of gateway.jobs.watch(id)) if (state === 'failed' || state === 'cancelled') process.exit(3);
}

async function deleteAll(gateway: Gateway, keys: readonly string[]): Promise<void> {
  const { items } = await gateway.collections.documents(KILL_COLLECTION, { limit: 10_000, order: 'asc' });
  for (const { document } of items) {
    const key = document.sourceKey ?? '';
    if (!keys.includes(key)) continue;
    say('begin', key, 0);
    await gateway.collections.removeDocument(KILL_COLLECTION, document.fileId);
    say('done', key, 0);
  }
}

async function reindexForEver(gateway: Gateway): Promise<never> {
  for (let turn = 0; ; turn++) {
    // The same settings as before would leave nothing to do.
    const { id } = await gateway.collections.reindex(KILL_COLLECTION, { chunker: { maxTokens: 40 + (turn % 10) } });
    await ended(gateway, id);
  }
}

const told = process.argv[2];
if (told?.startsWith('{') === true) await main(JSON.parse(told) as IngestJob);
