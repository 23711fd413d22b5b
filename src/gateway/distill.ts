import { copyFile, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Config } from '../config/settings.ts';
import { checkTableDimensions, distillTable, type Rows, writeTable } from '../convert/distill.ts';
import { similarityOf } from '../convert/similarity.ts';
import { LocalLiteError } from '../errors.ts';
import type { InstalledModel } from '../models/store-types.ts';
import { loadTokenizer } from '../runtime/tokenizer.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import { openParts } from './create.ts';
import { findInstalled } from './names.ts';

/** Vectors of rows of token ids, in their order. */
export type EmbedIds = (ids: readonly (readonly number[])[]) => Promise<readonly Float32Array[]>;

/** What a static model is made of and where it goes. */
export interface Distillation {
  readonly config: Config;
  /** The model to learn from; any variant of it is installed. */
  readonly reference: string;
  readonly embed: EmbedIds;
  readonly dimensions: number;
  /** Absolute; must be missing or empty. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Share of the vocabulary that has run, 0 to 1. */
  readonly onProgress: (done: number) => void;
}

const ROWS_A_REQUEST = 1024;

/**
 * Makes a static model of an encoder: every token of its vocabulary goes through the model alone, and the vectors become a table
 * (Model2Vec's method). The folder has Model2Vec's layout and sentence-transformers' modules.json; it appears when all is in it.
 * @throws LocalLiteError model_not_found, conflict (the folder holds something), invalid_request (dimensions), cancelled
 */
export async function distillToFolder(distillation: Distillation): Promise<{ readonly tokens: number }> {
  const { config, reference, folder, dimensions } = distillation;
  await assertFree(folder);
  const parts = await openParts({ config });
  const model = await findInstalled(reference, parts.names.resolve(reference), parts);
  const tokenizer = await loadTokenizer(model.directory);
  const ids = vocabularyOf(tokenizer);
  const vectors = await vectorsOf(ids, tokenizer, distillation);
  const table = distillTable(vectors, dimensions, leftOut(ids, tokenizer));
  const fresh = join(dirname(folder), `.${basename(folder)}.${process.pid}.tmp`);
  try {
    await writeFolder(fresh, model, table);
    await rm(folder, { recursive: true, force: true });
    await rename(fresh, folder);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return { tokens: ids.size };
}

/** Ids that stand for text, not for the frame around it or for nothing at all. */
function vocabularyOf(tokenizer: Tokenizer): ReadonlySet<number> {
  const ids = Array.from({ length: tokenizer.vocabularySize }, (_, id) => id);
  return new Set(ids.filter((id) => !tokenizer.isSpecial(id)));
}

function leftOut(ids: ReadonlySet<number>, tokenizer: Tokenizer): ReadonlySet<number> {
  return new Set(Array.from({ length: tokenizer.vocabularySize }, (_, id) => id).filter((id) => !ids.has(id)));
}

async function vectorsOf(ids: ReadonlySet<number>, tokenizer: Tokenizer, how: Distillation): Promise<Rows> {
  const list = [...ids];
  let rows: Rows | undefined;
  for (let from = 0; from < list.length; from += ROWS_A_REQUEST) {
    if (how.signal.aborted) throw new LocalLiteError('cancelled', 'the distillation was cancelled');
    const slice = list.slice(from, from + ROWS_A_REQUEST);
    const vectors = await how.embed(slice.map((id) => [...tokenizer.frame([id]).ids]));
    const columns = vectors[0]?.length ?? 0;
    // Before the whole vocabulary has run for nothing.
    checkTableDimensions(how.dimensions, columns);
    rows ??= { rows: tokenizer.vocabularySize, columns, data: new Float32Array(tokenizer.vocabularySize * columns) };
    for (const [at, id] of slice.entries()) rows.data.set(vectors[at] ?? [], id * columns);
    how.onProgress((from + slice.length) / list.length);
  }
  if (rows === undefined) throw new LocalLiteError('model_unsupported', 'the tokenizer has no tokens but special ones');
  return rows;
}

async function writeFolder(folder: string, model: InstalledModel, table: Rows): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, '1_Normalize'), { recursive: true, mode: 0o700 });
  const json = (name: string, value: unknown) => writeFile(join(folder, name), `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  await copyFile(join(model.directory, 'tokenizer.json'), join(folder, 'tokenizer.json'));
  writeTable(join(folder, 'model.safetensors'), 'embeddings', table);
  await json('config.json', {
    model_type: 'model2vec',
    architectures: ['StaticModel'],
    tokenizer_name: model.card.id,
    apply_pca: table.columns,
    apply_zipf: true,
    hidden_dim: table.columns,
    seq_length: 1_000_000,
    normalize: true,
  });
  await json('modules.json', [
    { idx: 0, name: '0', path: '.', type: 'sentence_transformers.models.StaticEmbedding' },
    { idx: 1, name: '1', path: '1_Normalize', type: 'sentence_transformers.models.Normalize' },
  ]);
}

async function assertFree(folder: string): Promise<void> {
  const there = await readdir(folder).catch(() => []);
  if (there.length === 0) return;
  throw new LocalLiteError('conflict', `${folder} is not empty; name a folder that is, or that does not exist`);
}

/** Spearman's correlation times 100 of cosines with human scores: how well vectors tell likeness (STS Benchmark and its kind). */
export async function rateSimilarity(
  lines: readonly string[],
  embed: (texts: readonly string[]) => Promise<readonly Float32Array[]>,
): Promise<number> {
  const pairs = lines.map((line) => line.split('\t')).filter((parts) => parts.length >= 3);
  const first = await embed(pairs.map((parts) => parts[1] ?? ''));
  const second = await embed(pairs.map((parts) => parts[2] ?? ''));
  return similarityOf(
    pairs.map((parts) => Number(parts[0])),
    first,
    second,
  );
}
