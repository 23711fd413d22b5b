import { dirname } from 'node:path';
import type { Environment } from './environment.ts';
import { isPlainObject, type SettingsFile } from './file.ts';
import {
  flagOf,
  flagSpelling,
  keyOfFlag,
  keyOfVariable,
  looksLikeOurs,
  nearestFlag,
  nearestKey,
  nearestVariable,
  OTHER_VARIABLES,
  ownVariables,
} from './names.ts';
import { isSettingKey, SETTING_KEYS, type SettingKey, settingOf } from './settings.ts';

/** Where a value comes from. */
export type SourceName = 'default' | 'file' | 'env' | 'flag';

/** A value as it was given, not yet checked. */
export interface GivenValue {
  readonly key: SettingKey;
  readonly raw: unknown;
  readonly from: SourceName;
  /** The flag, the variable, `file:line` or `options`. */
  readonly origin: string;
  /** Folder against which relative paths are resolved. */
  readonly folder: string;
  /** The origin of something inside the value, where it can be told more closely. */
  readonly originOf?: (path: readonly string[]) => string;
}

/** The values of one source, and one line for each name in it that means nothing. */
export interface Source {
  readonly values: readonly GivenValue[];
  readonly problems: readonly string[];
}

const didYouMean = (name: string | undefined): string => (name === undefined ? '' : `; did you mean ${name}?`);

/** Reads flags by name; see {@link keyOfFlag} for the spellings. Those that are undefined count as not given. */
export function fromFlags(flags: Readonly<Record<string, unknown>>, folder: string): Source {
  const given = Object.entries(flags).filter(([, raw]) => raw !== undefined);
  const problems = given
    .filter(([name]) => keyOfFlag(name) === undefined)
    .map(([name]) => `${flagSpelling(name)}: no such flag${didYouMean(nearestFlag(flagSpelling(name)))}`);
  const values = given.flatMap(([name, raw]): GivenValue[] => {
    const key = keyOfFlag(name);
    return key === undefined ? [] : [{ key, raw, from: 'flag', origin: flagOf(key), folder }];
  });
  return { values, problems };
}

/** Reads the environment: our variables, then what other tools' variables say where ours are silent. */
export function fromEnvironment(environment: Environment, folder: string): Source {
  const set = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const ours = set.flatMap(([name, raw]): GivenValue[] => {
    const key = keyOfVariable(name);
    return key === undefined ? [] : [{ key, raw, from: 'env', origin: name, folder }];
  });
  const unknown = set.map(([name]) => name).filter((name) => looksLikeOurs(name) && !(name in OTHER_VARIABLES) && !keyOfVariable(name));
  const borrowed = SETTING_KEYS.filter((key) => !ours.some((value) => value.key === key)).flatMap((key) =>
    borrowedValue(key, environment, folder),
  );
  return { values: [...ours, ...borrowed], problems: [...unknown.map(unknownVariable), ...contradictions(ours)] };
}

function borrowedValue(key: SettingKey, environment: Environment, folder: string): readonly GivenValue[] {
  const origin = settingOf(key).borrowed?.find((name) => environment[name]);
  return origin === undefined ? [] : [{ key, raw: environment[origin], from: 'env', origin, folder }];
}

const SERVICE_LINK = /^LOCALLITE(_\w+)?_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$/;

function unknownVariable(name: string): string {
  const hint = SERVICE_LINK.test(name)
    ? '; Kubernetes made it from a service of that name: set enableServiceLinks: false'
    : didYouMean(nearestVariable(name));
  return `${name} (environment): no such setting${hint}`;
}

function contradictions(ours: readonly GivenValue[]): readonly string[] {
  return SETTING_KEYS.filter((key) => new Set(ours.filter((value) => value.key === key).map((value) => value.raw)).size > 1).map(
    (key) => `${key}: ${ownVariables(key).join(' and ')} are two names of one setting and differ; set one`,
  );
}

/** Reads a settings file. */
export function fromFile(file: SettingsFile): Source {
  return fromTree(file.content, (path) => ({
    from: 'file',
    origin: file.placeOf(path),
    folder: dirname(file.path),
    originOf: (inside) => file.placeOf([...path, ...inside]),
  }));
}

/** Reads a nested object given in-process; it counts as much as flags do. */
export function fromOptions(options: Readonly<Record<string, unknown>>, folder: string): Source {
  return fromTree(options, () => ({ from: 'flag', origin: 'options', folder }));
}

type Place = Omit<GivenValue, 'key' | 'raw'>;

function fromTree(tree: Readonly<Record<string, unknown>>, placeOf: (path: readonly string[]) => Place): Source {
  const values: GivenValue[] = [];
  const problems: string[] = [];
  const visit = (branch: Readonly<Record<string, unknown>>, above: readonly string[]): void => {
    for (const [name, raw] of Object.entries(branch)) {
      const path = [...above, name];
      const key = path.join('.');
      const place = placeOf(path);
      if (raw === undefined) continue;
      if (isSettingKey(key)) values.push({ key, raw, ...place });
      else if (!isSection(key)) problems.push(`${key} (${place.origin}): no such setting${didYouMean(nearestKey(key))}`);
      else if (isPlainObject(raw)) visit(raw, path);
      else if (raw !== null) problems.push(`${key} (${place.origin}): expected a mapping with ${membersOf(key)}`);
    }
  };
  visit(tree, []);
  return { values, problems: [...problems, ...repeated(values)] };
}

const isSection = (name: string): boolean => SETTING_KEYS.some((key) => key.startsWith(`${name}.`));

const membersOf = (section: string): string =>
  SETTING_KEYS.filter((key) => key.startsWith(`${section}.`))
    .map((key) => key.slice(section.length + 1))
    .join(', ');

/** A key may be written nested or with dots, but not both. */
function repeated(values: readonly GivenValue[]): readonly string[] {
  return values.flatMap((value, index) => {
    const first = values.findIndex((other) => other.key === value.key);
    return first === index ? [] : [`${value.key} (${value.origin}): given twice, also at ${values[first]?.origin}`];
  });
}
