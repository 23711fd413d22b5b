import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { LocalLiteError } from '../errors.ts';
import { SourceFailure } from './sources/failure.ts';
import type { ExpectedContent } from './sources/source.ts';

/** A file's measured content; `sha256` in lower-case hex. */
export interface MeasuredContent {
  readonly bytes: number;
  readonly sha256: string;
}

interface Check {
  readonly hash: Hash;
  readonly encoding: 'hex' | 'base64';
  readonly expected: string;
  readonly name: string;
}

/** SRI algorithms that count as proof, strongest first (https://www.w3.org/TR/SRI/). */
const SRI_ALGORITHMS = ['sha512', 'sha384', 'sha256'] as const;

/** The strongest usable hash of an SRI string; undefined where it holds only weaker ones (sha1, md5). */
export function strongestIntegrity(integrity: string): { algorithm: string; digest: string } | undefined {
  const parts = integrity.trim().split(/\s+/);
  for (const algorithm of SRI_ALGORITHMS) {
    const part = parts.find((candidate) => candidate.startsWith(`${algorithm}-`));
    if (part !== undefined) return { algorithm, digest: part.slice(algorithm.length + 1).replace(/\?.*$/, '') };
  }
  return undefined;
}

function checksOf(expected: ExpectedContent, bytes: number): Check[] {
  const checks: Check[] = [];
  if (expected.gitSha1 !== undefined) {
    const hash = createHash('sha1').update(`blob ${bytes}\0`);
    checks.push({ hash, encoding: 'hex', expected: expected.gitSha1, name: 'git object id' });
  }
  const integrity = expected.integrity === undefined ? undefined : strongestIntegrity(expected.integrity);
  if (integrity !== undefined) {
    checks.push({ hash: createHash(integrity.algorithm), encoding: 'base64', expected: integrity.digest, name: integrity.algorithm });
  }
  return checks;
}

/**
 * Reads a whole file once and compares it with everything that was promised of it.
 * @throws SourceFailure corrupt, naming `label` and what differs; LocalLiteError cancelled
 */
export async function checkContent(path: string, expected: ExpectedContent, label: string, signal: AbortSignal): Promise<MeasuredContent> {
  const { size } = await stat(path);
  if (expected.bytes !== undefined && expected.bytes !== size) {
    throw new SourceFailure('corrupt', `${label} has ${size} bytes instead of ${expected.bytes}`);
  }
  const sha256 = createHash('sha256');
  const checks = checksOf(expected, size);
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    if (signal.aborted) throw new LocalLiteError('cancelled', 'the pull was cancelled');
    sha256.update(chunk);
    for (const check of checks) check.hash.update(chunk);
  }
  const measured = { bytes: size, sha256: sha256.digest('hex') };
  if (expected.sha256 !== undefined && expected.sha256 !== measured.sha256) {
    throw new SourceFailure('corrupt', `${label} has sha256 ${measured.sha256} instead of ${expected.sha256}`);
  }
  for (const check of checks) {
    const digest = check.hash.digest(check.encoding);
    if (digest !== check.expected) throw new SourceFailure('corrupt', `${label} has ${check.name} ${digest} instead of ${check.expected}`);
  }
  return measured;
}

/** True where a finished file can be told from a wrong one. */
export function isProvable(expected: ExpectedContent): boolean {
  const integrity = expected.integrity !== undefined && strongestIntegrity(expected.integrity) !== undefined;
  return expected.sha256 !== undefined || expected.gitSha1 !== undefined || integrity;
}
