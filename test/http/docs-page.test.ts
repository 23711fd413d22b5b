import { expect, test } from 'vitest';
import { createStubApp } from './stub-app.ts';

test('the documentation page loads its own files only', async () => {
  const app = createStubApp();
  const page = await app.call('GET', '/docs');
  expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self';");
  expect(policy).not.toMatch(/https?:|unsafe-eval|script-src[^;]*unsafe-inline/);
  const html = await page.text();
  const addresses = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
  expect(addresses.length).toBeGreaterThan(3);
  for (const address of addresses) {
    expect(address).not.toMatch(/^(https?:)?\/\//);
    const answer = await app.call('GET', new URL(address, 'http://localhost/docs').pathname);
    expect([address, answer.status]).toEqual([address, 200]);
  }
  expect(html).not.toMatch(/<script>|<style|\son\w+=/);
});

test('the files of the page have their types, and no other file is given away', async () => {
  const app = createStubApp();
  const script = await app.call('GET', '/docs/swagger-ui-bundle.js');
  expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  expect((await script.arrayBuffer()).byteLength).toBeGreaterThan(100_000);
  expect((await app.call('GET', '/docs/swagger-ui.css')).headers.get('content-type')).toBe('text/css; charset=utf-8');
  for (const name of ['package.json', '..%2F..%2Fpackage.json', '../package.json', 'swagger-ui.css%00', 'constructor']) {
    expect((await app.call('GET', `/docs/${name}`)).status).toBe(404);
  }
});

test('the script starts the page without asking another host for a badge', async () => {
  const script = await (await createStubApp().call('GET', '/docs/start.js')).text();
  expect(script).toContain("url: 'openapi.json'");
  expect(script).toContain('validatorUrl: null');
});
