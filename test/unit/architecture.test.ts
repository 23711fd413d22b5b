import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { findCycles, type Import, importsOf, packageOf, readSources, type Source, walk } from '../support/imports.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SOURCES = readSources(ROOT, 'src');
const IMPORTS = SOURCES.flatMap(importsOf);

interface Rules {
  /** First path part below src/ -> what it may import. */
  readonly folders: ReadonlyMap<string, readonly string[]>;
  /** Package -> the file or folder that alone may import it. */
  readonly packages: ReadonlyMap<string, string>;
}

/** The tables of ARCHITECTURE.md are the rules: the document cannot drift, because nothing else states them. */
function readRules(markdown: string): Rules {
  const rows = markdown.split('\n').filter((line) => line.startsWith('| `'));
  const cells = rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const names = (cell = '') => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name.replace(/\/$/, ''));
  const folders = cells.filter((row) => row.length === 3).map(([path, , may]): [string, string[]] => [names(path)[0] ?? '', names(may)]);
  const packages = cells
    .filter((row) => row.length === 2)
    .flatMap(([list, home]) => names(list).map((name): [string, string] => [name, names(home)[0] ?? '']));
  return { folders: new Map(folders), packages: new Map(packages) };
}

const RULES = readRules(readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8'));
const folderOf = (path: string) => path.split('/')[1] ?? '';
const within = (path: string, home: string) => path === home || path.startsWith(`${home}/`);

const crossings = (imports: readonly Import[], rules: Rules) =>
  imports
    .filter(({ target }) => target?.startsWith('src/'))
    .filter(
      ({ from, target = '' }) => folderOf(from) !== folderOf(target) && !rules.folders.get(folderOf(from))?.includes(folderOf(target)),
    )
    .map(({ from, target }) => `${from} imports ${target}`);

const strayPackages = (imports: readonly Import[], rules: Rules) =>
  imports
    .filter(({ from, target, specifier }) => target === undefined && !within(from, rules.packages.get(packageOf(specifier)) ?? from))
    .map(({ from, specifier }) => `${from} imports ${specifier}`);

/** Places where a syntax node that `matches` stands in a file that is not under one of `homes`. */
const stray = (sources: readonly Source[], homes: readonly string[], matches: (node: ts.Node) => boolean) =>
  sources
    .filter(({ path }) => !homes.some((home) => within(path, home)))
    .flatMap((source) => {
      const found: string[] = [];
      walk(source, (node) => {
        if (!matches(node)) return;
        const { line } = node.getSourceFile().getLineAndCharacterOfPosition(node.getStart());
        found.push(`${source.path}:${line + 1} ${node.getText().slice(0, 80)}`);
      });
      return found;
    });

const readsEnvironment = (node: ts.Node) =>
  ((ts.isPropertyAccessExpression(node) && node.name.text === 'env') ||
    (ts.isElementAccessExpression(node) && node.argumentExpression.getText() === "'env'")) &&
  node.expression.getText() === 'process';
const usesConsole = (node: ts.Node) => ts.isPropertyAccessExpression(node) && node.expression.getText() === 'console';
const makesBareError = (node: ts.Node) =>
  (ts.isNewExpression(node) || ts.isCallExpression(node)) &&
  /^(Error|TypeError|RangeError|AggregateError)$/.test(node.expression.getText());
const widensType = (node: ts.Node) =>
  ts.isAsExpression(node) && ts.isAsExpression(node.expression) && node.expression.type.kind === ts.SyntaxKind.UnknownKeyword;

describe('the import table of ARCHITECTURE.md', () => {
  it('names every file and folder of src/, and nothing else', () => {
    expect([...RULES.folders.keys()].sort()).toEqual(readdirSync(join(ROOT, 'src')).sort());
  });

  it('only lets a folder import what stands above it', () => {
    const order = [...RULES.folders.keys()];
    for (const [folder, allowed] of RULES.folders) {
      for (const name of allowed) expect(order.indexOf(name), `${folder} may import ${name}`).toBeLessThan(order.indexOf(folder));
      expect(allowed.every((name) => order.includes(name))).toBe(true);
    }
  });

  it('is obeyed', () => {
    expect(IMPORTS.length).toBeGreaterThan(100);
    expect(crossings(IMPORTS, RULES)).toEqual([]);
  });

  it('catches a crossing of any kind of import', () => {
    const text = `import type { A } from '../http/server.ts'; export * from '../cli/run.ts'; const a = import('../gateway/pool.ts'); type B = import('../sdk/index.ts').C;
      import { ok } from '../errors.ts'; import { own } from './own.ts';`;
    expect(crossings(importsOf({ path: 'src/models/x.ts', text }), RULES)).toHaveLength(4);
  });
});

describe('imports', () => {
  it('form no cycle, types included', () => {
    expect(findCycles(IMPORTS)).toEqual([]);
  });

  it('would be caught in a cycle', () => {
    const file = (path: string, ...targets: string[]): Source => ({
      path,
      text: targets.map((target) => `import type { A } from '${target}';`).join(''),
    });
    const ring = [file('src/a.ts', './b.ts'), file('src/b.ts', './c.ts', './d.ts'), file('src/c.ts', './a.ts'), file('src/d.ts')];
    expect(findCycles(ring.flatMap(importsOf)).map((group) => group.sort())).toEqual([['src/a.ts', 'src/b.ts', 'src/c.ts']]);
  });

  it('name existing files by their full name', () => {
    const wrong = IMPORTS.filter(({ target }) => target !== undefined && !(/\.(ts|json)$/.test(target) && existsSync(join(ROOT, target))));
    expect(wrong.map(({ from, specifier }) => `${from}: ${specifier}`)).toEqual([]);
  });

  it('keep packages in their one home', () => {
    expect(strayPackages(IMPORTS, RULES)).toEqual([]);
    const text = "import { Hono } from 'hono'; import { InferenceSession } from 'onnxruntime-node';";
    expect(strayPackages(importsOf({ path: 'src/http/routes/x.ts', text }), RULES)).toHaveLength(2);
  });

  it('name only packages that users get installed', () => {
    const { dependencies }: { dependencies: Record<string, string> } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const named = IMPORTS.filter(({ target, specifier }) => target === undefined && !isBuiltin(specifier)).map(({ specifier }) =>
      packageOf(specifier),
    );
    expect([...new Set(named)].filter((name) => dependencies[name] === undefined)).toEqual([]);
    expect([...RULES.packages.keys()].filter((name) => dependencies[name] === undefined)).toEqual([]);
  });

  it('keep Node out of what runs in a browser', () => {
    const browser = IMPORTS.filter(({ from }) => ['src/errors.ts', 'src/wire', 'src/sdk'].some((home) => within(from, home)));
    expect(browser.filter(({ specifier }) => isBuiltin(specifier)).map(({ from, specifier }) => `${from}: ${specifier}`)).toEqual([]);
  });
});

describe('house rules', () => {
  it('environment variables are read in config/ and at the entry of the command line', () => {
    expect(stray(SOURCES, ['src/config', 'src/cli/main.ts'], readsEnvironment)).toEqual([]);
  });

  it('console is for the command line', () => {
    expect(stray(SOURCES, ['src/cli'], usesConsole)).toEqual([]);
  });

  it('every error has a code', () => {
    expect(stray(SOURCES, [], makesBareError)).toEqual([]);
  });

  it('no type is forced and no check is switched off', () => {
    expect(stray(SOURCES, [], widensType)).toEqual([]);
    const off = SOURCES.filter(({ text }) => /@ts-(ignore|expect-error|nocheck)|biome-ignore/.test(text)).map(({ path }) => path);
    expect(off).toEqual([]);
  });

  it('would all be caught', () => {
    const text = "process.env.A; process['env']; console.log(1); throw new Error('x'); const a = 1 as unknown as string;";
    const source = [{ path: 'src/models/x.ts', text }];
    expect(stray(source, [], readsEnvironment)).toHaveLength(2);
    for (const rule of [usesConsole, makesBareError, widensType]) expect(stray(source, [], rule)).toHaveLength(1);
  });

  it('files are named in kebab-case, and none is a drawer for leftovers', () => {
    for (const { path } of SOURCES) {
      expect(path).toMatch(/^src(\/[a-z0-9-]+)+(\.d)?\.ts$/);
      expect(path).not.toMatch(/\b(utils?|helpers?|misc|common-utils)\b/);
    }
  });
});
