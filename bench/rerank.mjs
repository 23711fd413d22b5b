import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BATCH_SIZES, startBareLoop } from './bare-loop.mjs';
import { findModel, locallite, tokenize } from './gateway.mjs';
import { writeRandomReranker } from './random-reranker.mjs';

const DOCUMENTS = 32;
const CLIENTS = [2, 4, 8];

/**
 * Installs a cross-encoder of the default model's shape with random weights under a name of its own, for as long as `work` runs.
 * `work` gets the reference to ask the gateway for.
 */
export async function withRandomReranker({ dist, model }, work) {
  const folder = mkdtempSync(join(tmpdir(), 'locallite-bench-reranker-'));
  try {
    writeRandomReranker(model.directory, folder);
    const reference = `file:${folder}`;
    locallite(dist, ['pull', reference]);
    try {
      return await work(reference);
    } finally {
      locallite(dist, ['rm', reference]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Pairs a second through /v1/rerank against the bare loop on the same graph, in turns. */
export async function measureRerank({ dist, client, texts, cores, rounds, reference, target, model }, record) {
  const queries = texts.slice(0, 16);
  const documents = texts.slice(16);
  const list = queries.map((query, index) => ({
    model: reference,
    query,
    documents: Array.from({ length: DOCUMENTS }, (_, at) => documents[(index * DOCUMENTS + at) % documents.length]),
    return_documents: false,
  }));
  await client.ask('setRequests', { path: '/v1/rerank', list });
  await client.ask('otherLoop', { clients: 4, requests: 8, warmUp: 0 });
  const bare = await startBareLoop(await findModel(dist, reference), await pairIds(target, model.id, list), cores);
  try {
    for (let round = 0; round < rounds; round++) {
      const passes = [];
      for (const size of BATCH_SIZES.slice(1)) passes.push((await bare.pass(size)).texts);
      const rates = [];
      for (const clients of CLIENTS) {
        const { ms, requests } = await client.ask('otherLoop', { clients, requests: 32, warmUp: clients });
        rates.push(((requests * DOCUMENTS) / ms) * 1000);
      }
      record('rerankBare', Math.max(...passes));
      record('rerankRate', Math.max(...rates));
      record('rerank', Math.max(...rates) / Math.max(...passes));
    }
  } finally {
    bare.stop();
  }
}

/** Query and document in one row, as the model's tokenizer frames them: the document without its opening token. */
async function pairIds(target, model, list) {
  const rows = [];
  for (const { query, documents } of list) {
    const [first, ...others] = await tokenize(target, model, [query, ...documents]);
    rows.push(...others.map((ids) => Int32Array.of(...first, ...ids.subarray(1))));
  }
  return rows;
}
