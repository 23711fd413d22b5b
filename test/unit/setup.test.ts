import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

/** Stands in for npm: installs one package and a builder that copies src/, and writes down what it was asked for. */
const NPM = `
const { appendFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
appendFileSync('calls.txt', 'npm ' + process.argv.slice(2).join(' ') + '\\n');
rmSync('node_modules', { recursive: true, force: true });
mkdirSync('node_modules/.bin', { recursive: true });
mkdirSync('node_modules/tsdown/dist', { recursive: true });
writeFileSync('node_modules/tsdown/package.json', '{}');
cpSync('build.mjs', 'node_modules/tsdown/dist/run.mjs');
const wait = Number(process.env.TEST_NPM_WAIT_MS ?? 0);
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wait);
const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
delete lock.packages['node_modules/other-system'];
writeFileSync('node_modules/.package-lock.json', JSON.stringify(lock));
`;
const BUILD = `
import { appendFileSync, cpSync, readFileSync, rmSync } from 'node:fs';
appendFileSync('calls.txt', 'build\\n');
const out = process.argv[process.argv.indexOf('--out-dir') + 1];
rmSync(out, { recursive: true, force: true });
if (readFileSync('src/cli.js', 'utf8').includes('broken')) process.exit(1);
cpSync('src', out, { recursive: true });
`;
/** The stand-in copies the lockfile as npm's own record of what is there, less what is for another system. */
const lockOf = (version: string) =>
  JSON.stringify({
    packages: {
      '': { devDependencies: { tsdown: version } },
      'node_modules/tsdown': { version },
      'node_modules/other-system': { version, optional: true, os: ['none'] },
    },
  });

let root: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'locallite-setup-'));
  await mkdir(join(root, 'scripts'));
  await mkdir(join(root, 'src'));
  await cp(join(import.meta.dirname, '../../scripts/setup.mjs'), join(root, 'scripts', 'setup.mjs'));
  await writeFile(join(root, 'npm-cli.js'), NPM);
  await writeFile(join(root, 'build.mjs'), BUILD);
  await writeFile(join(root, 'package.json'), '{"type":"commonjs"}');
  await writeFile(join(root, 'package-lock.json'), lockOf('1.0.0'));
  await writeFile(join(root, 'src', 'cli.js'), "#!/usr/bin/env node\nconsole.log('cli one')");
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(root, { recursive: true, force: true });
});

const start = (command: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const child = spawn(process.execPath, command, { cwd: root, env: { ...process.env, npm_execpath: join(root, 'npm-cli.js'), ...env } });
  children.push(child);
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  const done = new Promise<{ code: number | null; output: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, output }));
  });
  return { child, done };
};
const setUp = (...flags: string[]) => start(['scripts/setup.mjs', ...flags]).done;
const calls = async () => (existsSync(join(root, 'calls.txt')) ? (await readFile(join(root, 'calls.txt'), 'utf8')).trim().split('\n') : []);
const forget = () => rm(join(root, 'calls.txt'), { force: true });

it('installs and builds once, then does nothing', async () => {
  expect(await setUp()).toMatchObject({ code: 0, output: expect.stringMatching(/installing packages[\s\S]*building dist/) });
  expect(await calls()).toEqual(['npm ci --include=dev --ignore-scripts --no-audit --no-fund', 'build']);
  await forget();
  expect(await setUp()).toEqual({ code: 0, output: '' });
  expect(await calls()).toEqual([]);
  expect(existsSync(join(root, '.setup', 'lock'))).toBe(false);
});

it('asks for development packages even under NODE_ENV=production', async () => {
  await start(['scripts/setup.mjs'], { NODE_ENV: 'production' }).done;
  expect((await calls())[0]).toContain('--include=dev');
});

it('builds again when a source changed, when asked, and when dist/ is gone, without installing again', async () => {
  await setUp();
  for (const change of [
    () => writeFile(join(root, 'src', 'cli.js'), "console.log('cli two')"),
    () => writeFile(join(root, 'src', 'more.js'), ''),
    () => rm(join(root, 'src', 'more.js')),
    () => rm(join(root, 'dist'), { recursive: true }),
  ]) {
    await forget();
    await change();
    await setUp();
    expect(await calls()).toEqual(['build']);
  }
  await forget();
  await setUp('--build');
  expect(await calls()).toEqual(['build']);
  expect(await readFile(join(root, 'dist', 'cli.js'), 'utf8')).toContain('cli two');
});

it('installs again when the lockfile changed, when a package is missing, and after an install that was cut off', async () => {
  await setUp();
  for (const change of [
    () => writeFile(join(root, 'package-lock.json'), lockOf('2.0.0')),
    () => rm(join(root, 'node_modules', 'tsdown'), { recursive: true }),
    () => rm(join(root, 'node_modules', '.package-lock.json')),
  ]) {
    await forget();
    await change();
    expect(await setUp()).toMatchObject({ code: 0 });
    expect((await calls())[0]).toMatch(/^npm ci/);
  }
});

it('keeps the former dist/ when the build fails, says so, and builds the next time', async () => {
  await setUp();
  await writeFile(join(root, 'src', 'cli.js'), 'broken');
  expect(await setUp()).toMatchObject({ code: 1, output: expect.stringContaining('the build failed') });
  expect(await readFile(join(root, 'dist', 'cli.js'), 'utf8')).toContain('cli one');
  await writeFile(join(root, 'src', 'cli.js'), "console.log('mended')");
  expect(await setUp()).toMatchObject({ code: 0 });
  expect(await readFile(join(root, 'dist', 'cli.js'), 'utf8')).toContain('mended');
});

it('lets one of several do the work while the others wait', async () => {
  const runs = [1, 2, 3, 4].map(() => start(['scripts/setup.mjs'], { TEST_NPM_WAIT_MS: '500' }).done);
  const results = await Promise.all(runs);
  expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  expect(await calls()).toHaveLength(2);
  expect(results.filter(({ output }) => output.includes('another set-up is at work'))).toHaveLength(3);
});

it('takes over from one that was killed', async () => {
  const first = start(['scripts/setup.mjs'], { TEST_NPM_WAIT_MS: '3000' });
  await expect.poll(() => existsSync(join(root, 'calls.txt')), { timeout: 10_000 }).toBe(true);
  first.child.kill('SIGKILL');
  await first.done;
  expect(await setUp()).toMatchObject({ code: 0 });
  expect(existsSync(join(root, 'dist', 'cli.js'))).toBe(true);
});

it('makes the command available as a bin of the checkout', async () => {
  await setUp();
  const bin = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'locallite.cmd' : 'locallite');
  const output = await new Promise<string>((resolve) => {
    const child = spawn(bin, { shell: process.platform === 'win32' });
    child.stdout.on('data', (chunk: Buffer) => resolve(chunk.toString()));
  });
  expect(output.trim()).toBe('cli one');
});

it('refuses an old Node with one clear line', async () => {
  const pretend = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.18.3' } });";
  const load = `const { orExit, setUp } = await import(${JSON.stringify(pathToFileURL(join(root, 'scripts', 'setup.mjs')).href)}); orExit(setUp);`;
  const { code, output } = await start(['--input-type=module', '-e', pretend + load]).done;
  expect(code).toBe(1);
  expect(output).toMatch(/^locallite set-up: LocalLite needs Node 20\.19 or newer; this is Node 20\.18\.3\..*\n$/);
  expect(await calls()).toEqual([]);
});

it('finds the lockfile complete: packages of other systems included, no registry of somebody else', async () => {
  const repository = join(import.meta.dirname, '../..');
  const { code, output } = await start([join(repository, 'scripts', 'complete-lockfile.mjs'), '--check']).done;
  expect({ code, output }).toEqual({ code: 0, output: '' });
  const lock: { packages: Record<string, { resolved?: string }> } = JSON.parse(
    await readFile(join(repository, 'package-lock.json'), 'utf8'),
  );
  expect(
    Object.values(lock.packages).flatMap(({ resolved }) =>
      resolved?.startsWith('https://registry.npmjs.org/') === false ? [resolved] : [],
    ),
  ).toEqual([]);
});
