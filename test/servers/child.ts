import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import type { MakeJob } from './make-child.ts';
import type { PullJob } from './pull-child.ts';

/** A built copy of the child that pulls, or that makes a variant; remove it when done. */
export function buildPullChild(name: 'pull-child' | 'make-child' = 'pull-child'): ReturnType<typeof buildChild> {
  return buildChild(name);
}

/** A built copy of a program of this folder, beside the installed packages it needs; remove it when done. */
export async function buildChild(name: string): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const folder = join(import.meta.dirname, '../../node_modules/.cache/locallite-tests');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name}-${process.pid}-${Date.now()}.mjs`);
  await build({
    entryPoints: [join(import.meta.dirname, `${name}.ts`)],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile: path,
  });
  return { path, remove: () => rm(path, { force: true }) };
}

export interface ChildLine {
  readonly phase?: string;
  readonly bytesDone?: number;
  readonly installed?: string;
  readonly failed?: string;
  readonly message?: string;
  readonly attempts?: number;
}

/** Runs the child; `onLine` sees each line as it comes. Resolves with all lines when the process is gone. */
export function runPullChild(
  path: string,
  job: PullJob | MakeJob,
  onLine: (line: ChildLine, child: ChildProcess) => void = () => undefined,
): { child: ChildProcess; lines: Promise<readonly ChildLine[]> } {
  const child = spawn(process.execPath, [path, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines: ChildLine[] = [];
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line: ChildLine = JSON.parse(text);
    lines.push(line);
    onLine(line, child);
  });
  return { child, lines: new Promise((resolve) => child.once('close', () => resolve(lines))) };
}
