import type { Option } from 'commander';
import type { Io } from './io.ts';

/** What a command gets: its arguments, its own options, the settings given as flags, and the options every command has. */
export interface Invocation<Options> {
  /** One entry for each declared argument; a variadic one is an array, an absent one undefined. */
  readonly args: readonly unknown[];
  readonly options: Options;
  /** Settings given as flags, ready for `loadConfig`. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Write JSON instead of text for people. */
  readonly json: boolean;
  /** Path of the settings file; absent: found as `loadConfig` does. */
  readonly file: string | undefined;
  /** Address of a gateway to talk to instead of the one of HOME. */
  readonly url: string | undefined;
  /** All commands there are, for one that is about them. */
  readonly commands: readonly CommandEntry[];
  readonly io: Io;
}

/** A line of `--help`: what to type, and what it does. */
export interface Example {
  readonly command: string;
  readonly does: string;
}

/** One command: how it is called, how it is explained, what it does. */
export interface CommandDefinition<Options = object> {
  /** Commander's syntax, the help line and the allowed words, e.g. `['<model>', 'id, alias or reference']`. */
  readonly arguments?: readonly (readonly [syntax: string, help: string, choices?: readonly string[]])[];
  readonly options?: readonly Option[];
  /** Paragraphs between the usage line and the options. */
  readonly details?: string;
  readonly examples: readonly Example[];
  /** List every setting in `--help`; elsewhere they are accepted but not listed. */
  readonly showSettings?: boolean;
  /** It is about this machine and never talks to a gateway elsewhere. */
  readonly local?: boolean;
  /** The command ends itself on signals; `io.signal` does not abort. */
  readonly ownsSignals?: boolean;
  readonly subcommands?: readonly (CommandDefinition<never> & { readonly name: string; readonly summary: string })[];
  /**
   * Does the work. Absent for a command that only has subcommands.
   * @returns the exit code; nothing means 0
   * @throws LocalLiteError, which is printed and decides the exit code
   */
  run?(invocation: Invocation<Options>): Promise<number> | Promise<void>;
}

/** A command as the overview shows it; its file is read only when it is called. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly group: 'Serve' | 'Models' | 'Use' | 'Documents' | 'Access' | 'Look after';
  load(): Promise<CommandDefinition<never>>;
}
