import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderTelemetryPage } from '../support/telemetry-page.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8').replaceAll('\r\n', '\n');
const pagesIn = (folder: string) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const PAGES = [...pagesIn('.'), ...pagesIn('docs'), ...pagesIn('docs/decisions'), join('.github', 'PULL_REQUEST_TEMPLATE.md')];
const MANIFEST: { scripts: Record<string, string>; version: string } = JSON.parse(read('package.json'));

it('docs/telemetry.md holds the metrics as they are', () => {
  const path = join(ROOT, 'docs', 'telemetry.md');
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, renderTelemetryPage());
  expect(read('docs/telemetry.md'), 'run npm run docs').toBe(renderTelemetryPage());
});

describe('every page', () => {
  it.each(PAGES)('%s links to files that exist', (page) => {
    const links = [...read(page).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)].map(([, link = '']) =>
      normalize(join(dirname(page), link)),
    );
    expect(links.filter((link) => !existsSync(join(ROOT, link)))).toEqual([]);
  });

  it.each(PAGES)('%s names npm scripts and files of the repository that exist', (page) => {
    const text = read(page);
    const scripts = [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => name);
    expect(scripts.filter((name) => MANIFEST.scripts[name] === undefined)).toEqual([]);
    const files = [...text.matchAll(/`((?:src|test|docs|scripts|examples|\.ci|\.github)\/[A-Za-z0-9_./-]+)`/g)].map(
      ([, name = '']) => name,
    );
    expect(files.filter((name) => !existsSync(join(ROOT, name)))).toEqual([]);
  });

  it.each(PAGES)('%s speaks of no particular machine', (page) => {
    expect(read(page)).not.toMatch(/\/(work|root|tmp\/[a-z]|home\/[a-z]+)\//);
  });
});

describe('decision records', () => {
  const records = pagesIn('docs/decisions').filter((path) => /\d{4}-[a-z0-9-]+\.md$/.test(path));

  it('are all in the index, numbered without a gap', () => {
    const index = read('docs/decisions/README.md');
    for (const path of records) expect(index).toContain(`(${path.split(/[\\/]/).at(-1)})`);
    const numbers = records.map((path) => Number(/(\d{4})-/.exec(path)?.[1])).sort((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, position) => position + 1));
  });

  it.each(records)('%s is dated and says what was decided, why and what it costs', (path) => {
    const text = read(path);
    expect(text).toMatch(/^# \d{4} /);
    expect(text).toMatch(/\bDate: \d{4}-\d\d-\d\d\b/);
    for (const heading of ['## Decision', '## Why', '## What it costs', '## When to think again']) expect(text).toContain(`\n${heading}\n`);
  });
});

it('the changelog begins with the version of the package', () => {
  expect(/^## (\S+)/m.exec(read('CHANGELOG.md'))?.[1]).toBe(MANIFEST.version);
});
