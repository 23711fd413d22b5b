import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locallite } from './gateway.mjs';

const NAME = 'bench-static';
const SIZE = 256;
const CLIENTS = [2, 4];

/** Texts a second of a static model in requests of 256 texts, base64 answers: the best of some numbers of clients. */
export async function measureStatic({ client, texts, model, rounds }, record) {
  const list = Array.from({ length: 16 }, (_, index) => ({
    model,
    input: Array.from({ length: SIZE }, (__, at) => texts[(index * SIZE + at) % texts.length]),
    encoding_format: 'base64',
  }));
  await client.ask('setRequests', { path: '/v1/embeddings', list });
  await client.ask('otherLoop', { clients: 2, requests: 64, warmUp: 0 });
  for (let round = 0; round < rounds; round++) {
    const rates = [];
    for (const clients of CLIENTS) {
      const { ms, requests } = await client.ask('otherLoop', { clients, requests: 200, warmUp: 2 * clients });
      rates.push(((requests * SIZE) / ms) * 1000);
    }
    record('static', Math.max(...rates));
  }
}

/** Distils the model into a static one under a name that is removed again after `work`. */
export async function withStaticModel({ dist, model }, work) {
  const folder = join(mkdtempSync(join(tmpdir(), 'locallite-bench-static-')), 'model');
  locallite(dist, ['distill', model, '--name', NAME, '--out', folder]);
  try {
    return await work(NAME);
  } finally {
    locallite(dist, ['rm', NAME]);
    locallite(dist, ['alias', 'rm', NAME]);
    rmSync(folder, { recursive: true, force: true });
  }
}
