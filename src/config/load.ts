import { resolve } from 'node:path';
import { LocalLiteError } from '../errors.ts';
import { checkValue } from './check.ts';
import type { Environment } from './environment.ts';
import { type FileResult, findSettingsFile, readSettingsFile } from './file.ts';
import { accessProblems, pairProblems } from './rules.ts';
import { type Config, type ConfigOptions, isSettingKey, SETTING_KEYS, type SettingKey, settingOf } from './settings.ts';
import { fromEnvironment, fromFile, fromFlags, fromOptions, type GivenValue, type Source, type SourceName } from './sources.ts';

/** What {@link loadConfig} reads; everything is optional. */
export interface ConfigSources {
  /** Flags by name (`--batch-bulk-above`, `batchBulkAbove` or `batch.bulk_above`); other flags of a command must be taken out first. */
  readonly flags?: Readonly<Record<string, unknown>>;
  /** Any part of the settings as a nested object; as strong as flags, which win where both are given. */
  readonly options?: ConfigOptions;
  /** See `processEnvironment`. Absent: an empty environment. */
  readonly env?: Environment;
  /** Path of the settings file; false reads none. Absent: `LOCALLITE_CONFIG`, else one in the working folder, else one in `home`. */
  readonly file?: string | false;
  /** Working folder. */
  readonly folder?: string;
  /** False for callers that open no port: an address that needs a key is then fine without one. Default true. */
  readonly listens?: boolean;
  /** Says whether `home` holds keys made with `locallite keys`. Absent: it does not. */
  readonly hasKeys?: (home: string) => boolean;
}

/** The origin of one setting's value. */
interface ValueOrigin {
  readonly from: SourceName;
  /** The flag, the variable, `file:line`, `options` or `default`. */
  readonly origin: string;
}

/** Checked settings, and where each of them comes from. */
export interface LoadedConfig {
  readonly config: Config;
  readonly origins: Readonly<Record<SettingKey, ValueOrigin>>;
  /** The settings file that was read. */
  readonly file: string | undefined;
}

/**
 * Reads the settings: flag before environment before file before default. Call it once at start and hand the result down.
 * @throws LocalLiteError invalid_config, whose message has one line for each wrong value, unknown key, variable or flag: where it
 * stands and what would be right. Secrets are not repeated.
 */
export function loadConfig(sources: ConfigSources = {}): LoadedConfig {
  const { env = {}, folder = process.cwd() } = sources;
  const strong = [fromFlags(sources.flags ?? {}, folder), fromOptions({ ...sources.options }, folder), fromEnvironment(env, folder)];
  const { file, problems: fileProblems } = openFile(sources, env, folder, strong);
  const layers: readonly Source[] = file === undefined ? strong : [...strong, fromFile(file)];
  const { chosen, broken, problems: wrong } = chooseValues(layers.flatMap((layer) => layer.values));
  const problems = [...layers.flatMap((layer) => layer.problems), ...fileProblems, ...wrong];
  const loaded: LoadedConfig = { ...assemble(chosen, env), file: file?.path };
  refuse([...problems, ...jointProblems(loaded.config, sources, broken)]);
  return loaded;
}

function openFile(sources: ConfigSources, env: Environment, folder: string, strong: readonly Source[]): FileResult {
  if (sources.file === false) return { file: undefined, problems: [] };
  const named = sources.file ?? env['LOCALLITE_CONFIG'];
  if (named?.trim() === '')
    return { file: undefined, problems: ['LOCALLITE_CONFIG (environment): expected the path of a settings file, got ""'] };
  if (named !== undefined) return readSettingsFile(resolve(folder, named));
  const { path, problems } = findSettingsFile([folder, homeBeforeFile(strong, env)]);
  if (path === undefined) return { file: undefined, problems };
  const result = readSettingsFile(path);
  return { file: result.file, problems: [...problems, ...result.problems] };
}

/** The home folder as flags and environment give it; the file may move it, but is not looked for again there. */
function homeBeforeFile(strong: readonly Source[], env: Environment): string {
  const given = strong.flatMap((source) => source.values).find((value) => value.key === 'home');
  const checked = given && checkValue(given);
  return String(checked?.ok ? checked.value : settingOf('home').fallback(env));
}

type Chosen = ReadonlyMap<SettingKey, { readonly value: unknown } & ValueOrigin>;

interface Choice {
  readonly chosen: Chosen;
  readonly broken: ReadonlySet<SettingKey>;
  readonly problems: readonly string[];
}

/** Checks every given value, also those that a stronger source overrides, and keeps the strongest of each key. */
function chooseValues(given: readonly GivenValue[]): Choice {
  const broken = new Set<SettingKey>();
  const chosen = new Map<SettingKey, { readonly value: unknown } & ValueOrigin>();
  const problems: string[] = [];
  for (const candidate of given) {
    const checked = checkValue(candidate);
    if (!checked.ok) {
      broken.add(candidate.key);
      problems.push(...checked.problems);
    } else if (!chosen.has(candidate.key)) {
      chosen.set(candidate.key, { value: checked.value, from: candidate.from, origin: candidate.origin });
    }
  }
  return { chosen, broken, problems };
}

function assemble(chosen: Chosen, env: Environment): Pick<LoadedConfig, 'config' | 'origins'> {
  const config: Record<string, unknown> = {};
  const origins: Partial<Record<SettingKey, ValueOrigin>> = {};
  for (const key of SETTING_KEYS) {
    const { value, from, origin } = chosen.get(key) ?? { value: settingOf(key).fallback(env), from: 'default' as const, origin: 'default' };
    place(config, key, value);
    origins[key] = { from, origin };
  }
  freezeSections(config, '');
  // The table names every key of both types, and the loop above has put a checked value at each.
  return { config: config as Config, origins: origins as Record<SettingKey, ValueOrigin> };
}

/** Puts a value where its dotted key says, in sections within sections. */
function place(config: Record<string, unknown>, key: SettingKey, value: unknown): void {
  const path = key.split('.');
  const last = path.pop() ?? key;
  let section = config;
  for (const name of path) {
    const inner = section[name];
    const next: Record<string, unknown> = isSection(inner) ? inner : {};
    section[name] = next;
    section = next;
  }
  section[last] = value;
}

function freezeSections(section: Record<string, unknown>, above: string): void {
  for (const [name, value] of Object.entries(section)) {
    const key = above + name;
    if (isSection(value) && !isSettingKey(key)) freezeSections(value, `${key}.`);
    else Object.freeze(value);
  }
  Object.freeze(section);
}

const isSection = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const ACCESS_KEYS: readonly SettingKey[] = ['host', 'home', 'api_key', 'api_keys_file', 'allow_unauthenticated', 'cors.origins'];
const PAIRED_KEYS: readonly SettingKey[] = ['tls.cert', 'tls.key'];

/** A rule over several settings says nothing while one of them is wrong by itself: its default would be judged in its place. */
function jointProblems(config: Config, sources: ConfigSources, broken: ReadonlySet<SettingKey>): readonly string[] {
  const sound = (keys: readonly SettingKey[]) => !keys.some((key) => broken.has(key));
  const pairs = sound(PAIRED_KEYS) ? pairProblems(config) : [];
  if (sources.listens === false || !sound(ACCESS_KEYS)) return pairs;
  return [...pairs, ...accessProblems(config, sources.hasKeys?.(config.home) ?? false)];
}

function refuse(problems: readonly string[]): void {
  if (problems.length === 0) return;
  const head = problems.length === 1 ? 'a setting is wrong:' : `${problems.length} settings are wrong:`;
  throw new LocalLiteError('invalid_config', [head, ...problems.map((problem) => `  ${problem}`)].join('\n'));
}
