import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Option } from 'commander';
import { LocalLiteError } from '../../errors.ts';
import { distillToFolder, rateSimilarity } from '../../gateway/distill.ts';
import type { LocalLite } from '../../sdk/index.ts';
import { type Backend, useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { formatNumber } from '../format.ts';
import { print, printJson } from '../io.ts';
import { word } from '../options.ts';
import { progressView } from '../progress.ts';

interface DistillOptions {
  readonly dimensions: number;
  readonly name?: string;
  readonly out?: string;
  readonly sts?: string;
}

export const distill: CommandDefinition<DistillOptions> = {
  arguments: [['<model>', 'the embedding model to learn from: alias, id or reference']],
  options: [
    new Option('-d, --dimensions <n>', 'length of the vectors').argParser(Number).default(256),
    new Option('--name <name>', 'what the static model is called; the short name of the model and -static where it is absent'),
    new Option('-o, --out <folder>', 'where it is written; a folder in HOME where it is absent'),
    new Option('--sts <file>', 'rate both models on lines of score<TAB>text<TAB>text, such as STS Benchmark'),
  ],
  details:
    'Makes a static model: a table of token vectors instead of a transformer. It embeds some thirty times as fast and tells likeness less well; --sts says by how much.',
  examples: [
    { command: 'locallite distill all-MiniLM-L6-v2', does: 'Make all-MiniLM-L6-v2-static' },
    { command: 'locallite distill bge-small-en-v1.5 --dimensions 128 --sts sts-dev.tsv', does: 'Make a smaller one and rate it' },
  ],
  run: (invocation) => useBackend(invocation, 'write', (backend) => make(backend, invocation)),
};

async function make({ client, loaded }: Backend, { args, options, io, json, url }: Invocation<DistillOptions>): Promise<void> {
  if (url !== undefined) throw new LocalLiteError('invalid_request', 'distill writes on this machine; it cannot go with --url');
  const model = word(args[0]);
  const { id, locallite } = await client.models.retrieve(model, { signal: io.signal });
  const name = options.name ?? `${locallite.alias ?? id.slice(id.indexOf('/') + 1)}-static`;
  const folder = options.out === undefined ? join(loaded.config.home, 'distilled', name) : resolve(io.folder, options.out);
  await requireFree(client, { folder, name, given: options.out }, io.signal);
  const view = json ? undefined : await progressView(io);
  const job = { subject: name, state: 'running', phase: 'embedding the vocabulary', bytesDone: 0, bytesTotal: undefined };
  try {
    const { tokens } = await distillToFolder({
      config: loaded.config,
      reference: model,
      embed: (ids) => vectorsOf(client, model, ids, io.signal),
      dimensions: options.dimensions,
      folder,
      signal: io.signal,
      onProgress: (share) => view?.show({ ...job, bytesPerSecond: 0, etaSeconds: undefined, share }),
    });
    view?.stop();
    const reference = `file:${folder}`;
    await install(client, name, { reference, signal: io.signal });
    const sts = options.sts === undefined ? undefined : await rate(client, [model, name], resolve(io.folder, options.sts));
    const use = `Use it by the name ${name}: locallite embed -m ${name} "a text"`;
    if (json) return await printJson(io, { name, folder, dimensions: options.dimensions, tokens, sts });
    await print(io, `${name} is there: ${tokens} tokens, ${options.dimensions} dimensions, in ${folder}. ${use}`);
    if (sts !== undefined) await print(io, `Spearman x 100: ${sts.map((one) => `${one.model} ${formatNumber(one.score, 2)}`).join(', ')}`);
  } finally {
    view?.stop();
  }
}

/** @throws LocalLiteError conflict when the folder holds something, with the model that is there already and the ways out */
async function requireFree(
  client: LocalLite,
  { folder, name, given }: { readonly folder: string; readonly name: string; readonly given: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  const there = await readdir(folder).catch(() => []);
  if (there.length === 0) return;
  const isInstalled = await client.models.retrieve(name, { scope: 'installed', signal }).then(
    () => true,
    () => false,
  );
  const what = isInstalled ? `${name} is there already, in ${folder}: use it by that name` : `${folder} is not empty`;
  const ways =
    given === undefined
      ? '--out writes another folder, --name makes a model of another name'
      : '--out may name a folder that is empty or not there';
  throw new LocalLiteError('conflict', `${what}. ${ways}; or take the folder away and distill anew`, { param: 'out' });
}

/** The folder stays where it is and is only referred to. */
async function install(client: LocalLite, name: string, how: { reference: string; signal: AbortSignal }): Promise<void> {
  let state: string | undefined;
  for await (const job of client.pull(how.reference, { signal: how.signal })) state = job.state;
  if (state !== 'succeeded') throw new LocalLiteError('internal', `${how.reference} was written and could not be installed (${state})`);
  await client.aliases.set(name, how.reference, { signal: how.signal });
}

async function vectorsOf(
  client: LocalLite,
  model: string,
  ids: readonly (readonly number[])[],
  signal: AbortSignal,
): Promise<readonly Float32Array[]> {
  const input = ids.map((row) => [...row]);
  const { data } = await client.embeddings.create({ model, input, priority: 'bulk' }, { signal });
  return data.map(({ embedding }) => embedding);
}

async function rate(client: LocalLite, models: readonly string[], file: string): Promise<{ model: string; score: number }[]> {
  const lines = (await readFile(file, 'utf8')).split(/\r?\n/);
  const rated: { model: string; score: number }[] = [];
  for (const model of models) {
    const score = await rateSimilarity(lines, (texts) => client.embeddings.embed(texts, { model, truncate: true, priority: 'bulk' }));
    rated.push({ model, score });
  }
  return rated;
}
