import { Option } from 'commander';
import { useBackend } from '../backend.ts';
import type { CommandDefinition } from '../command.ts';
import { print } from '../io.ts';
import { followJob } from '../job-progress.ts';
import { word } from '../options.ts';

export const reindex: CommandDefinition<{ readonly model?: string }> = {
  arguments: [['<collection>', 'name or id']],
  options: [new Option('-m, --model <name>', 'another embedding model (default: the same, as it is now)')],
  details:
    'Builds another index of the stored texts beside the one that serves, and puts it in its place when it is whole. Interrupted, it is cancelled and the old one stays.',
  examples: [{ command: 'locallite reindex notes --model bge-small-en-v1.5', does: 'Change the model of a collection' }],
  run: (invocation) =>
    useBackend(invocation, 'write', async ({ client }) => {
      const { args, options, io, json } = invocation;
      const { id } = await client.collections.reindex(word(args[0]), options.model === undefined ? {} : { model: options.model }, {
        signal: io.signal,
      });
      const job = await followJob(client.jobs.watch(id, { signal: io.signal }), { client, io, json });
      if (!json)
        await print(
          io,
          job?.state === 'succeeded' ? `${word(args[0])} is indexed anew` : `the re-index is ${job?.state}: ${job?.error?.message ?? ''}`,
        );
      return job?.state === 'succeeded' ? 0 : 1;
    }),
};
