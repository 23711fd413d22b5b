import type { CommandDefinition, CommandEntry } from '../command.ts';
import { type CommandWords, completionScript, SHELLS } from '../completion-scripts.ts';
import { print } from '../io.ts';
import { word } from '../options.ts';

export const completion: CommandDefinition = {
  local: true,
  arguments: [['<shell>', 'your shell', SHELLS]],
  details: 'Completes commands, options and the names of installed models.',
  examples: [
    { command: 'source <(locallite completion bash)', does: 'In ~/.bashrc' },
    { command: 'source <(locallite completion zsh)', does: 'In ~/.zshrc, after compinit' },
    { command: 'locallite completion fish > ~/.config/fish/completions/locallite.fish', does: 'For fish' },
    { command: 'locallite completion powershell >> $PROFILE', does: 'For PowerShell' },
  ],
  async run({ args, commands, io }) {
    const shell = SHELLS.find((name) => name === word(args[0])) ?? SHELLS[0];
    await print(io, completionScript(shell, await commandWords(commands)));
  },
};

/** Names and options of every command, as its own definition has them. */
async function commandWords(commands: readonly CommandEntry[]): Promise<readonly CommandWords[]> {
  return Promise.all(
    commands.map(async ({ name, summary, load }) => {
      const { options = [], subcommands = [], arguments: args = [] } = await load();
      const takesModel = args.some(([syntax]) => syntax.includes('model'));
      return {
        name,
        summary,
        takesModel,
        subcommands: subcommands.map((sub) => sub.name),
        options: options.flatMap((option) => (option.long ? [option.long] : [])),
      };
    }),
  );
}
