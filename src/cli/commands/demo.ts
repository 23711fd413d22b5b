import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { Option } from 'commander';
import { LocalLiteError } from '../../errors.ts';
import { type Backend, useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { BOOK_QUESTIONS, demoBooks } from '../demo-books.ts';
import { printHits } from '../hits.ts';
import { filesOf, type IngestItem, openRoots } from '../ingest-files.ts';
import { CollectionSync, noteFailures, summaryOf } from '../ingest-sync.ts';
import { ingestView } from '../ingest-view.ts';
import { note, printJson, styled } from '../io.ts';
import { followJob } from '../job-progress.ts';
import { wholeNumber, word } from '../options.ts';
import { questions } from '../questions.ts';

interface DemoOptions {
  readonly query?: string;
  readonly collection?: string;
  readonly limit: number;
}

export const demo: CommandDefinition<DemoOptions> = {
  arguments: [['[folder]', 'documents of your own instead of the books; a file will do']],
  options: [
    new Option('-q, --query <question>', 'ask this and end'),
    new Option('-k, --limit <number>', 'passages of an answer').default(3).argParser(wholeNumber(1, 100)),
    new Option('-c, --collection <name>', 'collection to use (default: demo, or demo-<folder>)'),
  ],
  details:
    "Reads three books that come with LocalLite (Alice's Adventures in Wonderland, Through the Looking-Glass, Pride and Prejudice; no network is needed) or a folder of yours into a collection, and lets you ask for passages until a blank line, Ctrl-D or Ctrl-C. Without a terminal each line of the standard input is a question. What was read once is not read again; `locallite collections rm demo` takes it away.",
  examples: [
    { command: 'locallite demo', does: 'Ask three books' },
    { command: 'locallite demo --query "who stole the tarts?"', does: 'One question, and out' },
    { command: 'locallite demo ~/notes', does: 'Ask documents of your own' },
  ],
  run: (invocation) => useBackend(invocation, 'write', (backend) => show(backend, invocation)),
};

async function show(backend: Backend, invocation: Invocation<DemoOptions>): Promise<void> {
  const { options, io } = invocation;
  const { items, collection, tries } = await materialOf(invocation);
  await fill(backend, invocation, { items, collection });
  const ask = (query: string) => answer(backend, { query, collection }, invocation);
  if (options.query !== undefined) return await ask(options.query);
  const isTerminal = io.terminal.input && io.terminal.err;
  if (isTerminal) await note(io, `${tries}Ask something; a blank line or Ctrl-D ends.`);
  for await (const question of questions(io, styled(io, 'bold', '\nask › ', 'err'))) await ask(question);
}

interface Material {
  readonly items: readonly IngestItem[];
  readonly collection: string;
  /** What to ask, for people. */
  readonly tries: string;
}

async function materialOf({ args, options, io }: Invocation<DemoOptions>): Promise<Material> {
  if (args[0] === undefined) {
    const tries = `Try: ${BOOK_QUESTIONS.map((question) => `"${question}"`).join(', ')}\n`;
    return { items: await demoBooks(), collection: options.collection ?? 'demo', tries };
  }
  const roots = await openRoots([word(args[0])], io.folder);
  const items: IngestItem[] = [];
  for await (const item of filesOf(roots, () => undefined)) items.push(item);
  const [base = ''] = roots.map((root) => root.base);
  if (items.length === 0) throw new LocalLiteError('not_found', `there is no file in ${base} that is not left out`);
  return { items, collection: options.collection ?? nameOf(base), tries: '' };
}

/** Two folders of one name have collections of their own. */
function nameOf(base: string): string {
  return `demo-${basename(base) || 'root'}-${createHash('sha256').update(base).digest('hex').slice(0, 6)}`;
}

/** Says what it does only when there is something to do. */
async function fill(
  { client, loaded }: Backend,
  { io }: Invocation<DemoOptions>,
  { items, collection }: Pick<Material, 'items' | 'collection'>,
): Promise<void> {
  const view = await ingestView(io, false);
  const sync = new CollectionSync({ client, collection, io, view, finishes: false });
  try {
    await sync.open().catch(async (error: unknown) => {
      if (!LocalLiteError.is(error) || error.code !== 'model_not_found') throw error;
      const model = loaded.config.default_models.embed;
      await note(io, `the default model ${model} is not installed yet; installing it once`);
      await followJob(client.pull(model, { signal: io.signal }), { client, io, json: false });
      await sync.open();
    });
    await sync.put(items);
  } finally {
    view.pause();
  }
  const { counts } = sync;
  if (counts.unchanged < counts.files) await note(io, `collection ${collection}: ${summaryOf(counts)}`);
  await noteFailures(counts, io);
}

async function answer(
  { client }: Backend,
  { query, collection }: { readonly query: string; readonly collection: string },
  { options, io, json }: Invocation<DemoOptions>,
): Promise<void> {
  const found = await client.collections.search(collection, { query, max_num_results: options.limit }, { signal: io.signal });
  if (json) return await printJson(io, found);
  if (found.data.length === 0) return await note(io, 'nothing was found');
  await printHits(io, found.data);
  for (const warning of found.locallite.warnings) await note(io, warning);
}
