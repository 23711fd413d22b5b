import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { renderConfigurationPage } from '../../src/config/docs.ts';
import { SETTING_KEYS } from '../../src/config/settings.ts';

const page = join(import.meta.dirname, '..', '..', 'docs', 'configuration.md');

test('the settings page is what the table says', () => {
  const rendered = renderConfigurationPage();
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(page, rendered);
  expect(readFileSync(page, 'utf8').replaceAll('\r\n', '\n'), 'run UPDATE_DOCS=1 npx vitest run test/unit/config-docs.test.ts').toBe(
    rendered,
  );
});

test('the settings page has one row for each setting', () => {
  const rows = renderConfigurationPage().split('\n');
  const sections = rows.slice(rows.indexOf('## Server'), rows.indexOf('## Settings of one model'));
  for (const key of SETTING_KEYS) {
    const own = sections.filter((row) => row.startsWith(`| \`${key}\` | `));
    expect(own.map((row) => row.split(/(?<!\\)\|/).length, key)).toEqual([6]);
  }
});

test('the settings page does not depend on the machine that renders it', () => {
  const rendered = renderConfigurationPage();
  expect(rendered).not.toContain(process.cwd());
  expect(rendered.match(/\| `threads` \| ([^|]*) \|/)?.[1]).toBe('all available cores');
});
