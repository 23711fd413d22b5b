import { Argument, Command, Option } from 'commander';
import { settingFlags, splitFlags } from '../config/describe.ts';
import { nearest, nearestFlag } from '../config/names.ts';
import { LocalLiteError } from '../errors.ts';
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
  addCommonOptions(program, false);
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
    outputError: (text: string, write: (text: string) => void) => write(withSuggestion(text)),
    getOutHelpWidth: () => width,
    getErrHelpWidth: () => width,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  };
}

/** Commander suggests only options that the help lists; settings are accepted everywhere and listed in two places. */
function withSuggestion(text: string): string {
  const flag = text.includes('Did you mean') ? undefined : /unknown option '(--[\w-]+)'/.exec(text)?.[1];
  const meant = flag === undefined ? undefined : nearestFlag(flag);
  return meant === undefined ? text : `${text.trimEnd()}\n(Did you mean ${meant}?)\n`;
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
  if (definition.subcommands !== undefined) command.usage(`${definition.run === undefined ? '<command>' : '[command]'} [options]`);
  addCommonOptions(command, definition.local ?? false);
  addSettings(command, definition.showSettings ?? false);
  addExamples(command, definition.examples, definition.showSettings ?? false);
  command.showHelpAfterError(`(locallite ${pathOf(command)} --help shows how)`);
  if (definition.run === undefined) return;
  if (definition.subcommands !== undefined) command.allowExcessArguments();
  command.action(async (...values: unknown[]) => {
    if (definition.subcommands !== undefined) refuseUnknown(command, definition.subcommands);
    const invocation = invocationOf(command, values.slice(0, -2), io);
    if (definition.local && invocation.url !== undefined) {
      throw new LocalLiteError('invalid_request', `--url means nothing to ${pathOf(command)}, which is about this machine`, {
        param: 'url',
      });
    }
    await called(definition, invocation);
  });
}

/** A command that does something without a subcommand gets its unknown ones as arguments. */
function refuseUnknown(command: Command, subcommands: readonly { readonly name: string }[]): void {
  const [given] = command.args;
  if (given === undefined) return;
  const names = subcommands.map(({ name }) => name);
  const meant = nearest(given, names);
  command.error(
    `error: unknown command '${given}'\n(${meant === undefined ? `There are: ${names.join(', ')}` : `Did you mean ${meant}?`})`,
  );
}

function argumentOf(syntax: string, help: string, choices: readonly string[] | undefined): Argument {
  const argument = new Argument(syntax, help);
  return choices === undefined ? argument : argument.choices(choices);
}

function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
}

function addCommonOptions(command: Command, local: boolean): void {
  const option = (flags: string, help: string): Option => new Option(flags, help).helpGroup(COMMON_GROUP);
  command
    .addOption(option('--json', 'Write JSON'))
    .addOption(option('--home <path>', 'Folder for models and state (LOCALLITE_HOME)'))
    .addOption(option('--config <path>', 'Settings file (LOCALLITE_CONFIG)'))
    .addHelpOption(option('-h, --help', 'Explain the command'));
  if (!local) command.addOption(option('--url <address>', 'Talk to the gateway at this address, with the key of the setting api_key'));
}

function addSettings(command: Command, shown: boolean): void {
  for (const setting of settingFlags()) {
    if (setting.key === 'home') continue;
    const also = setting.alias === undefined ? '' : ` or its alias ${setting.alias}`;
    const help = `${setting.help} (${setting.env}${also}${setting.default ? `; default: ${setting.default}` : ''})`;
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
  return { args, options: options as never, settings, json: json ?? false, file: config, url, commands: COMMANDS, io };
}
