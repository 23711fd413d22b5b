import { createHash } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import { openArchive } from './archive.ts';
import type { ModelCard, ModelFile, ModelSource, ModelVariant } from './card.ts';
import { checkContent, type MeasuredContent } from './content.ts';
import { copyDurably, ensureFolder, fileSize, linkOrCopy, requireSpace, tryLink } from './disk.ts';
import { type DownloadPolicy, download } from './download.ts';
import { blobPath, type StagedFile, type StagedModel, type StoreContext } from './install.ts';
import { dropPartial } from './journal.ts';
import { folderOf } from './layout.ts';
import { installedPath, isOptional } from './model-files.ts';
import type { ProgressMeter } from './progress.ts';
import { formatReference, parseReference } from './reference.ts';
import { SourceFailure } from './sources/failure.ts';
import type { HttpClient } from './sources/http-client.ts';
import type { ExpectedContent, LocalFile, RemoteFile, SourcePlan } from './sources/source.ts';

/** One pull while it runs. */
export interface PullContext extends StoreContext {
  readonly policy: DownloadPolicy;
  readonly meter: ProgressMeter;
  readonly signal: AbortSignal;
}

/** A variant and the source it is now taken from. */
export interface Candidate {
  readonly card: ModelCard;
  readonly variant: ModelVariant;
  readonly source: ModelSource;
}

type FilesPlan = Extract<SourcePlan, { kind: 'files' }>;
type ArchivePlan = Extract<SourcePlan, { kind: 'archive' }>;
type FolderPlan = Extract<SourcePlan, { kind: 'folder' }>;

/** Folder for the unfinished files of a model. */
export function partialFolder(context: StoreContext, id: string): string {
  return join(context.layout.partial, folderOf(id));
}

/** A file keeps its partial copy across sources when its content is known, and across tries in any case. */
function partialPath(context: StoreContext, id: string, identity: string): string {
  return join(partialFolder(context, id), createHash('sha256').update(identity).digest('hex').slice(0, 32));
}

/**
 * Brings every file of a candidate to this machine and checks it. Nothing counts as installed yet.
 * @throws SourceFailure, LocalLiteError cancelled, disk_full
 */
export async function fetchVariant(context: PullContext, candidate: Candidate, plan: SourcePlan): Promise<StagedModel> {
  const { card, variant, source } = candidate;
  await ensureFolder(partialFolder(context, card.id));
  const exact = exactReference(source.ref, plan.revision);
  if (plan.kind === 'folder') return { card, variant, source: exact, ...(await fromFolder(context, candidate, plan)) };
  const files = plan.kind === 'archive' ? await fromArchive(context, candidate, plan) : await fromFiles(context, candidate, plan);
  return { card, variant, source: exact, files };
}

/** The reference with the revision that was really taken, so that a branch's name is pinned to a commit. */
function exactReference(ref: string, revision: string | undefined): string {
  const reference = parseReference(ref);
  const versioned = reference.source === 'hub' || reference.source === 'npm' || reference.source === 'pypi';
  return versioned && revision !== undefined ? formatReference({ ...reference, revision }) : ref;
}

/** The expectations of a card and of a source, together; both must hold. */
function merged(file: ModelFile, remote: ExpectedContent): ExpectedContent {
  if (file.sha256 !== undefined && remote.sha256 !== undefined && file.sha256 !== remote.sha256) {
    throw new SourceFailure('corrupt', `${file.path} is another file there (sha256 ${remote.sha256} instead of ${file.sha256})`);
  }
  return { ...remote, bytes: file.bytes ?? remote.bytes, sha256: file.sha256 ?? remote.sha256 };
}

async function fromFiles(context: PullContext, candidate: Candidate, plan: FilesPlan): Promise<readonly StagedFile[]> {
  const byPath = new Map(plan.files.map((file) => [file.path, file]));
  const wanted = candidate.source.files.flatMap((file) => {
    const remote = byPath.get(file.path);
    if (remote !== undefined) return [{ file, remote: { ...remote, ...merged(file, remote) } }];
    if (isOptional(file)) return [];
    throw new SourceFailure('missing', `it has no ${file.path}`);
  });
  const known = wanted.every(({ remote }) => remote.bytes !== undefined);
  const total = wanted.reduce((sum, { remote }) => sum + (remote.bytes ?? 0), 0);
  if (known) {
    context.meter.expect(total);
    await requireSpace(
      context.disk,
      context.layout.partial,
      await missingBytes(
        context,
        candidate.card.id,
        wanted.map(({ remote }) => remote),
      ),
    );
  }
  const staged: StagedFile[] = [];
  for (const { file, remote } of wanted) {
    const one = await fetchFile(context, candidate, file, remote, plan.client);
    if (one !== undefined) staged.push(one);
  }
  return staged;
}

const identityOf = (candidate: Candidate, remote: RemoteFile): string => remote.sha256 ?? `${candidate.source.ref}\n${remote.path}`;

async function missingBytes(context: PullContext, id: string, files: readonly RemoteFile[]): Promise<number> {
  let missing = 0;
  for (const file of files) {
    const partial = file.sha256 === undefined ? undefined : await allocated(partialPath(context, id, file.sha256));
    const blob = file.sha256 === undefined ? undefined : await fileSize(blobPath(context.layout, file.sha256));
    missing += Math.max(0, (file.bytes ?? 0) - (blob ?? partial ?? 0));
  }
  return missing;
}

/** Bytes a partial file takes on the disk; it may have holes while pieces are missing. */
async function allocated(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found === undefined ? undefined : Math.min(found.size, found.blocks === undefined ? found.size : found.blocks * 512);
}

async function fetchFile(
  context: PullContext,
  candidate: Candidate,
  file: ModelFile,
  remote: RemoteFile,
  client: HttpClient,
): Promise<StagedFile | undefined> {
  const target = partialPath(context, candidate.card.id, identityOf(candidate, remote));
  try {
    const measured = (await reuseBlob(context, remote, target)) ?? (await downloadChecked(context, remote, target, client));
    return { path: installedPath(file), location: target, ...measured };
  } catch (error) {
    if (SourceFailure.isFailure(error) && error.kind === 'missing' && isOptional(file)) return undefined;
    throw error;
  }
}

/** A file that another model brought already gets a second name here, so that nothing can take it away meanwhile. */
async function reuseBlob(context: PullContext, expected: ExpectedContent, target: string): Promise<MeasuredContent | undefined> {
  const { sha256 } = expected;
  if (sha256 === undefined) return undefined;
  const blob = blobPath(context.layout, sha256);
  const bytes = await fileSize(blob);
  if (bytes === undefined || (expected.bytes !== undefined && bytes !== expected.bytes)) return undefined;
  await dropPartial(target);
  await linkOrCopy(blob, target);
  try {
    // What lay on the disk for months is read again before it is trusted: a damaged blob must not spoil a fresh pull.
    await checkContent(target, { sha256 }, blob, context.signal);
  } catch (error) {
    await dropPartial(target);
    if (!SourceFailure.isFailure(error)) throw error;
    await rm(blob, { force: true });
    context.telemetry.log.warn('store_blob_damaged', { sha256 });
    return undefined;
  }
  context.meter.resumed(bytes);
  return { bytes, sha256 };
}

/** Fetches and checks. A wrong content is thrown away and, if parts of it were from an earlier try, fetched once more from the start. */
async function downloadChecked(context: PullContext, file: RemoteFile, target: string, client: HttpClient): Promise<MeasuredContent> {
  for (let attempt = 0; ; attempt += 1) {
    let resumed = 0;
    let moved = 0;
    context.meter.phase('downloading', file.path);
    await download({
      client,
      file,
      target,
      // Once bytes have come, a lost network is waited for; before that, the next source is tried soon.
      policy: { ...context.policy, retryUnreachable: context.meter.current.bytesDone > 0 },
      disk: context.disk,
      signal: context.signal,
      onReceived: (bytes) => {
        moved += bytes;
        context.meter.received(bytes);
        context.telemetry.count('locallite_download_bytes_total', bytes);
      },
      onResumed: (bytes) => {
        resumed += bytes;
        context.meter.resumed(bytes);
      },
      onLength: (bytes) => requireSpace(context.disk, context.layout.partial, bytes - resumed),
    });
    context.meter.phase('verifying', file.path);
    try {
      return await checkContent(target, file, file.path, context.signal);
    } catch (error) {
      if (!SourceFailure.isFailure(error)) throw error;
      await dropPartial(target);
      if (resumed <= 0 || attempt > 0) throw error;
      context.meter.resumed(-(resumed + moved));
    }
  }
}

/** npm's tarballs keep everything below `package/`, which a card may or may not write. */
const archivePath = (path: string, format: 'tar' | 'zip'): string => (format === 'tar' ? path.replace(/^package\//, '') : path);

async function fromArchive(context: PullContext, candidate: Candidate, plan: ArchivePlan): Promise<readonly StagedFile[]> {
  const { card, source } = candidate;
  const reused = await reuseAll(context, candidate);
  if (reused !== undefined) return reused;
  const archive = await fetchArchive(context, card.id, plan);
  const targets = source.files.map((file) => ({ file, target: partialPath(context, card.id, `${source.ref}\n${file.path}\nunpacked`) }));
  const byPath = new Map(targets.map(({ file, target }) => [archivePath(file.path, plan.format), target]));
  await requireSpace(
    context.disk,
    context.layout.partial,
    source.files.reduce((sum, file) => sum + (file.bytes ?? 0), 0),
  );
  context.meter.phase('installing', undefined);
  const found = await openArchive(archive, plan.format, context.disk).extract(byPath, context.signal);
  const staged: StagedFile[] = [];
  for (const { file, target } of targets) {
    if (!found.has(archivePath(file.path, plan.format))) {
      if (isOptional(file)) continue;
      throw new SourceFailure('missing', `the package has no ${file.path}`);
    }
    const measured = await checkContent(target, file, file.path, context.signal);
    staged.push({ path: installedPath(file), location: target, ...measured });
  }
  return staged;
}

async function reuseAll(context: PullContext, { card, source }: Candidate): Promise<readonly StagedFile[] | undefined> {
  for (const file of source.files) {
    const size = file.sha256 === undefined ? undefined : await fileSize(blobPath(context.layout, file.sha256));
    if (size === undefined || (file.bytes !== undefined && size !== file.bytes)) return undefined;
  }
  const staged: StagedFile[] = [];
  for (const file of source.files) {
    const target = partialPath(context, card.id, `${source.ref}\n${file.path}\nunpacked`);
    const measured = await reuseBlob(context, file, target);
    if (measured === undefined) return undefined;
    staged.push({ path: installedPath(file), location: target, ...measured });
  }
  return staged;
}

/** Brings a package's archive here and checks it; an earlier, finished one is used again. */
export async function fetchArchive(context: PullContext, id: string, plan: ArchivePlan): Promise<string> {
  const { archive, client } = plan;
  await ensureFolder(partialFolder(context, id));
  const target = partialPath(context, id, archive.integrity ?? archive.sha256 ?? archive.url);
  if (archive.bytes !== undefined) context.meter.expect(archive.bytes);
  await downloadChecked(context, archive, target, client);
  return target;
}

async function fromFolder(context: PullContext, candidate: Candidate, plan: FolderPlan): Promise<Pick<StagedModel, 'files' | 'directory'>> {
  const byPath = new Map(plan.files.map((file) => [file.path, file]));
  const found: { file: ModelFile; local: LocalFile; measured: MeasuredContent }[] = [];
  for (const file of candidate.source.files) {
    const local = byPath.get(file.path);
    if (local === undefined) {
      if (isOptional(file)) continue;
      throw new SourceFailure('missing', `${plan.directory} has no ${file.path}`);
    }
    context.meter.phase('verifying', file.path);
    found.push({ file, local, measured: await checkContent(local.location, merged(file, local), file.path, context.signal) });
  }
  const asIs = found.every(({ file }) => installedPath(file) === file.path);
  if (asIs)
    return {
      directory: plan.directory,
      files: found.map(({ file, local, measured }) => ({ path: file.path, location: local.location, ...measured })),
    };
  return { files: await imported(context, candidate, found, plan.immutable) };
}

/** Files that must lie under other names than their owner's are linked where that is safe, and copied otherwise. */
async function imported(
  context: PullContext,
  { card, source }: Candidate,
  found: readonly { file: ModelFile; local: LocalFile; measured: MeasuredContent }[],
  immutable: boolean,
): Promise<readonly StagedFile[]> {
  const staged: StagedFile[] = [];
  for (const { file, local, measured } of found) {
    if (context.signal.aborted) throw new LocalLiteError('cancelled', 'the pull was cancelled');
    const target = partialPath(context, card.id, `${source.ref}\n${file.path}\nimported`);
    await dropPartial(target);
    if (!immutable || !(await tryLink(local.location, target))) {
      await requireSpace(context.disk, context.layout.partial, measured.bytes);
      await copyDurably(local.location, target);
    }
    staged.push({ path: installedPath(file), location: target, ...measured });
  }
  return staged;
}

/** Removes what a finished pull no longer needs (its archive, journals). */
export async function dropPartials(context: StoreContext, id: string): Promise<void> {
  await rm(partialFolder(context, id), { recursive: true, force: true });
}
