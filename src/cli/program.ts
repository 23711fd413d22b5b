import { Argument, Command, Option } from 'commander';
import { settingFlags, splitFlags } from '../config/describe.ts';
import type { CommandDefinition, CommandEntry, Example, Invocation } from './command.ts';
import { COMMANDS } from './command-table.ts';
import type { Io } from './io.ts';
import { VERSION } from './version.ts';

/** Options that every command has. They may stand before or after the command's name. */
interface CommonOptions {
  readonly json?: boolean;
  readonly home?: string;
  readonly config?: string;
  readonly url?: string;
}

const COMMON_GROUP = 'Options of every command:';
const SETTINGS_NOTE = 'Every setting is also accepted as a flag, e.g. --threads 2; `locallite config --help` lists them.';

/** What the chosen command is called with; filled in while commander parses. */
export type Called = (definition: CommandDefinition<never>, invocation: Invocation<never>) => Promise<void>;

/**
 * The whole command line, with the options of `chosen` only: the other commands' files are not even read.
 * @param width columns of the help; a fixed one makes help reproducible
 */
export function buildProgram(io: Io, chosen: ReadonlyMap<string, CommandDefinition<never>>, called: Called, width = io.width): Command {
  const program = new Command('locallite')
    .description('Local, private, low-latency AI gateway: OpenAI-compatible embeddings on your own machine.')
    .version(VERSION, '-V, --version', 'Print the version')
    .usage('<command> [options]')
    .helpCommand('help [command]', 'Explain a command');
  program.exitOverride().configureOutput(outputOf(io, width));
  addCommonOptions(program);
  for (const entry of COMMANDS) {
    const command = program.command(entry.name).helpGroup(`${entry.group}:`);
    describe(command, entry, chosen.get(entry.name), io, called);
  }
  program.addHelpText('after', '\nlocallite <command> --help explains a command and shows examples.');
  return program;
}

function outputOf(io: Io, width: number) {
  return {
    writeOut: (text: string) => void io.out.write(text),
    writeErr: (text: string) => void io.err.write(text),
    getOutHelpWidth: () => width,
    getErrHelpWidth: () => width,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  };
}

function describe(
  command: Command,
  entry: Pick<CommandEntry, 'name' | 'summary'>,
  definition: CommandDefinition<never> | undefined,
  io: Io,
  called: Called,
): void {
  command.summary(entry.summary).description(definition?.details ? `${entry.summary}.\n\n${definition.details}` : `${entry.summary}.`);
  if (definition === undefined) return;
  for (const [syntax, help, choices] of definition.arguments ?? []) command.addArgument(argumentOf(syntax, help, choices));
  for (const option of definition.options ?? []) command.addOption(option);
  for (const sub of definition.subcommands ?? []) describe(command.command(sub.name), sub, sub, io, called);
  if (definition.subcommands !== undefined) command.usage('<command> [options]');
  addCommonOptions(command);
  addSettings(command, definition.showSettings ?? false);
  addExamples(command, definition.examples, definition.showSettings ?? false);
  command.showHelpAfterError(`(locallite ${pathOf(command)} --help shows how)`);
  if (definition.run === undefined) return;
  command.action(async (...values: unknown[]) => {
    const args = values.slice(0, -2);
    await called(definition, invocationOf(command, args, io));
  });
}

function argumentOf(syntax: string, help: string, choices: readonly string[] | undefined): Argument {
  const argument = new Argument(syntax, help);
  return choices === undefined ? argument : argument.choices(choices);
}

function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
}

function addCommonOptions(command: Command): void {
  command
    .addOption(new Option('--json', 'Write JSON').helpGroup(COMMON_GROUP))
    .addOption(new Option('--home <path>', 'Folder for models and state (LOCALLITE_HOME)').helpGroup(COMMON_GROUP))
    .addOption(new Option('--config <path>', 'Settings file (LOCALLITE_CONFIG)').helpGroup(COMMON_GROUP))
    .addOption(
      new Option('--url <address>', 'Talk to the gateway at this address, with the key of the setting api_key').helpGroup(COMMON_GROUP),
    )
    .helpOption('-h, --help', 'Explain the command')
    .optionsGroup('Options:');
}

function addSettings(command: Command, shown: boolean): void {
  for (const setting of settingFlags()) {
    if (setting.key === 'home') continue;
    const help = `${setting.help} (${setting.env}${setting.default ? `; default: ${setting.default}` : ''})`;
    const flags = [`${setting.flag} ${setting.argument}`.trim(), ...(setting.negative ? [setting.negative] : [])];
    for (const [index, flag] of flags.entries()) {
      const option = new Option(flag, help).helpGroup(`${setting.group} settings:`);
      command.addOption(shown && index === 0 ? option : option.hideHelp());
    }
  }
}

function addExamples(command: Command, examples: readonly Example[], settingsShown: boolean): void {
  const lines = examples.flatMap(({ command: line, does }) => [`  # ${does}`, `  ${line}`]);
  command.addHelpText('after', `${settingsShown ? '' : `\n${SETTINGS_NOTE}\n`}\nExamples:\n${lines.join('\n')}`);
}

function invocationOf(command: Command, args: readonly unknown[], io: Io): Invocation<never> {
  const { settings, own } = splitFlags(command.optsWithGlobals());
  const { json, config, url, ...options } = own as CommonOptions & Record<string, unknown>;
  // Commander checked them against the definition, whose command declares what it reads.
  return { args, options: options as never, settings, json: json ?? false, file: config, url, io };
}
