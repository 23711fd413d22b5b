// Adds to package-lock.json the optional packages of other systems that the registry in use does not carry. Without them `npm ci` refuses
// the lockfile. What is added has a version and a system, but no integrity, because nobody here has seen the file.
// usage: node scripts/complete-lockfile.mjs [--check]    (--check: only say what is missing, and fail if something is)
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PATH = join(dirname(dirname(fileURLToPath(import.meta.url))), 'package-lock.json');
const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const PROCESSORS = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];

const lock = JSON.parse(readFileSync(PATH, 'utf8'));
const missing = Object.entries(lock.packages).flatMap(([parent, entry]) =>
  Object.entries(entry.optionalDependencies ?? {})
    .filter(([name]) => !resolves(parent, name))
    .map(([name, version]) => [`node_modules/${name}`, describe(name, version, entry)]),
);

if (process.argv.includes('--check')) {
  for (const [path] of missing) console.error(`package-lock.json lacks ${path}`);
  process.exitCode = missing.length === 0 ? 0 : 1;
} else if (missing.length > 0) {
  const [root, ...rest] = Object.entries(lock.packages);
  lock.packages = Object.fromEntries([root, ...[...rest, ...missing].sort(([a], [b]) => a.localeCompare(b, 'en'))]);
  writeFileSync(PATH, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`added ${missing.length} packages of other systems`);
}

/** Node's look-up: beside the parent, then further out. */
function resolves(parent, name) {
  for (let folder = parent; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    if (lock.packages[`${folder === '' ? '' : `${folder}/`}node_modules/${name}`] !== undefined) return true;
    if (folder === '') return false;
  }
}

/** The system stands in the name by convention, e.g. `binding-linux-arm64-musl`. */
function describe(name, range, parent) {
  const words = name.split(/[/-]/);
  const os = SYSTEMS.filter((system) => words.includes(system));
  const cpu = PROCESSORS.filter((processor) => words.includes(processor));
  if (os.length !== 1 || cpu.length !== 1 || !/^\d/.test(range)) throw new Error(`${name}@${range}: cannot tell for which system it is`);
  const libc = words.some((word) => word.startsWith('musl'))
    ? { libc: ['musl'] }
    : words.some((word) => word.startsWith('gnu'))
      ? { libc: ['glibc'] }
      : {};
  return { version: range, cpu, ...(parent.dev === true && { dev: true }), optional: true, os, ...libc };
}
