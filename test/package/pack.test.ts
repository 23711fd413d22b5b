import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const MANIFEST: { version: string; scripts: Record<string, string>; exports: Record<string, unknown> } = JSON.parse(
  await readFile(join(ROOT, 'package.json'), 'utf8'),
);
const MAX_BYTES = 5_000_000;
const INSTALL_MS = 240_000;

interface Packed {
  readonly filename: string;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** Runs a program of npm (`npm`, `npx`) as a user would, without what the surrounding test run put into the environment. */
async function npm(program: 'npm' | 'npx', args: readonly string[], cwd: string): Promise<string> {
  const script = process.env['npm_execpath'];
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_(config|package|lifecycle)_|NODE_ENV$|VITEST)/i.test(name)),
  );
  const options = { cwd, env: environment, maxBuffer: 64_000_000 };
  const cli = script === undefined || basename(script) !== 'npm-cli.js' ? undefined : join(script, '..', `${program}-cli.js`);
  const { stdout } =
    cli === undefined
      ? await promisify(execFile)(process.platform === 'win32' ? `${program}.cmd` : program, [...args], {
          ...options,
          shell: process.platform === 'win32',
        })
      : await promisify(execFile)(process.execPath, [cli, ...args], options);
  return stdout;
}

describe.runIf(existsSync(join(ROOT, 'dist', 'cli.js')))('the packed package', () => {
  let folder: string;
  let packed: Packed;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'locallite-pack-'));
    const [result]: Packed[] = JSON.parse(await npm('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], ROOT));
    if (result === undefined) throw new Error('npm pack wrote nothing');
    packed = result;
    await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}');
    await npm('npm', ['install', '--onnxruntime-node-install=skip', '--no-audit', '--no-fund', `./${packed.filename}`], folder);
  }, INSTALL_MS);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('holds the built program and its papers, nothing else, and is small', () => {
    const outside = packed.files.map(({ path }) => path).filter((path) => !path.startsWith('dist/'));
    expect(outside.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'NOTICE', 'README.md', 'package.json']);
    expect(packed.files.filter(({ path }) => path.endsWith('.map'))).toEqual([]);
    expect(packed.unpackedSize).toBeLessThan(MAX_BYTES);
    expect(packed.files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['dist/cli.js', 'dist/worker.js', 'dist/assets/swagger-ui-bundle.js']),
    );
  });

  it('runs nothing when it is installed', () => {
    expect(Object.keys(MANIFEST.scripts).filter((name) => /^(pre|post)?(install|prepare|pack)$/.test(name))).toEqual([]);
  });

  it('has types for every entry', () => {
    for (const [name, entry] of Object.entries(MANIFEST.exports)) {
      if (typeof entry === 'string') continue;
      const { types, default: code } = Object(entry);
      expect(existsSync(join(folder, 'node_modules', 'locallite', types)), `types of ${name}`).toBe(true);
      expect(existsSync(join(folder, 'node_modules', 'locallite', code)), `code of ${name}`).toBe(true);
    }
  });

  it('runs as a command', async () => {
    expect((await npm('npx', ['locallite', '--version'], folder)).trim()).toBe(MANIFEST.version);
    expect(await npm('npx', ['locallite', '--help'], folder)).toContain('serve');
  });

  it('is imported as a library', async () => {
    const code =
      "const main = await import('locallite'); const testing = await import('locallite/testing'); console.log(typeof main.createGateway, Object.keys(testing).length > 0);";
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { cwd: folder });
    expect(stdout.trim()).toBe('function true');
  });

  it('has an SDK that fits into a page of a browser', async () => {
    const { outputFiles, metafile } = await build({
      stdin: { contents: "export * from 'locallite/sdk';", resolveDir: folder },
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      metafile: true,
      logLevel: 'silent',
      minify: true,
    });
    const code = outputFiles[0]?.text ?? '';
    expect(code.length).toBeGreaterThan(1_000);
    expect(code.length).toBeLessThan(150_000);
    expect(Object.keys(metafile.inputs).filter((path) => /onnxruntime|hono|pino|node:/.test(path))).toEqual([]);
  });
});
