import { useBackend } from '../backend.ts';
import type { CommandDefinition } from '../command.ts';
import { formatBytes } from '../format.ts';
import { print, printJson } from '../io.ts';
import { words } from '../options.ts';

export const rm: CommandDefinition = {
  arguments: [['<model...>', 'id, alias or reference; #variant removes that variant only']],
  details: 'Files that another model shares stay. A model that a request is using is not removed.',
  examples: [
    { command: 'locallite rm bge-small-en-v1.5', does: 'Remove all variants of a model' },
    { command: 'locallite rm all-MiniLM-L6-v2#fp32', does: 'Remove one variant' },
  ],
  run: (invocation) =>
    useBackend(invocation, 'write', async ({ client }) => {
      const { io, json, args } = invocation;
      for (const name of words(args[0])) {
        const removed = await client.models.delete(name, { signal: io.signal });
        await (json
          ? printJson(io, removed)
          : print(io, `${name} is removed; ${formatBytes(removed.locallite.freed_bytes)} are free again`));
      }
    }),
};
