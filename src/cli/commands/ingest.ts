import { Option } from 'commander';
import { LocalLiteError } from '../../errors.ts';
import { type Backend, useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { follow, syncOnce } from '../folder-sync.ts';
import { IGNORE_FILE } from '../ignore-rules.ts';
import { openRoots } from '../ingest-files.ts';
import { CollectionSync, noteFailures, summaryOf } from '../ingest-sync.ts';
import { type IngestView, ingestView } from '../ingest-view.ts';
import { note, print, printJson } from '../io.ts';
import { words } from '../options.ts';

interface IngestCommandOptions {
  readonly collection: string;
  readonly model?: string;
  readonly force?: boolean;
  readonly watch?: boolean;
  readonly delete?: boolean;
}

export const ingest: CommandDefinition<IngestCommandOptions> = {
  arguments: [['<path...>', 'files, folders with all that is in them, patterns ("notes/**/*.md"), or addresses (https://…)']],
  options: [
    new Option('-c, --collection <name>', 'collection to put them in; made if it is not there').default('default'),
    new Option('-m, --model <name>', 'embedding model of a new collection (default: the setting default_models.embed)'),
    new Option('-f, --force', 'ingest also what has not changed'),
    new Option('-w, --watch', 'go on: what is added, changed, renamed or deleted follows, until Ctrl-C'),
    new Option('--delete', 'take out what was ingested from these folders or patterns and is not there any more (--watch does)'),
  ],
  details: `Reads documents, cuts them into passages and embeds these. A file that is there already with the same content is skipped, one that changed takes the place of the old; what cannot be read is named at the end, and the rest goes on. Addresses are fetched by the gateway, and by nothing unless they are named.

Hidden files, folders of packages and half-written files are left out. ${IGNORE_FILE} files, in gitignore's syntax and in any folder, leave out more, or take back in: \`!.github/\`.

With --json each file that was worked on is a line (\`ingest.file\`), each tenth of a large upload too (\`ingest.upload\`), and each pass ends with one of all counts (\`ingest\`). Ctrl-C cancels what is under way; with --watch it lets the files finish that the gateway has already.`,
  examples: [
    { command: 'locallite ingest ~/notes --collection notes', does: 'A folder' },
    { command: 'locallite ingest ~/notes --collection notes --watch', does: 'A folder, and whatever becomes of it' },
    { command: 'locallite ingest "docs/**/*.{md,pdf}" -c docs', does: 'Files that match a pattern' },
    { command: 'locallite ingest report.html https://example.com/page -c work', does: 'A file and a page' },
  ],
  run: (invocation) => useBackend(invocation, 'write', (backend) => ingestAll(backend, invocation)),
};

async function ingestAll({ client }: Backend, invocation: Invocation<IngestCommandOptions>): Promise<number> {
  const { args, options, io, json } = invocation;
  const sources = words(args[0]);
  const urls = sources.filter((source) => /^https?:\/\//i.test(source));
  const watches = options.watch ?? false;
  if (watches && urls.length > 0) throw new LocalLiteError('invalid_request', `${urls[0]} cannot be watched; ingest it without --watch`);
  const roots = await openRoots(
    sources.filter((source) => !urls.includes(source)),
    io.folder,
  );
  const view = await ingestView(io, json);
  const { collection, model, force } = options;
  const sync = new CollectionSync({ client, collection, model, force, io, view, finishes: watches });
  const onPass = () => tellPass(sync, view, invocation);
  try {
    await sync.open();
    if (watches) {
      await follow({ roots, sync, io, onPass });
      return 0;
    }
    if (roots.length > 0) await syncOnce({ roots, sync, io, onPass }, options.delete ?? false);
    if (urls.length > 0) await sync.putAddresses(urls);
    await onPass();
    return sync.counts.failed > 0 ? 1 : 0;
  } finally {
    view.pause();
  }
}

/** What a pass did; a watch says what comes next only once, and nothing of a pass that changed nothing. */
async function tellPass(sync: CollectionSync, view: IngestView, { options, io, json }: Invocation<IngestCommandOptions>): Promise<void> {
  view.pause();
  const { counts, passes } = sync;
  const isFirst = passes <= 1;
  const isQuiet = !isFirst && counts.ingested + counts.removed + counts.failed === 0;
  if (json && !isQuiet) await printJson(io, { object: 'ingest', collection: options.collection, ...counts });
  if (!json && !isQuiet)
    await print(io, `${summaryOf(counts)}${isFirst ? ` Ask them: locallite search "…" -c ${options.collection}` : ''}`);
  if (!json) await noteFailures(counts, io);
  if (isFirst && options.watch) await note(io, 'watching for changes; Ctrl-C stops');
}
