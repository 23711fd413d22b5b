import { useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { formatTable } from '../format.ts';
import { note, print, printJson } from '../io.ts';
import { word } from '../options.ts';

const EXAMPLES = [
  {
    command: 'locallite alias set text-embedding-3-small all-MiniLM-L6-v2',
    does: "Let programs that ask for OpenAI's model get a local one",
  },
  { command: 'locallite alias list', does: 'Show all names, and who gave them' },
  { command: 'locallite alias rm text-embedding-3-small', does: 'Take a name away' },
];

export const alias: CommandDefinition = {
  details:
    'A name given here works everywhere a model is named. Names given in the settings (`aliases`) win. Without a subcommand: the list.',
  examples: EXAMPLES,
  subcommands: [
    {
      name: 'set',
      summary: 'Give a model a name, or give the name to another model',
      arguments: [
        ['<name>', 'the new name'],
        ['<model>', 'id, alias or reference of the model'],
      ],
      examples: EXAMPLES.slice(0, 1),
      run: (invocation) =>
        useBackend(invocation, 'write', async ({ client }) => {
          const { io, json, args } = invocation;
          const set = await client.aliases.set(word(args[0]), word(args[1]), { signal: io.signal });
          await (json ? printJson(io, set) : print(io, `${set.alias} stands for ${set.model}`));
        }),
    },
    {
      name: 'rm',
      summary: 'Take a name away; the model stays',
      arguments: [['<name>', 'the name']],
      examples: EXAMPLES.slice(2),
      run: (invocation) =>
        useBackend(invocation, 'write', async ({ client }) => {
          const { io, json, args } = invocation;
          const removed = await client.aliases.delete(word(args[0]), { signal: io.signal });
          await (json ? printJson(io, removed) : print(io, `${removed.alias} is removed`));
        }),
    },
    {
      name: 'list',
      summary: 'Show all names of your own',
      examples: EXAMPLES.slice(1, 2),
      run: list,
    },
  ],
  run: list,
};

function list(invocation: Invocation<object>): Promise<void> {
  return useBackend(invocation, 'read', async ({ client }) => {
    const { io, json } = invocation;
    const aliases = await client.aliases.list({ signal: io.signal });
    if (json) return printJson(io, { object: 'list', data: aliases });
    if (aliases.length === 0) return note(io, 'no names yet; give one with: locallite alias set <name> <model>');
    await print(
      io,
      formatTable(
        ['NAME', 'MODEL', 'GIVEN IN'],
        aliases.map(({ alias: name, model, from }) => [name, model, from]),
      ),
    );
  });
}
