import { Option } from 'commander';
import type { ModelObject } from '../../sdk/index.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition } from '../command.ts';
import { formatBytes, formatTable } from '../format.ts';
import { note, print, printJson } from '../io.ts';

interface ListOptions {
  readonly all?: boolean;
  readonly names?: boolean;
}

export const list: CommandDefinition<ListOptions> = {
  arguments: [['[text]', 'only models whose id or alias contains this']],
  options: [
    new Option('-a, --all', 'also models of the catalogue that are not installed'),
    new Option('-q, --names', 'names only, one a line'),
  ],
  examples: [
    { command: 'locallite list', does: 'What is on this machine' },
    { command: 'locallite list --all bge', does: 'What could be pulled' },
    { command: 'locallite list --json', does: "The API's answer" },
  ],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { args, options, io, json } = invocation;
      const scope = options.all ? 'catalog' : 'installed';
      const part = String(args[0] ?? '').toLowerCase();
      const models = (await client.models.list({ scope, signal: io.signal })).filter((model) => namesOf(model).includes(part));
      if (json) return printJson(io, { object: 'list', data: models });
      if (options.names) return printNames(models, (text) => print(io, text));
      if (models.length === 0) return note(io, 'no model; `locallite list --all` shows what can be pulled');
      await print(io, formatTable(['MODEL', 'VARIANT', 'SIZE>', 'DIMENSIONS>', 'MAX TOKENS>', 'LICENCE', 'STATE'], models.map(rowOf)));
    }),
};

const namesOf = ({ id, locallite }: ModelObject): string => `${id} ${locallite.alias ?? ''}`.toLowerCase();

async function printNames(models: readonly ModelObject[], write: (text: string) => Promise<void>): Promise<void> {
  for (const { id, locallite } of models) await write(locallite.alias ?? id);
}

function rowOf({ id, locallite: facts }: ModelObject): string[] {
  const { installed, loaded } = facts;
  return [
    facts.alias ?? id,
    installed?.variant ?? facts.variants.join(','),
    installed ? formatBytes(installed.bytes) : '',
    String(facts.dimensions ?? ''),
    String(facts.max_tokens ?? ''),
    facts.license ?? '',
    loaded ? 'loaded' : installed ? 'installed' : 'not installed',
  ];
}
