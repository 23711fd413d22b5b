import { distance } from 'fastest-levenshtein';
import { isSettingKey, SETTING_KEYS, type SettingKey, settingOf } from './settings.ts';

const PREFIX = 'LOCALLITE_';

/** Variables that are ours without being settings, with their meaning. */
export const OTHER_VARIABLES: Readonly<Record<string, string>> = {
  LOCALLITE_CONFIG: 'Path of the settings file, as with `--config`',
};

/** `batch.bulk_above` -> `LOCALLITE_BATCH_BULK_ABOVE`. */
export function variableOf(key: SettingKey): string {
  return PREFIX + key.replaceAll('.', '_').toUpperCase();
}

/** `batch.bulk_above` -> `--batch-bulk-above`. */
export function flagOf(key: SettingKey): string {
  return `--${key.replaceAll(/[._]/g, '-')}`;
}

const KEY_OF_FLAG: ReadonlyMap<string, SettingKey> = new Map(SETTING_KEYS.map((key) => [flagOf(key), key]));

const KEY_OF_VARIABLE: ReadonlyMap<string, SettingKey> = new Map(
  SETTING_KEYS.flatMap((key) => ownVariables(key).map((name) => [name, key])),
);

/** The variables of a setting that carry our prefix: its own name, then its alias. */
export function ownVariables(key: SettingKey): readonly string[] {
  const { alias } = settingOf(key);
  return alias === undefined ? [variableOf(key)] : [variableOf(key), alias];
}

/** The setting of a flag, written `--batch-bulk-above`, `batch-bulk-above`, `batchBulkAbove` (as commander stores it) or as its key. */
export function keyOfFlag(name: string): SettingKey | undefined {
  return isSettingKey(name) ? name : KEY_OF_FLAG.get(flagSpelling(name));
}

/** The setting of one of our environment variables. */
export function keyOfVariable(name: string): SettingKey | undefined {
  return KEY_OF_VARIABLE.get(name);
}

/** `batchBulkAbove` or `batch-bulk-above` -> `--batch-bulk-above`. */
export function flagSpelling(name: string): string {
  const dashed = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `--${dashed.replace(/^-+/, '')}`;
}

/** True for a variable that can only be meant for us. */
export function looksLikeOurs(variable: string): boolean {
  return variable.toUpperCase().startsWith(PREFIX);
}

/** The key a user probably meant by `name` in the file. */
export function nearestKey(name: string): string | undefined {
  const lastPart = SETTING_KEYS.find((key) => key.endsWith(`.${name}`));
  return lastPart ?? nearest(name, SETTING_KEYS);
}

/** The flag a user probably meant. */
export function nearestFlag(flag: string): string | undefined {
  return nearest(
    flag.slice(2),
    [...KEY_OF_FLAG.keys()].map((known) => known.slice(2)),
    '--',
  );
}

/** The variable a user probably meant. */
export function nearestVariable(name: string): string | undefined {
  const known = [...KEY_OF_VARIABLE.keys(), ...Object.keys(OTHER_VARIABLES)].map((variable) => variable.slice(PREFIX.length));
  return nearest(name.toUpperCase().slice(PREFIX.length), known, PREFIX);
}

/**
 * The one of `known` that begins with `name` (three letters or more), else the nearest with less than a third of its letters wrong, or with
 * two letters in each other's place; with `prefix` before it.
 */
export function nearest(name: string, known: readonly string[], prefix = ''): string | undefined {
  const begun = name.length >= 3 ? known.find((candidate) => candidate.startsWith(name)) : undefined;
  if (begun !== undefined) return prefix + begun;
  const ranked = known.map((candidate) => ({ candidate, far: distance(name, candidate) })).sort((a, b) => a.far - b.far);
  const best = ranked[0];
  const swapped = known.find((candidate) => isSwapped(name, candidate));
  if (swapped !== undefined && (best?.far ?? 2) >= 2) return prefix + swapped;
  return best && best.far <= Math.max(1, Math.floor(best.candidate.length / 3)) ? prefix + best.candidate : undefined;
}

/** Two letters beside each other stand the wrong way round: `prot` for `port`. */
function isSwapped(name: string, candidate: string): boolean {
  if (name.length !== candidate.length) return false;
  const at = [...name].findIndex((letter, index) => letter !== candidate[index]);
  const turned = name.slice(0, at) + (name[at + 1] ?? '') + (name[at] ?? '') + name.slice(at + 2);
  return at >= 0 && turned === candidate;
}
