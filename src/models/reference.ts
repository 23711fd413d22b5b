import { createHash } from 'node:crypto';
import { LocalLiteError } from '../errors.ts';

/** Where a reference says a model comes from; without a source the catalogue decides, and an unknown id means the hub. */
export const REFERENCE_SOURCES = ['hub', 'npm', 'pypi', 'https', 'file'] as const;
export type ReferenceSource = (typeof REFERENCE_SOURCES)[number];

/**
 * A parsed `[source:]id[@revision][#variant]`. `id` keeps the case it was written in (lookups ignore it): an alias or
 * `owner/name` for the hub, a package name for npm and PyPI, the whole URL for https, a path for file.
 */
export interface Reference {
  readonly source: ReferenceSource | undefined;
  readonly id: string;
  readonly revision: string | undefined;
  readonly variant: string | undefined;
}

const VARIANT = /^[a-z0-9][a-z0-9._-]*$/;
const FORM = '[source:]id[@revision][#variant], for example BAAI/bge-small-en-v1.5 or npm:@scope/name@1.2.3#q4';

/** Shape of an id for each source, and the words that say it. */
const ID_FORMS: Readonly<Record<'catalog' | 'hub' | 'npm' | 'pypi', { readonly pattern: RegExp; readonly form: string }>> = {
  catalog: { pattern: /^[\w.-]+(\/[\w.-]+)?$/, form: 'a short name or owner/name, made of letters, digits, ".", "_" and "-"' },
  hub: { pattern: /^[\w.-]+\/[\w.-]+$/, form: 'owner/name, made of letters, digits, ".", "_" and "-"' },
  npm: { pattern: /^(@[\w.~-]+\/)?[\w.~-]+$/, form: 'a package name, optionally with a scope (@scope/name)' },
  pypi: { pattern: /^[A-Za-z0-9]([\w.-]*[A-Za-z0-9])?$/, form: 'a project name, made of letters, digits, ".", "_" and "-"' },
};

/**
 * Parses what a user wrote to name a model. Ollama's `:latest` is dropped; percent-escapes are decoded; a bare path
 * (`/models/x`, `./x`, `~/x`, `C:\models\x`) is a file reference and taken as it stands.
 * @throws LocalLiteError invalid_request for anything that is not of the form, naming what is wrong
 */
export function parseReference(text: string): Reference {
  const trimmed = text.trim();
  if (trimmed === '') throw invalid(text, 'it is empty');
  if (hasControl(trimmed)) throw invalid(text, 'it holds control characters');
  if (isPath(trimmed)) return { source: 'file', revision: undefined, ...splitVariant(trimmed, text) };
  const prefix = /^([a-z]+):/i.exec(trimmed)?.[1]?.toLowerCase();
  switch (prefix) {
    case 'https':
    case 'http':
      return parseUrl(trimmed, text);
    case 'file':
      return parseFile(trimmed.slice('file:'.length), text);
    case 'hub':
    case 'npm':
    case 'pypi':
      return parseNamed(prefix, trimmed.slice(prefix.length + 1), text);
    default:
      return parseNamed(undefined, trimmed, text);
  }
}

/**
 * Writes a reference so that {@link parseReference} gives the same parts back.
 * Percent-escapes are used only where a character would be read as a separator.
 */
export function formatReference(reference: Reference): string {
  const variant = reference.variant === undefined ? '' : `#${reference.variant}`;
  if (reference.source === 'https') return `${reference.id}${variant}`;
  if (reference.source === 'file') return `file:${escapePath(reference.id)}${variant}`;
  const revision = reference.revision === undefined ? '' : `@${reference.revision}`;
  return `${reference.source === undefined ? '' : `${reference.source}:`}${reference.id}${revision}${variant}`;
}

/**
 * The card id (`owner/name`) of a model that is named by reference and is not in the catalogue, e.g. for `models."<id>"` in settings:
 * the hub's own id; `npm/name`, `npm/scope.name` and `pypi/name` for packages; `https/…` and `file/…` with the last part of the
 * place and eight digits of its sha256 for the rest, so that two folders of one name stay apart.
 */
export function referenceId(reference: Reference): string {
  const { source, id } = reference;
  switch (source) {
    case undefined:
    case 'hub':
      return id;
    case 'npm':
      return `npm/${id.replace(/^@/, '').replace('/', '.').replaceAll('~', '-')}`;
    case 'pypi':
      return `pypi/${id.toLowerCase()}`;
    case 'https':
    case 'file':
      return `${source}/${placeName(id)}-${createHash('sha256').update(id).digest('hex').slice(0, 8)}`;
  }
}

function placeName(place: string): string {
  const last =
    place
      .replace(/[?].*$/, '')
      .split(/[\\/]/)
      .filter((part) => part !== '')
      .at(-1) ?? '';
  return last.replace(/[^\w.-]+/g, '-').replace(/^-+|-+$/g, '') || 'model';
}

function parseNamed(source: 'hub' | 'npm' | 'pypi' | undefined, rest: string, text: string): Reference {
  const { id: head, variant } = splitVariant(decode(rest, text), text);
  // A scope's own "@" stands first, so the one that opens the revision is looked for behind it.
  const at = head.indexOf('@', 1);
  const id = withoutLatest(at === -1 ? head : head.slice(0, at));
  const revision = at === -1 ? undefined : withoutLatest(head.slice(at + 1));
  checkId(source, id, text);
  if (revision !== undefined) checkRevision(revision, text);
  return { source, id, revision, variant };
}

function checkId(source: 'hub' | 'npm' | 'pypi' | undefined, id: string, text: string): void {
  const { pattern, form } = ID_FORMS[source ?? 'catalog'];
  if (pattern.test(id) && !id.split('/').some((part) => part === '.' || part === '..')) return;
  if (source === 'pypi' && id.includes('=')) throw invalid(text, 'a PyPI version is written with "@": pypi:name@1.2.3');
  const colon = id.indexOf(':');
  if (source === undefined && colon !== -1) throw invalid(text, unknownPrefix(id.slice(0, colon), id.slice(colon + 1)));
  throw invalid(text, id === '' ? 'the id is missing' : `the id ${JSON.stringify(id)} must be ${form}`);
}

function unknownPrefix(before: string, after: string): string {
  const sources = REFERENCE_SOURCES.map((source) => `${source}:`).join(', ');
  return `${JSON.stringify(before)} is not a source (${sources}), and of tags only ":latest" is known, not ${JSON.stringify(`:${after}`)}`;
}

function checkRevision(revision: string, text: string): void {
  const parts = revision.split('/');
  const sound = /^[\w.+/-]+$/.test(revision) && parts.every((part) => part !== '' && part !== '.' && part !== '..');
  if (!sound) throw invalid(text, `the revision ${JSON.stringify(revision)} must be a branch, tag, commit or exact version`);
}

function parseUrl(url: string, text: string): Reference {
  const { id, variant } = splitVariant(url, text);
  const parsed = URL.canParse(id) ? new URL(id) : undefined;
  if (parsed === undefined || parsed.hostname === '') throw invalid(text, 'it is not a complete URL (https://host/path)');
  if (parsed.username !== '' || parsed.password !== '') throw invalid('https:…', 'a URL must not carry a user name or password');
  if (parsed.protocol === 'http:' && !isLoopback(parsed.hostname))
    throw invalid(text, 'plain http is accepted for this machine only; use https');
  return { source: 'https', id, revision: undefined, variant };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

function parseFile(rest: string, text: string): Reference {
  const { id, variant } = splitVariant(rest, text);
  const path = decode(id.replace(/^\/\/(localhost)?(?=\/)/, ''), text);
  // file:///C:/models is C:/models: the slash before a drive letter belongs to the URL.
  const local = /^\/[A-Za-z]:[\\/]/.test(path) ? path.slice(1) : path;
  if (local === '') throw invalid(text, 'the path is missing');
  if (hasControl(local)) throw invalid(text, 'it holds control characters');
  return { source: 'file', id: local, revision: undefined, variant };
}

function isPath(text: string): boolean {
  return /^([A-Za-z]:[\\/]|[\\/]|\.{1,2}[\\/]|~[\\/])/.test(text) || text === '.' || text === '..';
}

/** Cuts `#variant` off. A "#" followed by something that cannot be a variant stays part of a path. */
function splitVariant(body: string, text: string): { id: string; variant: string | undefined } {
  const hash = body.lastIndexOf('#');
  if (hash === -1) return { id: body, variant: undefined };
  const variant = body.slice(hash + 1).toLowerCase();
  if (VARIANT.test(variant)) return { id: body.slice(0, hash), variant };
  throw invalid(text, `the variant ${JSON.stringify(variant)} must be a name such as fp32 or q4 (a "#" in a path is written file:…%23…)`);
}

function withoutLatest(id: string): string {
  return id.replace(/:latest$/i, '');
}

function decode(body: string, text: string): string {
  if (!body.includes('%')) return body;
  try {
    return decodeURIComponent(body);
  } catch {
    throw invalid(text, 'it holds a broken percent-escape (a plain "%" is written %25)');
  }
}

function escapePath(path: string): string {
  const escaped = path.replace(/%/g, '%25').replace(/#/g, '%23');
  // A path that starts with two slashes (a network share) would be read as a URL's host.
  return escaped.startsWith('//') ? `%2F${escaped.slice(1)}` : escaped;
}

function hasControl(text: string): boolean {
  return /\p{Cc}/u.test(text);
}

function invalid(text: string, problem: string): LocalLiteError {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return new LocalLiteError('invalid_request', `model reference ${JSON.stringify(shown)}: ${problem}. Expected ${FORM}`, {
    param: 'model',
  });
}
