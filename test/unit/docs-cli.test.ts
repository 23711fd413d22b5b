import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { renderCliPage } from '../support/cli-page.ts';

const PAGE = join(import.meta.dirname, '..', '..', 'docs', 'cli.md');

it('docs/cli.md holds the help as it is', async () => {
  const page = await renderCliPage();
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, page);
  expect(readFileSync(PAGE, 'utf8').replaceAll('\r\n', '\n'), 'run npm run docs').toBe(page);
});
