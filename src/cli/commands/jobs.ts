import type { JobObject } from '../../sdk/index.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition } from '../command.ts';
import { formatFacts, formatTable } from '../format.ts';
import { note, print, printJson } from '../io.ts';
import { followJob } from '../job-progress.ts';
import { word } from '../options.ts';

const HEADINGS = ['JOB', 'KIND', 'SUBJECT', 'STATE', 'DONE>', 'UPDATED'];

const list = {
  examples: [{ command: 'locallite jobs list', does: 'What the gateway works on, and what it did' }],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { io, json } = invocation;
      const jobs = await client.jobs.list({ signal: io.signal });
      if (json) return await printJson(io, { object: 'list', data: jobs });
      if (jobs.length === 0) return await note(io, 'no job');
      await print(io, formatTable(HEADINGS, jobs.map(rowOf)));
    }),
} satisfies CommandDefinition;

function rowOf({ id, kind, subject, state, progress, updated_at: updated }: JobObject): string[] {
  const share = progress?.share ?? undefined;
  return [id, kind, subject, state, share === undefined ? '' : `${Math.floor(share * 100)} %`, updated];
}

const show: CommandDefinition = {
  arguments: [['<job>', 'its id']],
  examples: [{ command: 'locallite jobs show job_…', does: 'One of them, with what became of it' }],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { args, io, json } = invocation;
      const job = await client.jobs.retrieve(word(args[0]), { signal: io.signal });
      if (json) return await printJson(io, job);
      await print(io, describe(job));
    }),
};

function describe({ id, kind, subject, state, error, result, created_at: created, updated_at: updated }: JobObject): string {
  return formatFacts([
    ['job', id],
    ['kind', kind],
    ['subject', subject],
    ['state', state],
    ['created', created],
    ['updated', updated],
    ['error', error?.message],
    ['result', result === null ? undefined : JSON.stringify(result)],
  ]);
}

const cancel: CommandDefinition = {
  arguments: [['<job>', 'its id']],
  examples: [{ command: 'locallite jobs cancel job_…', does: 'Stop it for good; what is done stays' }],
  run: (invocation) =>
    useBackend(invocation, 'write', async ({ client }) => {
      const { args, io, json } = invocation;
      const job = await client.jobs.cancel(word(args[0]), { signal: io.signal });
      if (json) return await printJson(io, job);
      await print(io, `${job.id} is ${job.state}`);
    }),
};

const watch: CommandDefinition = {
  arguments: [['<job>', 'its id']],
  details: 'Shows how far it is until it ends. Interrupted, it cancels the job.',
  examples: [{ command: 'locallite jobs watch job_…', does: 'Exit code 1 if it does not succeed' }],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { args, io, json } = invocation;
      const job = await followJob(client.jobs.watch(word(args[0]), { signal: io.signal }), { client, io, json });
      if (!json && job !== undefined) await print(io, `${job.id} is ${job.state}${job.error === null ? '' : `: ${job.error.message}`}`);
      return job?.state === 'succeeded' ? 0 : 1;
    }),
};

export const jobs: CommandDefinition = {
  details: 'Without a subcommand: the list.',
  run: list.run,
  examples: [{ command: 'locallite jobs list', does: 'All jobs' }],
  subcommands: [
    { name: 'list', summary: 'List jobs', ...list },
    { name: 'show', summary: 'Show a job', ...show },
    { name: 'cancel', summary: 'Stop a job for good', ...cancel },
    { name: 'watch', summary: 'Follow a job until it ends', ...watch },
  ],
};
