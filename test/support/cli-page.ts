import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { COMMANDS } from '../../src/cli/command-table.ts';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import type { Io } from '../../src/cli/io.ts';
import { buildProgram } from '../../src/cli/program.ts';

const WIDTH = 110;

/** Streams of a command that runs inside a test, and what it wrote. */
export function fakeIo(overrides: Partial<Io> = {}) {
  const out = new PassThrough();
  const err = new PassThrough();
  const written = { out: '', err: '' };
  out.on('data', (chunk: Buffer) => {
    written.out += chunk.toString();
  });
  err.on('data', (chunk: Buffer) => {
    written.err += chunk.toString();
  });
  const io: Io = {
    input: new PassThrough(),
    out,
    err,
    terminal: { input: false, out: false, err: false },
    width: WIDTH,
    env: {},
    folder: process.cwd(),
    signal: new AbortController().signal,
    ...overrides,
  };
  return { io, written };
}

/** The whole command line with every command's options. */
export async function wholeProgram(): Promise<Command> {
  const definitions = await Promise.all(COMMANDS.map(async ({ name, load }) => [name, await load()] as const));
  return buildProgram(fakeIo().io, new Map(definitions), async () => undefined, WIDTH);
}

/** What `--help` prints, texts added before and after included. */
function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ ...command.configureOutput(), writeOut: (part) => (text += part) });
  command.outputHelp();
  return text.trimEnd();
}

/** docs/cli.md. */
export async function renderCliPage(): Promise<string> {
  const program = await wholeProgram();
  const commands = program.commands
    .filter((command) => command.name() !== 'help')
    .flatMap((command) => [command, ...command.commands.filter((sub) => sub.name() !== 'help')]);
  const codes = Object.values(EXIT_CODES).map(({ code, meaning }) => `| ${code} | ${meaning} |`);
  const sections = commands.map((command) => `## ${pathOf(command)}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``);
  return `${INTRODUCTION}
| Code | Meaning |
|---|---|
${codes.join('\n')}

## All commands

\`\`\`text
${helpOf(program)}
\`\`\`

${sections.join('\n\n')}
`;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

const INTRODUCTION = `# The command line

This page is made from the program's own help; \`npm run docs\` writes it anew.

In a checkout the program is \`npx locallite\`, after an installation \`locallite\`.

**Where the work is done.** Commands look for the gateway that serves the same HOME and talk to it; \`--url\` names another one.
Without a running gateway a command does the work itself, with the same results. Commands that change something (\`pull\`, \`rm\`,
\`alias\`, \`keys\`) then hold HOME for themselves for that time.

**Output.** Results go to the standard output, everything else (progress, hints, logs, errors) to the standard error, so that results can be
piped on. \`--json\` makes every result JSON: one object, or one a line where there are many; errors are then
\`{"error": {"code", "message", "param"}}\` on the standard error. Progress is a bar on a terminal and a few plain lines elsewhere. Colour
appears on terminals only and never when \`NO_COLOR\` is set.

**Settings.** Every setting is a flag of every command, a variable, and a key of the settings file: see [configuration](configuration.md).

**Stopping.** Ctrl-C cleans up and ends with code 130; a second one ends at once. An interrupted \`pull\` goes on where it stopped.

## Exit codes
`;
