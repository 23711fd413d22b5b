// Makes a checkout ready: installs the packages that package-lock.json names and builds dist/ from src/.
// Does only what is not done yet. Plain JavaScript without packages, because it runs before there are any.
// usage: node scripts/setup.mjs [--build]    (--build: build even when nothing changed)
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const STATE = join(ROOT, '.setup');
const LOCK = join(STATE, 'lock');
const BUILT = join(STATE, 'built');
const DIST = join(ROOT, 'dist');
const MINIMUM_NODE = [20, 19];
/** Milliseconds: a slow line may need minutes to install; a lock older than this belongs to nobody. */
const LOCK_WAIT_MS = 15 * 60_000;
const SOURCES = ['src', 'tsdown.config.ts', 'tsconfig.json', 'package.json', 'package-lock.json'];

/** Installs and builds what is missing. Throws with a plain message when that cannot be done. */
export function setUp({ forceBuild = false } = {}) {
  requireNode();
  if (isInstalled() && isBuilt() && !forceBuild) return;
  mkdirSync(STATE, { recursive: true });
  const release = takeLock();
  try {
    // Another set-up may have done the work while this one waited.
    if (!isInstalled()) install();
    if (forceBuild || !isBuilt()) build();
  } finally {
    release();
  }
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > MINIMUM_NODE[0] || (major === MINIMUM_NODE[0] && minor >= MINIMUM_NODE[1])) return;
  fail(`LocalLite needs Node ${MINIMUM_NODE.join('.')} or newer; this is Node ${process.versions.node}. Get one from https://nodejs.org/`);
}

/** npm writes node_modules/.package-lock.json last, so equal entries mean a complete install, whoever ran it. */
function isInstalled() {
  const wanted = readJson(join(ROOT, 'package-lock.json'))?.packages;
  const present = readJson(join(ROOT, 'node_modules', '.package-lock.json'))?.packages;
  if (wanted === undefined || present === undefined) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = present[path];
    if (found === undefined ? !mayBeAbsent(entry) : found.version !== entry.version || !fitsMachine(found)) return false;
  }
  const { dependencies, devDependencies } = wanted[''] ?? {};
  return Object.keys({ ...dependencies, ...devDependencies }).every((name) => existsSync(join(ROOT, 'node_modules', name, 'package.json')));
}

function mayBeAbsent(entry) {
  return entry.optional === true || entry.devOptional === true || entry.peer === true;
}

/** False for a package of another system, e.g. in a node_modules that was copied from there. */
function fitsMachine({ os, cpu }) {
  const fits = (list, here) =>
    list === undefined || ((list.includes(here) || list.some((name) => name.startsWith('!'))) && !list.includes(`!${here}`));
  return fits(os, process.platform) && fits(cpu, process.arch);
}

function install() {
  say('installing packages (npm ci) …');
  // Only onnxruntime-node and esbuild have install scripts; the first would download a GPU build, the second is an optimisation.
  run(
    npm(),
    ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'],
    'npm could not install the packages: see its message above',
  );
}

function isBuilt() {
  return existsSync(join(DIST, 'cli.js')) && existsSync(binPath()) && readText(BUILT) === hashSources();
}

/** Builds beside dist/ and swaps, so that a failing build or a running gateway never meets half a dist/. */
function build() {
  const sources = hashSources();
  const fresh = join(STATE, 'dist');
  const tsdown = join(ROOT, 'node_modules', 'tsdown', 'dist', 'run.mjs');
  say('building dist/ …');
  run([process.execPath], [tsdown, '--out-dir', fresh, '--log-level', 'error'], 'the build failed: see the message above');
  chmodSync(join(fresh, 'cli.js'), 0o755);
  replaceFolder(fresh, DIST);
  linkBin();
  writeFileSync(BUILT, sources);
}

function replaceFolder(fresh, target) {
  const old = join(STATE, `old-${process.pid}`);
  try {
    if (existsSync(target)) renameSync(target, old);
    renameSync(fresh, target);
  } catch {
    // Windows refuses to rename a folder with open files, e.g. while a gateway runs from it.
    cpSync(fresh, target, { recursive: true });
    rmSync(fresh, { recursive: true, force: true });
  }
  rmSync(old, { recursive: true, force: true });
}

function binPath() {
  return join(ROOT, 'node_modules', '.bin', process.platform === 'win32' ? 'locallite.cmd' : 'locallite');
}

/** npm links the bins of dependencies only; this is what makes `npx locallite` work in the checkout itself. */
function linkBin() {
  const path = binPath();
  rmSync(path, { force: true });
  if (process.platform === 'win32') writeFileSync(path, '@node "%~dp0\\..\\..\\dist\\cli.js" %*\r\n');
  else symlinkSync(relative(dirname(path), join(DIST, 'cli.js')), path);
}

function hashSources() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}`);
  const add = (path) => hash.update(`\0${relative(ROOT, path)}\0`).update(readFileSync(path));
  for (const name of SOURCES) {
    const path = join(ROOT, name);
    if (name === 'src') for (const file of listFiles(path)) add(file);
    else if (existsSync(path)) add(path);
  }
  return hash.digest('hex');
}

function listFiles(folder) {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => (entry.isDirectory() ? listFiles(join(folder, entry.name)) : [join(folder, entry.name)]));
}

/** One set-up at a time in a checkout. The file holds the owner's process id; the lock of a dead owner is taken over. */
function takeLock() {
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (let announced = false; ; announced = true) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      return () => rmSync(LOCK, { force: true });
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const owner = readText(LOCK);
    if (owner !== undefined && owner !== '' && !isAlive(Number(owner))) removeLockOf(owner);
    else if (Date.now() > deadline)
      fail(`another set-up (process ${owner}) holds ${LOCK} for too long; if there is none, remove that file`);
    else {
      if (!announced) say(`another set-up is at work (process ${owner}); waiting …`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
}

/** Moves the file away first: of two that see the same dead owner only one succeeds, and a fresh lock is put back. */
function removeLockOf(owner) {
  const aside = join(STATE, `lock-${process.pid}`);
  try {
    renameSync(LOCK, aside);
    if (readText(aside) !== owner) renameSync(aside, LOCK);
    else rmSync(aside, { force: true });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** The npm that runs this script, else the one on the path; on Windows that is a batch file, which needs a shell. */
function npm() {
  const running = process.env.npm_execpath;
  if (running !== undefined && basename(running) === 'npm-cli.js') return [process.execPath, running];
  return process.platform === 'win32' ? ['npm.cmd'] : ['npm'];
}

/** Output goes to standard error: standard output belongs to what is started afterwards. */
function run([command, ...first], args, failure) {
  const shell = command.endsWith('.cmd');
  const result = spawnSync(command, [...first, ...args], { cwd: ROOT, stdio: ['ignore', 2, 2], shell });
  if (result.error !== undefined) fail(`${failure} (${result.error.message})`);
  if (result.status !== 0) fail(failure);
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function say(line) {
  process.stderr.write(`locallite set-up: ${line}\n`);
}

function fail(message) {
  throw Object.assign(new Error(message), { name: 'SetupError' });
}

/** Runs `work`; a failure of the set-up ends the process with one line instead of a stack. */
export function orExit(work) {
  try {
    work();
  } catch (error) {
    if (error.name !== 'SetupError') throw error;
    say(error.message);
    process.exit(1);
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  orExit(() => setUp({ forceBuild: process.argv.includes('--build') }));
}
