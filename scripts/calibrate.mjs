/**
 * Writes the calibration statistics of a catalogue model, src/convert/statistics/<name>.json, from its published weights and the texts in
 * src/convert/texts/. With them an int8 conversion of the model need not calibrate, and gives the same bytes on every machine of a kind.
 *
 *   node scripts/calibrate.mjs --id sentence-transformers/all-MiniLM-L6-v2 --model FOLDER [--task embed] [--pooling mean]
 *     [--dimensions 384] [--max-tokens 256]
 *
 * FOLDER holds config.json, model.safetensors and tokenizer.json. Name the new file in SHIPPED of src/convert/statistics.ts.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

const { values } = parseArgs({
  options: {
    id: { type: 'string' },
    model: { type: 'string' },
    task: { type: 'string', default: 'embed' },
    pooling: { type: 'string', default: 'mean' },
    dimensions: { type: 'string', default: '384' },
    'max-tokens': { type: 'string', default: '256' },
  },
});
if (values.id === undefined || values.model === undefined) throw new Error('--id and --model are needed');

/** The converter is TypeScript: it is bundled beside node_modules, so that packages are found. */
async function loadCalibrate(folder) {
  const outfile = join(folder, 'calibrate.mjs');
  await build({
    entryPoints: [join(root, 'src/convert/calibrate-model.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  return (await import(pathToFileURL(outfile).href)).calibrateModel;
}

const bundle = await mkdtemp(join(root, 'node_modules/.calibrate-'));
const scratch = await mkdtemp(join(tmpdir(), 'locallite-calibrate-'));
try {
  const calibrateModel = await loadCalibrate(bundle);
  const statistics = await calibrateModel({
    id: values.id,
    directory: resolve(values.model),
    output: scratch,
    precision: 'int8',
    target: 'cpu',
    tasks: [values.task],
    pooling: values.pooling,
    normalize: true,
    dimensions: Number(values.dimensions),
    maxTokens: Number(values['max-tokens']),
  });
  const file = join(root, 'src/convert/statistics', `${values.id.split('/').at(-1)?.toLowerCase()}.json`);
  await writeFile(file, `${JSON.stringify(statistics, null, 2)}\n`);
  console.log(`${file}: ${Object.keys(statistics.layers).length} layers`);
} finally {
  await rm(bundle, { recursive: true, force: true });
  await rm(scratch, { recursive: true, force: true });
}
