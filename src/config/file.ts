import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Document, LineCounter, YAMLError } from 'yaml';
import { yaml } from './yaml.ts';

/** Names under which a settings file is found. */
export const FILE_NAMES = ['locallite.yaml', 'locallite.yml', 'locallite.json'] as const;

const LARGEST_FILE_BYTES = 2 ** 20;
const MOST_ALIASES = 100;

/** What stands in a settings file: plain data, and the line on which a key stands. */
export interface SettingsFile {
  readonly path: string;
  readonly content: Readonly<Record<string, unknown>>;
  /** `file:line` of the key at that path inside the file, or the file alone where the line is unknown. */
  placeOf(path: readonly string[]): string;
}

/** What came of looking for or reading a file; each problem is one line for the user, without any value from the file. */
export interface FileResult {
  readonly file: SettingsFile | undefined;
  readonly problems: readonly string[];
}

/** The first folder of `folders` that has a settings file decides; two of them in one folder are a problem. */
export function findSettingsFile(folders: readonly string[]): { readonly path: string | undefined; readonly problems: readonly string[] } {
  for (const folder of folders) {
    const [path, second] = FILE_NAMES.map((name) => join(folder, name)).filter((candidate) => existsSync(candidate));
    if (path === undefined) continue;
    const problems =
      second === undefined ? [] : [`${path} and ${second}: two settings files in one folder; keep one, or name it with --config`];
    return { path, problems };
  }
  return { path: undefined, problems: [] };
}

/** Reads a YAML 1.2 or JSON file of at most 1 MiB. An empty file is a file without settings. */
export function readSettingsFile(path: string): FileResult {
  const source = readText(path);
  if (typeof source !== 'string') return { file: undefined, problems: [`${path}: ${source.problem}`] };
  const { LineCounter, parseDocument } = yaml();
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) return { file: undefined, problems: faults.map((fault) => faultLine(path, fault, lines, source)) };
  return withContent(path, document, lines);
}

function readText(path: string): string | { readonly problem: string } {
  try {
    const { size } = statSync(path);
    if (size > LARGEST_FILE_BYTES) return { problem: `the settings file has ${size} bytes; at most ${LARGEST_FILE_BYTES} are read` };
    return readFileSync(path, 'utf8');
  } catch (error) {
    return {
      problem: `the settings file cannot be read (${error instanceof Error && 'code' in error ? String(error.code) : String(error)})`,
    };
  }
}

function withContent(path: string, document: Document, lines: LineCounter): FileResult {
  const refused = (problem: string): FileResult => ({ file: undefined, problems: [`${path}: ${problem}`] });
  const loose = looseAlias(document);
  if (loose !== undefined)
    return { file: undefined, problems: [`${path}:${lines.linePos(loose).line}: an alias (*) without its anchor (&) above it`] };
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: MOST_ALIASES }) ?? {};
  } catch (error) {
    if (error instanceof ReferenceError) return refused('its aliases (*) expand too far; write the values out');
    throw error;
  }
  if (!isPlainObject(content)) return refused('expected a mapping of settings, such as `port: 11435`');
  return { file: { path, content, placeOf: (keys) => placeOf(path, document, lines, keys) }, problems: [] };
}

/** Where an alias stands that no anchor resolves. */
function looseAlias(document: Document): number | undefined {
  const { visit } = yaml();
  let offset: number | undefined;
  visit(document, {
    Alias: (_key, node) => {
      if (node.resolve(document) !== undefined) return undefined;
      offset = node.range?.[0] ?? 0;
      return visit.BREAK;
    },
  });
  return offset;
}

function placeOf(path: string, document: Document, lines: LineCounter, keys: readonly string[]): string {
  const { isMap, isScalar } = yaml();
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const name of keys) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && String(key.value) === name) : undefined;
    if (pair === undefined) break;
    offset = isScalar(pair.key) ? pair.key.range?.[0] : undefined;
    node = pair.value;
  }
  return offset === undefined ? path : `${path}:${lines.linePos(offset).line}`;
}

/** The parser quotes the text it trips over, which may be a secret: only the part before the quotation is kept. */
function faultLine(path: string, fault: YAMLError, lines: LineCounter, source: string): string {
  const [offset] = fault.pos;
  const { line, col } = lines.linePos(offset);
  const place = `${path}:${line}:${col}`;
  if (fault.code === 'DUPLICATE_KEY') {
    const name = /^["']?([\w./-]+)/.exec(source.slice(offset))?.[1] ?? 'a key';
    return `${place}: ${name} stands there twice; keep one`;
  }
  const message = fault.code === 'BAD_DQ_ESCAPE' ? 'Invalid escape sequence' : fault.message.replace(/: .*$/s, '');
  return `${place}: not valid YAML: ${message}`;
}

/** True for an object literal, as opposed to a list, null or an instance of a class. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
