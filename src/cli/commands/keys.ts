import { InvalidArgumentError, Option } from 'commander';
import type { KeyCreateRequest, KeyObject } from '../../sdk/index.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { formatTable } from '../format.ts';
import { note, print, printJson } from '../io.ts';
import { wholeNumber, word } from '../options.ts';

type Scope = NonNullable<KeyCreateRequest['scopes']>[number];

interface CreateOptions {
  readonly scope?: readonly Scope[];
  readonly requestsPerMinute?: number;
}

const SCOPES: readonly string[] = ['inference', 'documents', 'admin'] satisfies readonly Scope[];

const EXAMPLES = [
  { command: 'locallite keys create laptop', does: 'A key for embeddings; its secret is printed once' },
  {
    command: 'locallite keys create ops --scope inference,admin --requests-per-minute 600',
    does: 'A key that may do more, but not more often',
  },
  { command: 'locallite keys list', does: 'All keys, without their secrets' },
  { command: 'locallite keys revoke key_0123456789ab', does: 'Make a key worthless at once' },
];

export const keys: CommandDefinition = {
  details: 'Once there is a key, every request needs one: `Authorization: Bearer …`. Only hashes are kept. Without a subcommand: the list.',
  examples: EXAMPLES,
  subcommands: [
    {
      name: 'create',
      summary: 'Make a key and print its secret, once',
      arguments: [['<name>', 'what it is for; unique']],
      options: [
        new Option('-s, --scope <scopes>', `what it allows, separated by commas: ${SCOPES.join(', ')} (default: inference)`).argParser(
          parseScopes,
        ),
        new Option('-r, --requests-per-minute <number>', 'limit of this key; 0 sets none (default: the setting)').argParser(wholeNumber(0)),
      ],
      examples: EXAMPLES.slice(0, 2),
      run: create,
    },
    {
      name: 'list',
      summary: 'Show all keys, without their secrets',
      examples: EXAMPLES.slice(2, 3),
      run: list,
    },
    {
      name: 'revoke',
      summary: 'Make a key worthless at once',
      arguments: [['<id>', 'its id, as `keys list` shows it']],
      examples: EXAMPLES.slice(3),
      run: (invocation) =>
        useBackend(invocation, 'write', async ({ client }) => {
          const { io, json, args } = invocation;
          const revoked = await client.keys.revoke(word(args[0]), { signal: io.signal });
          await (json ? printJson(io, revoked) : print(io, `${word(args[0])} is revoked`));
        }),
    },
  ],
  run: list,
};

function list(invocation: Invocation<object>): Promise<void> {
  return useBackend(invocation, 'read', async ({ client }) => {
    const { io, json } = invocation;
    const all = await client.keys.list({ signal: io.signal });
    if (json) return printJson(io, { object: 'list', data: all });
    if (all.length === 0) return note(io, 'no keys; make one with: locallite keys create <name>');
    await print(io, formatTable(['ID', 'NAME', 'SCOPES', 'REQUESTS/MIN>', 'MADE'], all.map(rowOf)));
  });
}

function create(invocation: Invocation<CreateOptions>): Promise<void> {
  return useBackend(invocation, 'write', async ({ client }) => {
    const { io, json, args, options } = invocation;
    const { scope: scopes, requestsPerMinute: limit } = options;
    const request: KeyCreateRequest = {
      name: word(args[0]),
      ...(scopes && { scopes: [...scopes] }),
      ...(limit !== undefined && { requests_per_minute: limit }),
    };
    const created = await client.keys.create(request, { signal: io.signal });
    if (json) return printJson(io, created);
    await print(io, created.key);
    await note(io, `key ${created.id} (${created.name}: ${created.scopes.join(', ')}); it is not shown again`);
  });
}

function parseScopes(text: string): readonly Scope[] {
  const given = text.split(',').map((scope) => scope.trim());
  const wrong = given.find((scope) => !SCOPES.includes(scope));
  if (wrong !== undefined) throw new InvalidArgumentError(`It must be some of ${SCOPES.join(', ')}.`);
  return given.filter((scope): scope is Scope => SCOPES.includes(scope));
}

function rowOf(key: KeyObject): string[] {
  return [key.id, key.name, key.scopes.join(','), key.requests_per_minute === null ? '' : String(key.requests_per_minute), key.created_at];
}
