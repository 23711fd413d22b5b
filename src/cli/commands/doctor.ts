import { LocalLiteError } from '../../errors.ts';
import { commandConfig } from '../backend.ts';
import { type Check, machineChecks, settingsChecks } from '../checks.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { type Io, print, printJson, type Style, styled } from '../io.ts';

export const doctor: CommandDefinition = {
  local: true,
  details:
    'Looks at the machine, Node, ONNX Runtime and its providers, the settings, the folder and every file of the installed models, the gateway, the port, and whether the hub, npm and PyPI answer (not with --offline). Changes nothing. Exit code 1 when something fails.',
  examples: [
    { command: 'locallite doctor', does: 'Check everything' },
    { command: 'locallite doctor --offline --json', does: 'Without the network, as JSON' },
  ],
  async run(invocation) {
    const { io, json } = invocation;
    const checks: Check[] = [];
    for await (const check of allChecks(invocation)) {
      checks.push(check);
      if (!json) await print(io, describe(check, io));
    }
    const sound = !checks.some(({ status }) => status === 'fail');
    if (json) await printJson(io, { ok: sound, checks });
    return sound ? EXIT_CODES.ok.code : EXIT_CODES.failure.code;
  },
};

async function* allChecks(invocation: Invocation<object>): AsyncGenerator<Check> {
  yield* machineChecks();
  try {
    yield* settingsChecks(commandConfig(invocation), invocation.io);
  } catch (error) {
    if (!LocalLiteError.is(error) || error.code !== 'invalid_config') throw error;
    yield { name: 'settings', status: 'fail', detail: error.message, advice: 'locallite config --help lists every setting' };
  }
}

const LOOKS: Readonly<Record<Check['status'], readonly [mark: string, style: Style]>> = {
  ok: ['ok  ', 'green'],
  warn: ['warn', 'yellow'],
  fail: ['FAIL', 'red'],
};

const NAME_WIDTH = 9;

function describe({ name, status, detail, advice }: Check, io: Io): string {
  const [mark, style] = LOOKS[status];
  const line = `${styled(io, style, mark)}  ${name.padEnd(NAME_WIDTH)}  ${detail}`;
  return advice === undefined ? line : `${line}\n${' '.repeat(NAME_WIDTH + 8)}${advice}`;
}
