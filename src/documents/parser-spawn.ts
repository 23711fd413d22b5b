import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Starts a parser process: empty environment, bounded heap, and no right but to read the program itself. `entry`: absent, the built one. */
export function spawnParser(memoryBytes: number, entry = parserEntry()): ChildProcess {
  // WebAssembly's memory and buffers stand beside the heap; the whole is looked at from outside.
  const heap = Math.max(64, Math.floor(memoryBytes / 2 ** 20));
  const args = [`--max-old-space-size=${heap}`, '--disable-proto=throw', '--no-warnings', ...permissionFlags(entry), entry];
  return spawn(process.execPath, args, { stdio: ['pipe', 'ignore', 'pipe', 'pipe'], env: {}, windowsHide: true });
}

/**
 * Node's permission model: no file is written, no program started, no thread made, and nothing read but the program and the packages it
 * loads. Native packages may load (`--allow-addons`), WebAssembly needs no permission. Connections are outside of the model: `no-network.ts`.
 */
function permissionFlags(entry: string): readonly string[] {
  const permission = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
  const folders = programFolders(entry).map((folder) => `--allow-fs-read=${join(folder, '*')}`);
  return [permission, '--allow-addons', ...folders];
}

/** The folder of the program, and each `node_modules` that its imports are looked up in. */
function programFolders(entry: string): readonly string[] {
  const program = dirname(realpathSync(entry));
  const folders = [program];
  for (let folder = program; ; folder = dirname(folder)) {
    const packages = join(folder, 'node_modules');
    if (existsSync(packages)) folders.push(packages, realpathSync(packages));
    if (dirname(folder) === folder) return [...new Set(folders)];
  }
}

/** The process's file: beside this one in the package, in `dist/` while working on the sources. */
function parserEntry(): string {
  const built = fileURLToPath(new URL('./parser.js', import.meta.url));
  return existsSync(built) ? built : fileURLToPath(new URL('../../dist/parser.js', import.meta.url));
}
