import { Option } from 'commander';
import { LocalLiteError } from '../../errors.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition } from '../command.ts';
import { print, printJson } from '../io.ts';
import { word } from '../options.ts';

interface PinOptions {
  readonly auto?: boolean;
}

export const pin: CommandDefinition<PinOptions> = {
  arguments: [['<model>', 'id, alias or reference with the variant: all-MiniLM-L6-v2#fp32']],
  options: [new Option('--auto', 'leave the choice to the next load, as when the model was new')],
  details:
    'The variant that runs when none is named is chosen once, when a model is first used, and then stays. This changes it. A precision stands for the variant that was made here: #int8 for int8-c1.',
  examples: [
    { command: 'locallite pin all-MiniLM-L6-v2#fp32', does: 'Run full precision from now on' },
    { command: 'locallite pin all-MiniLM-L6-v2 --auto', does: 'Let the next load choose again' },
  ],
  run: (invocation) =>
    useBackend(invocation, 'write', async ({ client }) => {
      const { io, json, args, options } = invocation;
      const { model, variant } = parts(word(args[0]));
      const chosen = options.auto === true ? 'auto' : variant;
      if (chosen === undefined) {
        throw new LocalLiteError('invalid_request', `name the variant (${model}#fp32), or say --auto`, { param: 'model' });
      }
      const answer = await client.models.pin(model, chosen, { signal: io.signal });
      if (json) return printJson(io, answer);
      await print(
        io,
        chosen === 'auto' ? `the next load of ${model} chooses` : `${model} runs ${answer.locallite.installed?.variant ?? chosen}`,
      );
    }),
};

/** The last `#` divides: a folder's name may hold others. */
function parts(reference: string): { readonly model: string; readonly variant: string | undefined } {
  const [, model = reference, variant] = /^(.*)#([a-z0-9][a-z0-9._-]*)$/i.exec(reference) ?? [];
  return { model, variant };
}
