import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../src/config/load.ts';
import { Conversions, recipeOf, requestOf } from '../src/gateway/convert-job.ts';
import { runConverter } from '../src/gateway/converter-process.ts';
import { openParts } from '../src/gateway/create.ts';
import type { GatewayParts } from '../src/gateway/gateway-parts.ts';
import type { InstalledModel } from '../src/models/store-types.ts';
import { DEFAULT_MODEL, MODEL_HOME } from './home.ts';

const DIST = join(import.meta.dirname, '../dist');
/** Remembers by which converter the graph was made. */
const MADE_BY = join(MODEL_HOME, 'made-by');

/**
 * Fetches the default model's weights once, as a user without the hub does, and makes the int8 graph that runs by default; again when the
 * converter has changed. Where no source of weights is reachable the published 4-bit graph takes its place, as it does for users.
 */
export default async function setup(): Promise<void> {
  const { config } = loadConfig({ options: { home: MODEL_HOME }, file: false, listens: false });
  const parts = await openParts({ config });
  const weights = await weightsOf(parts);
  if (weights === undefined) return takePublished(parts);
  await makeInt8(parts, weights);
}

async function weightsOf(parts: GatewayParts): Promise<InstalledModel | undefined> {
  const missing = (await parts.store.find(DEFAULT_MODEL, 'weights')) === undefined;
  if (missing) say('fetching the default model (83 MB, once) …');
  try {
    const watch = { signal: AbortSignal.timeout(10 * 60_000), onProgress: () => undefined };
    return await new Conversions(parts).weights(DEFAULT_MODEL, watch);
  } catch (error) {
    say(`no source of weights is reachable: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function takePublished({ store }: GatewayParts): Promise<void> {
  if ((await store.find(DEFAULT_MODEL, 'q4')) !== undefined) return;
  say('fetching the published 4-bit graph instead (54 MB, once) …');
  await store.pull(`${DEFAULT_MODEL}#q4`);
}

async function makeInt8(parts: GatewayParts, weights: InstalledModel): Promise<void> {
  const converter = hashOfConverter();
  const again = (await readFile(MADE_BY, 'utf8').catch(() => '')) !== converter;
  const recipe = recipeOf(weights, { precision: 'int8', target: 'cpu' }, parts);
  if (again) say('converting the default model to int8 …');
  const work = (folder: string, signal: AbortSignal) =>
    runConverter(requestOf(weights, recipe, folder), { signal, onProgress: () => undefined, silenceMs: 120_000 });
  const made = await parts.store.make(weights, recipe, work, { again });
  if (made.pinned !== true) await parts.store.pin(DEFAULT_MODEL, made.variant.name);
  if (again) await writeFile(MADE_BY, converter);
}

/** Of the built converter, which names its parts by their content, and of the statistics that it reads. */
function hashOfConverter(): string {
  const statistics = join(DIST, 'statistics');
  const hash = createHash('sha256').update(readFileSync(join(DIST, 'converter.js')));
  for (const name of readdirSync(statistics).sort()) hash.update(name).update(readFileSync(join(statistics, name)));
  return hash.digest('hex');
}

function say(line: string): void {
  console.error(`locallite tests: ${line}`);
}
