import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import { Option } from 'commander';
import { LocalLiteError } from '../../errors.ts';
import type { JobObject, LocalLite } from '../../sdk/index.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { filesBelow, type LocalFile, sumOfFile } from '../ingest-files.ts';
import { note, print, printJson } from '../io.ts';
import { followJob } from '../job-progress.ts';
import { words } from '../options.ts';

interface IngestCommandOptions {
  readonly collection: string;
  readonly model?: string;
  readonly force?: boolean;
}

/** Files of one job: few enough that an interrupted run loses little, enough that the embedder is never idle. */
const BATCH = 100;

interface Counts {
  files: number;
  unchanged: number;
  ingested: number;
  failed: number;
  chunks: number;
  /** `source: why`. */
  readonly failures: string[];
}

export const ingest: CommandDefinition<IngestCommandOptions> = {
  arguments: [['<path...>', 'files, folders with all that is in them, or addresses (https://…)']],
  options: [
    new Option('-c, --collection <name>', 'collection to put them in; made if it is not there').default('default'),
    new Option('-m, --model <name>', 'embedding model of a new collection (default: the setting default_models.embed)'),
    new Option('-f, --force', 'ingest also what has not changed'),
  ],
  details:
    'Reads documents, cuts them into passages and embeds these. A file that is there already with the same content is skipped, one that changed takes the place of the old; what cannot be read is named at the end, and the rest goes on. Addresses are fetched by the gateway, and by nothing unless they are named. Hidden files and folders of packages are left out.',
  examples: [
    { command: 'locallite ingest ~/notes --collection notes', does: 'A folder' },
    { command: 'locallite ingest report.html https://example.com/page -c work', does: 'A file and a page' },
  ],
  run: (invocation) => useBackend(invocation, 'write', ({ client }) => ingestAll(client, invocation)),
};

async function ingestAll(client: LocalLite, invocation: Invocation<IngestCommandOptions>): Promise<number> {
  const { args, options, io, json } = invocation;
  const sources = words(args[0]);
  const urls = sources.filter((source) => /^https?:\/\//i.test(source));
  const paths = sources.filter((source) => !urls.includes(source));
  await openCollection(client, options, io.signal);
  const counts: Counts = { files: 0, unchanged: 0, ingested: 0, failed: 0, chunks: 0, failures: [] };
  for await (const batch of changedFiles(client, paths, invocation, counts)) await ingestBatch(client, batch, invocation, counts);
  if (urls.length > 0) {
    counts.files += urls.length;
    const { id } = await client.collections.ingest(options.collection, { urls }, { signal: io.signal });
    count(await follow(client, id, invocation), counts);
  }
  if (json) await printJson(io, { object: 'ingest', collection: options.collection, ...counts });
  else await print(io, summary(options.collection, counts));
  for (const failure of counts.failures) await note(io, failure);
  return counts.failed > 0 ? 1 : 0;
}

async function openCollection(client: LocalLite, { collection, model }: IngestCommandOptions, signal: AbortSignal): Promise<void> {
  try {
    await client.collections.retrieve(collection, { signal });
  } catch (error) {
    if (!LocalLiteError.is(error) || error.code !== 'not_found') throw error;
    await client.collections.create({ name: collection, ...(model !== undefined && { model }) }, { signal });
  }
}

/** Files whose content is not in the collection yet, some at a time. */
async function* changedFiles(
  client: LocalLite,
  paths: readonly string[],
  { options, io }: Invocation<IngestCommandOptions>,
  counts: Counts,
): AsyncGenerator<readonly LocalFile[]> {
  const known = new Map<string, string | null>();
  for await (const { locallite, status } of client.collections.files(options.collection, { signal: io.signal })) {
    if (locallite.key !== null && status === 'completed') known.set(locallite.key, locallite.sha256);
  }
  let batch: LocalFile[] = [];
  for await (const file of filesBelow(paths, io.folder)) {
    io.signal.throwIfAborted();
    counts.files++;
    if (options.force !== true && known.has(file.path) && known.get(file.path) === (await sumOfFile(file.path))) {
      counts.unchanged++;
      continue;
    }
    batch.push(file);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function ingestBatch(
  client: LocalLite,
  batch: readonly LocalFile[],
  invocation: Invocation<IngestCommandOptions>,
  counts: Counts,
): Promise<void> {
  const { options, io } = invocation;
  const files: { file_id: string; key: string }[] = [];
  for (const { path } of batch) {
    const { id } = await client.files.create(await openAsBlob(path), { name: basename(path), signal: io.signal });
    files.push({ file_id: id, key: path });
  }
  const { id } = await client.collections.addFiles(options.collection, files, { signal: io.signal });
  count(await follow(client, id, invocation), counts);
}

async function follow(client: LocalLite, id: string, { io }: Invocation<IngestCommandOptions>): Promise<JobObject | undefined> {
  const job = await followJob(client.jobs.watch(id, { signal: io.signal }), { client, io, json: false });
  if (job?.state === 'failed') throw new LocalLiteError('internal', job.error?.message ?? 'the ingest failed');
  return job;
}

function count(job: JobObject | undefined, counts: Counts): void {
  const { done = 0, unchanged = 0, failed = 0, chunks = 0 } = (job?.result ?? {}) as Partial<Record<string, number>>;
  counts.ingested += done;
  counts.unchanged += unchanged;
  counts.failed += failed;
  counts.chunks += chunks;
  const failures = (job?.result?.['failures'] ?? []) as readonly { readonly source: string; readonly message: string }[];
  counts.failures.push(...failures.map(({ source, message }) => `${source}: ${message}`));
}

function summary(collection: string, { files, ingested, unchanged, failed, chunks }: Counts): string {
  const parts = [
    `${ingested} ingested (${chunks} passages)`,
    `${unchanged} unchanged`,
    ...(failed > 0 ? [`${failed} could not be read`] : []),
  ];
  return `${files} files: ${parts.join(', ')}. Ask them: locallite search "…" -c ${collection}`;
}
