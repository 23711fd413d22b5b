import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'ini';
import { SourceFailure } from './failure.ts';
import type { HttpSettings } from './http-client.ts';
import type { Environment } from './npm-settings.ts';
import { proxiesOf } from './proxies.ts';

/** The user's pip configuration, as far as fetching a wheel needs it. */
export interface PipSettings {
  /** Addresses of indexes, each with a slash at its end and without credentials. */
  readonly indexes: readonly string[];
  /** The Authorization header for an address on the host of an index that has credentials. */
  readonly authorization: (url: URL) => string | undefined;
  readonly http: Omit<HttpSettings, 'authorization' | 'stallTimeoutMs'>;
}

const DEFAULT_INDEX = 'https://pypi.org/simple';

/** Sections of pip.conf that speak to us, in rising order. */
const SECTIONS = ['global', 'download', 'install'];

/** Reads pip's files and variables in pip's order: global, user, environment's, PIP_CONFIG_FILE, PIP_… variables. */
export async function readPipSettings(environment: Environment, platform: NodeJS.Platform = process.platform): Promise<PipSettings> {
  const values = new Map<string, string>();
  for (const file of configFiles(environment, platform)) {
    for (const [key, value] of await readValues(file)) values.set(key, value);
  }
  for (const [name, value] of Object.entries(environment)) {
    const key = /^PIP_([A-Z_]+)$/.exec(name)?.[1];
    if (key !== undefined && value !== undefined && value !== '') values.set(key.toLowerCase().replaceAll('_', '-'), value);
  }
  return settingsFrom(values, environment);
}

/** https://pip.pypa.io/en/stable/topics/configuration/#location */
function configFiles(environment: Environment, platform: NodeJS.Platform): readonly string[] {
  const own = environment['PIP_CONFIG_FILE'];
  if (own === '/dev/null' || own?.toLowerCase() === 'nul') return [];
  const home = environment['HOME'] ?? environment['USERPROFILE'] ?? homedir();
  const name = platform === 'win32' ? 'pip.ini' : 'pip.conf';
  const venv = environment['VIRTUAL_ENV'];
  return [
    ...globalFiles(environment, platform),
    join(home, platform === 'win32' ? 'pip' : '.pip', name),
    userFile(environment, platform, home),
    ...(venv === undefined ? [] : [join(venv, name)]),
    ...(own === undefined ? [] : [own]),
  ];
}

function globalFiles(environment: Environment, platform: NodeJS.Platform): readonly string[] {
  if (platform === 'win32') return [join(environment['PROGRAMDATA'] ?? 'C:\\ProgramData', 'pip', 'pip.ini')];
  if (platform === 'darwin') return ['/Library/Application Support/pip/pip.conf'];
  const folders = (environment['XDG_CONFIG_DIRS'] || '/etc/xdg').split(':').filter((folder) => folder !== '');
  return [...folders.map((folder) => join(folder, 'pip', 'pip.conf')), '/etc/pip.conf'];
}

function userFile(environment: Environment, platform: NodeJS.Platform, home: string): string {
  if (platform === 'win32') return join(environment['APPDATA'] ?? join(home, 'AppData', 'Roaming'), 'pip', 'pip.ini');
  return join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'pip', 'pip.conf');
}

async function readValues(file: string): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  const values = new Map<string, string>();
  if (text === undefined) return values;
  const sections: Readonly<Record<string, unknown>> = parse(plainIni(text));
  for (const name of SECTIONS) {
    const section = sections[name];
    if (typeof section !== 'object' || section === null) continue;
    for (const [key, value] of Object.entries(section)) values.set(key.toLowerCase().replaceAll('_', '-'), String(value));
  }
  return values;
}

/** Python's form has values over several lines, `key: value`, and no comments inside a line; brought into the form that `ini` reads. */
function plainIni(text: string): string {
  const lines: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const last = lines.at(-1);
    if (/^\s/.test(line) && last !== undefined && !last.startsWith('[')) lines[lines.length - 1] = `${last} ${escaped(line.trim())}`;
    else lines.push(line.startsWith('[') ? line.trim() : escaped(line.trim().replace(/^([\w-]+)\s*:\s*/, '$1 = ')));
  }
  return lines.join('\n');
}

const escaped = (line: string): string => line.replace(/[;#]/g, '\\$&');

async function certificatesOf(values: ReadonlyMap<string, string>): Promise<readonly string[] | undefined> {
  const file = values.get('cert');
  if (file === undefined) return undefined;
  try {
    return [await readFile(file, 'utf8')];
  } catch (error) {
    throw new SourceFailure('refused', `pip's setting cert names ${file}, which cannot be read`, { cause: error });
  }
}

const words = (text: string | undefined): readonly string[] => (text ?? '').split(/\s+/).filter((word) => word !== '');

async function settingsFrom(values: ReadonlyMap<string, string>, environment: Environment): Promise<PipSettings> {
  const noIndex = /^(1|true|yes|on)$/i.test(values.get('no-index') ?? '');
  const addresses = noIndex ? [] : [values.get('index-url') ?? DEFAULT_INDEX, ...words(values.get('extra-index-url'))];
  const credentials = new Map<string, string>();
  const indexes = addresses.map((address) => indexOf(address, credentials));
  const proxy = values.get('proxy');
  return {
    indexes,
    authorization: (url) => credentials.get(url.origin),
    http: {
      ...(proxy === undefined ? proxiesOf(environment) : { httpProxy: proxy, httpsProxy: proxy }),
      certificates: await certificatesOf(values),
      trustedHosts: words(values.get('trusted-host')),
    },
  };
}

/** The index without its credentials, which are kept by origin. */
function indexOf(address: string, credentials: Map<string, string>): string {
  if (!URL.canParse(address)) throw new SourceFailure('refused', "pip's index-url is not an address");
  const url = new URL(address);
  if (url.username !== '') {
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    credentials.set(url.origin, `Basic ${Buffer.from(pair).toString('base64')}`);
    url.username = '';
    url.password = '';
  }
  return url.href.endsWith('/') ? url.href : `${url.href}/`;
}
