import { basename } from 'node:path';
import { Option } from 'commander';
import { useBackend } from '../backend.ts';
import type { CommandDefinition } from '../command.ts';
import { print, printJson } from '../io.ts';
import { openFile } from '../open-file.ts';
import { word } from '../options.ts';

interface ParseCommandOptions {
  readonly format: 'markdown' | 'text' | 'json';
  readonly password?: string;
}

export const parse: CommandDefinition<ParseCommandOptions> = {
  arguments: [['<file>', 'a document']],
  options: [
    new Option('--format <kind>', 'what to write').choices(['markdown', 'text', 'json']).default('markdown'),
    new Option('--password <text>', 'of an encrypted document'),
  ],
  examples: [
    { command: 'locallite parse page.html', does: 'Its main content as Markdown' },
    { command: 'locallite parse report.pdf --format json', does: 'Blocks with their pages and places' },
  ],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { args, options, io, json } = invocation;
      const path = word(args[0]);
      const file = await openFile(io, path);
      const { format, password } = options;
      const call = { name: basename(path), signal: io.signal, ...(password !== undefined && { password }) };
      if (json || format === 'json') return await printJson(io, await client.documents.parse(file, call));
      await print(io, (await client.documents.read(file, format, call)).trimEnd());
    }),
};
