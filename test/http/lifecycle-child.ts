import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '../..');
const BANNER = "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);";

/** A child process whose output can be read. */
export type Child = ChildProcess & { readonly stdout: Readable; readonly stderr: Readable };

/** Bundles a small program (imports start at the repository's root) into `folder` and runs it, on versions of Node without TypeScript too. */
export async function startChild(folder: string, source: string): Promise<Child> {
  const outfile = join(folder, `child-${Math.random().toString(36).slice(2)}.mjs`);
  await build({
    stdin: { contents: source, resolveDir: ROOT, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: BANNER },
    logLevel: 'silent',
  });
  return spawn(process.execPath, [outfile], { stdio: ['ignore', 'pipe', 'pipe'] });
}
