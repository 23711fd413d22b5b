import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { locallite } from './gateway.mjs';
import { startHelper } from './helper-process.mjs';
import { median, sum } from './statistics.mjs';

const BATCH = { rows: 32, tokens: 23 };
const TURNS = 40;
const LONE_TURNS = 120;

/**
 * Two graphs of one model in turns, each in a process of its own with one thread, the other resting: how many times as fast the first is,
 * with 32 texts of 23 tokens and with one text of the same length. Records the ratios and both speeds in tokens a second.
 */
export async function measureGraphs({ model, baseline, ids }, record) {
  const helpers = [model, baseline].map(() => startHelper('./bare-process.mjs'));
  try {
    await Promise.all(helpers.map((helper, index) => helper.ask('load', index === 0 ? model : baseline)));
    const texts = rowsOf(ids, BATCH);
    for (const helper of helpers) await helper.ask('setTexts', { ids: texts, part: 0, parts: 1 });
    const batch = await inTurns(helpers, TURNS, BATCH.rows);
    record('int8Batch', batch.ratio);
    record('graphTokens', batch.tokens[0]);
    record('baselineTokens', batch.tokens[1]);
    record('int8One', (await inTurns(helpers, LONE_TURNS, 1)).ratio);
  } finally {
    for (const helper of helpers) helper.stop();
  }
}

/** Makes the model's fp32 graph in a folder that lives as long as `work`. */
export async function withFp32Graph({ dist, model }, work) {
  const folder = mkdtempSync(join(tmpdir(), 'locallite-bench-fp32-'));
  try {
    locallite(dist, ['convert', model, '--precision', 'fp32', '--out', folder]);
    return await work(join(folder, 'model.onnx'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Texts of exactly `tokens` tokens: the ids of the real ones end to end, cut into pieces. */
function rowsOf(ids, { rows, tokens }) {
  const all = ids.flatMap((text) => [...text]);
  return Array.from({ length: rows }, (_, row) => Int32Array.from(all.slice(row * tokens, (row + 1) * tokens)));
}

async function inTurns(helpers, turns, size) {
  const rates = helpers.map(() => []);
  for (let turn = 0; turn <= turns; turn++) {
    for (const [index, helper] of helpers.entries()) {
      const { tokens, ms } = size === 1 ? await lone(helper) : await helper.ask('pass', { size });
      if (turn > 0) rates[index].push((tokens / ms) * 1000);
    }
  }
  return { tokens: rates.map(median), ratio: median(rates[0].map((rate, turn) => rate / rates[1][turn])) };
}

async function lone(helper) {
  const times = await helper.ask('oneByOne', { count: 4 });
  return { tokens: times.length * BATCH.tokens, ms: sum(times) };
}
