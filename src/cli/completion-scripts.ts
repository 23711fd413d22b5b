/** Shells that a completion script can be written for. */
export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof SHELLS)[number];

/** What a completion knows of one command. */
export interface CommandWords {
  readonly name: string;
  readonly summary: string;
  readonly subcommands: readonly string[];
  /** Long forms: `--model`. */
  readonly options: readonly string[];
  /** Its arguments are names of models. */
  readonly takesModel: boolean;
}

const COMMON_OPTIONS = ['--json', '--home', '--config', '--url', '--help'];
const INSTALLED = 'locallite list --names 2>/dev/null';

/** The script that makes `shell` complete our commands; it is meant to be sourced. */
export function completionScript(shell: Shell, commands: readonly CommandWords[]): string {
  switch (shell) {
    case 'bash':
      return bashScript(commands);
    case 'zsh':
      return `autoload -U +X bashcompinit && bashcompinit\n${bashScript(commands)}`;
    case 'fish':
      return fishScript(commands);
    case 'powershell':
      return powershellScript(commands);
  }
}

function wordsOf(command: CommandWords): string {
  return [...command.subcommands, ...command.options, ...COMMON_OPTIONS].join(' ');
}

function bashScript(commands: readonly CommandWords[]): string {
  const cases = commands.map((command) => {
    const models = command.takesModel ? ` $(${INSTALLED})` : '';
    return `    ${command.name}) words="${wordsOf(command)}${models}" ;;`;
  });
  return `_locallite() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${[...commands.map(({ name }) => name), 'help', '--version', '--help'].join(' ')}" -- "$current"))
    return
  fi
  case "$previous" in
    -m|--model) COMPREPLY=($(compgen -W "$(${INSTALLED})" -- "$current")); return ;;
    -f|--file|--config|--home) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _locallite locallite`;
}

function fishScript(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap((command) => {
    const inside = `-n '__fish_seen_subcommand_from ${command.name}'`;
    return [
      `complete -c locallite -f -n __fish_use_subcommand -a ${command.name} -d '${command.summary.replaceAll("'", "\\'")}'`,
      ...command.subcommands.map((name) => `complete -c locallite -f ${inside} -a ${name}`),
      ...command.options.map((option) => `complete -c locallite ${inside} -l ${option.slice(2)}`),
      ...(command.takesModel ? [`complete -c locallite -f ${inside} -a '(${INSTALLED})'`] : []),
    ];
  });
  const common = COMMON_OPTIONS.map((option) => `complete -c locallite -l ${option.slice(2)}`);
  return [...lines, `complete -c locallite -l model -x -a '(${INSTALLED})'`, ...common].join('\n');
}

function powershellScript(commands: readonly CommandWords[]): string {
  const entries = commands.map((command) => `    '${command.name}' = '${wordsOf(command)}'`);
  const takers = commands.filter(({ takesModel }) => takesModel).map(({ name }) => `'${name}'`);
  return `Register-ArgumentCompleter -Native -CommandName locallite -ScriptBlock {
  param($word, $line, $position)
  $commands = [ordered]@{
${entries.join('\n')}
  }
  $typed = @($line.CommandElements | ForEach-Object { $_.ToString() })
  $count = $typed.Count - [int]($word -ne '')
  $candidates = if ($count -le 1) { $commands.Keys } else { "$($commands[$typed[1]])".Split(' ') }
  if ($count -gt 1 -and (@(${takers.join(', ')}) -contains $typed[1] -or $typed[$count - 1] -eq '--model')) {
    $candidates = @($candidates) + @(locallite list --names 2>$null)
  }
  $candidates | Where-Object { $_ -like "$word*" } | ForEach-Object { [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }
}`;
}
