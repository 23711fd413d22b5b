import type { LoadedConfig } from './load.ts';
import { flagOf, keyOfFlag, variableOf } from './names.ts';
import { type Group, SETTING_KEYS, type SettingKey, settingOf } from './settings.ts';
import type { SourceName } from './sources.ts';

/** One line of `locallite config`. */
export interface DescribedSetting {
  readonly key: SettingKey;
  /** As a user would write it in the environment; empty where nothing is set, `***` for a secret. */
  readonly value: string;
  readonly from: SourceName;
  /** The flag, the variable, `file:line`, `options` or `default`. */
  readonly origin: string;
}

/** Every setting with its value and where that comes from, in the order of the table. Secrets are masked. */
export function describeConfig(loaded: LoadedConfig): readonly DescribedSetting[] {
  return SETTING_KEYS.map((key) => ({ key, value: shownValue(key, valueAt(loaded.config, key)), ...loaded.origins[key] }));
}

/** The value of a setting in a nested configuration, by its dotted key. */
export function valueAt(config: object, key: SettingKey): unknown {
  return key
    .split('.')
    .reduce<unknown>((node, name) => (typeof node === 'object' && node !== null ? Reflect.get(node, name) : undefined), config);
}

function shownValue(key: SettingKey, value: unknown): string {
  const { secret, kind } = settingOf(key);
  if (value === undefined) return '';
  return secret ? '***' : kind.show(value);
}

/** A setting as a flag of the command line. */
interface SettingFlag {
  readonly key: SettingKey;
  /** `--batch-bulk-above`. */
  readonly flag: string;
  /** What follows the flag: `<number>`; empty for a switch. */
  readonly argument: string;
  /** `--no-offline` for a switch. */
  readonly negative: string | undefined;
  readonly group: Group;
  readonly help: string;
  /** The default in words or as text; undefined where there is none. */
  readonly default: string | undefined;
  /** The variable that means the same. */
  readonly env: string;
  /** Another name of that variable, which is understood too. */
  readonly alias: string | undefined;
}

/** Every setting as a flag, in the order of the table, for the command line to register and explain. */
export function settingFlags(): readonly SettingFlag[] {
  return SETTING_KEYS.map((key) => {
    const { kind, group, help, alias } = settingOf(key);
    const flag = flagOf(key);
    const negative = kind.toggle ? flag.replace('--', '--no-') : undefined;
    const argument = kind.toggle ? '' : `<${kind.placeholder}>`;
    return { key, flag, argument, negative, group, help, default: defaultText(key), env: variableOf(key), alias };
  });
}

/** The default of a setting in words where it depends on the machine, otherwise as text; undefined where there is none. */
export function defaultText(key: SettingKey): string | undefined {
  const { kind, fallback, fallbackNote } = settingOf(key);
  if (fallbackNote !== undefined) return fallbackNote;
  const value = fallback({});
  return value === undefined ? undefined : kind.show(value);
}

/** Parts a command's options into those that are settings, ready for `loadConfig`, and the command's own. */
export function splitFlags<T extends Readonly<Record<string, unknown>>>(
  options: T,
): { readonly settings: Readonly<Record<string, unknown>>; readonly own: Partial<T> } {
  const settings: Record<string, unknown> = {};
  const own: Partial<T> = {};
  for (const name of Object.keys(options) as (keyof T & string)[]) {
    const key = keyOfFlag(name);
    if (key === undefined) own[name] = options[name];
    else settings[key] = options[name];
  }
  return { settings, own };
}
