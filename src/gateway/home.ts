import { randomBytes } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lock } from 'proper-lockfile';
import { z } from 'zod';
import { LocalLiteError } from '../errors.ts';
import { privateFolder, readIfThere, systemCode, writePrivateFile } from './private-file.ts';

/** The right to write to HOME. One process holds it at a time: a serving gateway, or a command that changes something by itself. */
export interface HomeLease {
  readonly home: string;
  /** Admin token of this run: 256 random bits, told to the commands of the same user by {@link HomeLease.publish}. */
  readonly token: string;
  /** Aborts when another process took HOME over, e.g. after this machine slept: stop writing at once. */
  readonly lost: AbortSignal;
  /** Writes run/gateway.json, so that commands find this gateway. `url` is where it answers on this machine. */
  publish(url: string): Promise<void>;
  /** Takes run/gateway.json away and gives HOME back. Safe to call twice. */
  release(): Promise<void>;
}

/** A gateway that runs and answers. */
export interface RunningGateway {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly started: string;
}

/** How long to wait for another owner to finish. */
export interface ClaimOptions {
  /** Milliseconds (default 0: refuse at once). A lock that a crash left behind is waited out in any case, for about 3 s. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal;
}

const gatewaySchema = z.object({ pid: z.int().positive(), url: z.url(), started: z.string(), token: z.string().min(32) });
const ownerSchema = z.object({ pid: z.int().positive(), host: z.string(), started: z.string() });
type Owner = z.infer<typeof ownerSchema>;

const UPDATE_MS = 1000;
/** After this long without a sign of life a lock counts as left behind, whoever held it. */
const STALE_MS = 10_000;
/** The same when the process that held it is known to be gone (the shortest that the lock knows). */
const STALE_DEAD_MS = 2000;
const RETRY_MS = 200;
const PROBE_MS = 1500;

const held = new Set<string>();

const pathsOf = (home: string) => ({
  run: join(home, 'run'),
  lock: join(home, 'run', 'home.lock'),
  owner: join(home, 'run', 'owner.json'),
  gateway: join(home, 'run', 'gateway.json'),
});

/**
 * Claims HOME for this process. A lock left behind by a crash is taken over.
 * @throws LocalLiteError conflict, naming the process that holds it; cancelled.
 */
export async function claimHome(home: string, options: ClaimOptions = {}): Promise<HomeLease> {
  const root = resolve(home);
  const paths = pathsOf(root);
  await privateFolder(paths.run);
  const lost = new AbortController();
  const unlock = await takeLock(root, options, () => lost.abort(new LocalLiteError('conflict', `another process took ${root} over`)));
  held.add(root);
  const started = new Date().toISOString();
  const token = randomBytes(32).toString('base64url');
  const release = once(async () => {
    held.delete(root);
    // Once the lock is lost, these files are the new owner's.
    if (lost.signal.aborted) return;
    await Promise.all([rm(paths.gateway, { force: true }), rm(paths.owner, { force: true })]);
    await unlock();
  });
  try {
    await writePrivateFile(paths.owner, json({ pid: process.pid, host: hostname(), started }));
    await rm(paths.gateway, { force: true });
  } catch (error) {
    await release();
    throw error;
  }
  const publish = (url: string) => writePrivateFile(paths.gateway, json({ pid: process.pid, url, started, token }));
  return { home: root, token, lost: lost.signal, publish, release };
}

/**
 * The gateway that serves HOME, if its process lives and its `/healthz` answers within 1.5 s; undefined otherwise.
 * What a crash left behind, or a file that is not ours, counts as no gateway.
 */
export async function findGateway(home: string): Promise<RunningGateway | undefined> {
  const text = await readIfThere(pathsOf(resolve(home)).gateway);
  const parsed = gatewaySchema.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const { pid, url, token, started } = parsed.data;
  if (!processLives(pid) || !(await answers(url))) return undefined;
  return { pid, url, token, started };
}

async function takeLock(home: string, options: ClaimOptions, onLost: () => void): Promise<() => Promise<void>> {
  const paths = pathsOf(home);
  const deadline = Date.now() + (options.waitMs ?? 0);
  const deadlineAfterCrash = Math.max(deadline, Date.now() + STALE_DEAD_MS + UPDATE_MS);
  for (;;) {
    const owner = await readOwner(home);
    const gone = owner !== undefined && isGone(home, owner);
    try {
      const stale = gone ? STALE_DEAD_MS : STALE_MS;
      const unlock = await lock(home, { lockfilePath: paths.lock, realpath: false, stale, update: UPDATE_MS, onCompromised: onLost });
      return () => unlock().catch(() => undefined);
    } catch (error) {
      if (systemCode(error) !== 'ELOCKED') throw LocalLiteError.from(error);
      const starting = owner === undefined && (await isYoung(paths.lock));
      if (Date.now() >= (gone || starting ? deadlineAfterCrash : deadline)) throw inUse(home, owner);
    }
    await pause(options.signal);
  }
}

/** A process makes the lock first and then writes who it is: for that moment, the owner is not known. */
async function isYoung(path: string): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info === undefined || info.mtimeMs > Date.now() - STALE_DEAD_MS;
}

async function pause(signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(RETRY_MS, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw LocalLiteError.from(error);
  }
}

async function readOwner(home: string): Promise<Owner | undefined> {
  const parsed = ownerSchema.safeParse(parseJson(await readIfThere(pathsOf(home).owner)));
  return parsed.success ? parsed.data : undefined;
}

/** True when the owner surely ended. Of another machine (or container) that shares the folder nothing is known. */
function isGone(home: string, owner: Owner): boolean {
  if (owner.host !== hostname()) return false;
  // In a container every run has the same process id: then it is ours, and whether we hold HOME we know.
  return owner.pid === process.pid ? !held.has(home) : !processLives(owner.pid);
}

function inUse(home: string, owner: Owner | undefined): LocalLiteError {
  const who = owner === undefined ? 'another LocalLite process' : `process ${owner.pid} on ${owner.host}, started ${owner.started}`;
  return new LocalLiteError(
    'conflict',
    `${home} is in use by ${who}. Stop it, let the command talk to it over HTTP, or choose another folder with the setting \`home\` (LOCALLITE_HOME, --home). After a crash, try again in ${STALE_MS / 1000} seconds.`,
    { retryAfterSeconds: STALE_MS / 1000 },
  );
}

function processLives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === 'EPERM';
  }
}

/** Asks `/healthz`. No secret is sent, so a certificate that nobody vouches for is no reason to refuse. */
function answers(url: string): Promise<boolean> {
  const target = new URL('/healthz', url);
  return new Promise((done) => {
    const settings = { timeout: PROBE_MS, signal: AbortSignal.timeout(PROBE_MS), agent: false, rejectUnauthorized: false } as const;
    const request = (target.protocol === 'https:' ? httpsRequest : httpRequest)(target, settings, (response) => {
      response.resume();
      response.once('error', () => undefined);
      done(response.statusCode === 200);
    });
    request.once('timeout', () => request.destroy());
    request.on('error', () => done(false));
    request.end();
  });
}

function json(value: object): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function once(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= work();
    return running;
  };
}
