import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway-types.ts';
import { createTestGateway } from '../../src/testing/index.ts';

const home = mkdtempSync(join(tmpdir(), 'locallite-collections-'));
let gateway: Gateway;

const upload = (name: string, text: string) => gateway.files.add({ name, bytes: Buffer.from(text) });

async function finish(id: string) {
  for await (const job of gateway.jobs.watch(id)) if (job.state !== 'running' && job.state !== 'queued') return job;
  return gateway.jobs.get(id);
}

beforeAll(async () => {
  gateway = await createTestGateway({ home });
});

afterAll(async () => {
  await gateway.close();
  rmSync(home, { recursive: true, force: true });
});

describe('a collection', () => {
  it('takes files in and gives passages back', async () => {
    const { collection } = await gateway.collections.create({ name: 'notes' });
    const one = await upload('one.md', '# w1 w2\n\nw3 w4 w5. w6 w7.\n\n## w8\n\nw9 w10 w11.');
    const two = await upload('two.txt', 'w20 w21 w22');
    const job = await gateway.collections.ingest({
      collection: 'notes',
      sources: [one, two].map(({ id }) => ({ kind: 'file', fileId: id })),
    });
    expect(await finish(job.id)).toMatchObject({ state: 'succeeded', result: { done: 2, failed: 0 } });
    const result = await gateway.collections.search('notes', { query: 'w20 w22', mode: 'text' });
    expect(result.hits[0]).toMatchObject({ fileId: two.id, text: 'w20 w21 w22' });
    const hybrid = await gateway.collections.search(collection.id, { query: 'w9 w10', mode: 'text', contextTokens: 200, window: 1 });
    expect(hybrid.hits[0]).toMatchObject({ fileId: one.id, title: 'w1 w2' });
    expect(hybrid.context[0]).toMatchObject({ number: 1, fileId: one.id });
    expect(await gateway.collections.verify('notes')).toMatchObject({ sound: true, problems: [] });
  });
});
