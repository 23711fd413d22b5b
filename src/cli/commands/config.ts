import { type DescribedSetting, describeConfig } from '../../config/describe.ts';
import { nearestKey } from '../../config/names.ts';
import { LocalLiteError } from '../../errors.ts';
import { commandConfig } from '../backend.ts';
import type { CommandDefinition } from '../command.ts';
import { formatTable } from '../format.ts';
import { note, print, printJson } from '../io.ts';

export const config: CommandDefinition = {
  arguments: [['[key]', 'one setting; its value only']],
  details:
    'A setting `a.b_c` is the flag --a-b-c, the variable LOCALLITE_A_B_C and a.b_c in the settings file; the first of these that is given wins. Secrets are not shown.',
  showSettings: true,
  local: true,
  examples: [
    { command: 'locallite config', does: 'Every setting, its value and where that comes from' },
    { command: 'locallite config threads', does: 'One value, for scripts' },
    { command: 'locallite config --json', does: 'All of it as JSON' },
  ],
  async run(invocation) {
    const { args, io, json } = invocation;
    const loaded = commandConfig(invocation);
    const settings = describeConfig(loaded);
    if (args[0] !== undefined) return printOne(settings, String(args[0]), (one) => (json ? printJson(io, one) : print(io, one.value)));
    if (json) return printJson(io, { file: loaded.file ?? null, settings });
    const rows = settings.map(({ key, value, origin }) => [key, value, origin]);
    await print(io, formatTable(['SETTING', 'VALUE', 'FROM'], rows));
    await note(io, loaded.file === undefined ? 'no settings file' : `settings file: ${loaded.file}`);
  },
};

function printOne(settings: readonly DescribedSetting[], key: string, write: (one: DescribedSetting) => Promise<void>): Promise<void> {
  const one = settings.find((setting) => setting.key === key);
  if (one !== undefined) return write(one);
  const better = nearestKey(key);
  throw new LocalLiteError('not_found', `there is no setting ${key}${better === undefined ? '' : `; did you mean ${better}?`}`, {
    param: 'key',
  });
}
