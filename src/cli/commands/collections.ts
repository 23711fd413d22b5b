import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Option } from 'commander';
import type { VectorStoreObject } from '../../sdk/index.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition } from '../command.ts';
import { formatBytes, formatFacts, formatTable } from '../format.ts';
import { note, print, printJson } from '../io.ts';
import { openFile } from '../open-file.ts';
import { word, words } from '../options.ts';

const HEADINGS = ['NAME', 'FILES>', 'FAILED>', 'PASSAGES>', 'SIZE>', 'MODEL', 'ID'];

const list = {
  examples: [{ command: 'locallite collections list', does: 'All of them' }],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { io, json } = invocation;
      const found: VectorStoreObject[] = [];
      for await (const one of client.collections.list({ signal: io.signal })) found.push(one);
      if (json) return await printJson(io, { object: 'list', data: found });
      if (found.length === 0) return await note(io, 'no collection; `locallite ingest <folder> --collection <name>` makes one');
      await print(io, formatTable(HEADINGS, found.map(rowOf)));
    }),
} satisfies CommandDefinition;

function rowOf({ id, name, file_counts: files, usage_bytes: bytes, locallite: facts }: VectorStoreObject): string[] {
  return [name, String(files.completed), String(files.failed), String(facts.chunks), formatBytes(bytes), facts.model, id];
}

const show: CommandDefinition = {
  arguments: [['<name>', 'name or id']],
  examples: [{ command: 'locallite collections show notes', does: 'What it is made with, and its files' }],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { args, io, json } = invocation;
      const collection = await client.collections.retrieve(word(args[0]), { signal: io.signal });
      if (json) return await printJson(io, collection);
      await print(io, describe(collection));
      for await (const file of client.collections.files(collection.id, { signal: io.signal })) {
        const state =
          file.status === 'completed' ? '' : ` (${file.status}${file.last_error === null ? '' : `: ${file.last_error.message}`})`;
        await print(io, `  ${file.locallite.key ?? file.locallite.filename}${state}`);
      }
    }),
};

function describe({
  id,
  name,
  file_counts: files,
  usage_bytes: bytes,
  locallite: facts,
  expires_after: expiry,
}: VectorStoreObject): string {
  return formatFacts([
    ['name', name],
    ['id', id],
    ['model', `${facts.model}, ${facts.variant}, ${facts.dimensions} dimensions`],
    ['space', facts.space],
    ['cut into', JSON.stringify(facts.chunker)],
    ['files', `${files.completed} of ${files.total}`],
    ['passages', facts.chunks],
    ['size', formatBytes(bytes)],
    ['expires', expiry === null ? 'never' : `${expiry.days} days after its last use`],
    ['re-index', facts.reindexing ? 'under way' : undefined],
  ]);
}

const remove: CommandDefinition = {
  arguments: [['<name...>', 'names or ids']],
  examples: [{ command: 'locallite collections rm notes', does: 'Gone with all its passages; uploaded files stay' }],
  run: (invocation) =>
    useBackend(invocation, 'write', async ({ client }) => {
      const { args, io, json } = invocation;
      for (const name of words(args[0])) {
        await client.collections.delete(name, { signal: io.signal });
        if (json) await printJson(io, { object: 'vector_store.deleted', name });
        else await print(io, `removed ${name}`);
      }
    }),
};

const verify: CommandDefinition = {
  arguments: [['<name>', 'name or id']],
  examples: [{ command: 'locallite collections verify notes', does: 'Exit code 1 if anything is wrong' }],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { args, io, json } = invocation;
      const check = await client.collections.verify(word(args[0]), { signal: io.signal });
      if (json) await printJson(io, check);
      else await print(io, check.sound ? 'sound' : check.problems.join('\n'));
      return check.sound ? 0 : 1;
    }),
};

const exportOne: CommandDefinition<{ readonly out: string }> = {
  arguments: [['<name>', 'name or id']],
  options: [new Option('-o, --out <file>', 'file to write').makeOptionMandatory()],
  examples: [{ command: 'locallite collections export notes --out notes.jsonl', does: 'Texts and vectors, for another machine' }],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { args, options, io, json } = invocation;
      const file = resolve(io.folder, options.out);
      const lines = await client.collections.export(word(args[0]), { signal: io.signal });
      try {
        await pipeline(Readable.fromWeb(lines as Parameters<typeof Readable.fromWeb>[0]), createWriteStream(file, { mode: 0o600 }), {
          signal: io.signal,
        });
      } catch (error) {
        await rm(file, { force: true });
        throw error;
      }
      if (json) await printJson(io, { object: 'export', file });
      else await print(io, `wrote ${file}`);
    }),
};

const importOne: CommandDefinition<{ readonly name?: string }> = {
  arguments: [['<file>', 'what `collections export` wrote']],
  options: [new Option('--name <name>', 'another name than the exported one')],
  examples: [{ command: 'locallite collections import notes.jsonl', does: 'The collection as it was' }],
  run: (invocation) =>
    useBackend(invocation, 'write', async ({ client }) => {
      const { args, options, io, json } = invocation;
      const lines = await openFile(io, word(args[0]));
      const call = { signal: io.signal, ...(options.name !== undefined && { name: options.name }) };
      const made = await client.collections.import(lines, call);
      if (json) await printJson(io, made);
      else await print(io, `${made.name} is there with ${made.file_counts.completed} files`);
    }),
};

const purge: CommandDefinition = {
  examples: [{ command: 'locallite collections purge', does: 'What was deleted leaves the disk' }],
  run: (invocation) =>
    useBackend(invocation, 'write', async ({ client }) => {
      const { io, json } = invocation;
      const freed = await client.collections.purge({ signal: io.signal });
      if (json) return await printJson(io, freed);
      await print(
        io,
        `${freed.collections} collections and ${freed.files} files had expired; ${formatBytes(freed.freed_bytes)} are free again`,
      );
    }),
};

export const collections: CommandDefinition = {
  details: 'Without a subcommand: the list.',
  run: list.run,
  examples: [{ command: 'locallite collections list', does: 'All collections' }],
  subcommands: [
    { name: 'list', summary: 'List collections', ...list },
    { name: 'show', summary: 'Show a collection and its files', ...show },
    { name: 'rm', summary: 'Delete collections', ...remove },
    { name: 'verify', summary: 'Check that everything is there', ...verify },
    { name: 'export', summary: 'Write a collection to a file', ...exportOne },
    { name: 'import', summary: 'Read a collection from a file', ...importOne },
    { name: 'purge', summary: 'Delete what has expired and free its space', ...purge },
  ],
};
