import { LocalLiteError } from '../../errors.ts';
import type { ParseContext, ParsedContent } from '../document-types.ts';
import { type ZipMember, zipMembers } from '../zip.ts';
import { child, children, readXml, textOf, type XmlElement } from './office-xml.ts';

/** No office program writes so many parts. */
const MOST_MEMBERS = 50_000;

/** What a part of a package refers to. */
export interface Relationship {
  readonly id: string;
  /** Last word of its type, e.g. `image`, `hyperlink`, `notesSlide`. */
  readonly type: string;
  /** Name of the part; of an external one the address, which is never followed. */
  readonly target: string;
  readonly isExternal: boolean;
}

/** Parts of an office file (Open Packaging, OpenDocument, EPUB), each inflated when it is asked for. */
export class OfficePackage {
  readonly #members = new Map<string, ZipMember>();
  readonly #context: ParseContext;

  /** @throws LocalLiteError document_unreadable, document_too_large */
  static async open(bytes: Uint8Array, context: ParseContext): Promise<OfficePackage> {
    const members = await zipMembers(bytes, MOST_MEMBERS + 1);
    if (members.length > MOST_MEMBERS) throw new LocalLiteError('document_too_large', `the file has more than ${MOST_MEMBERS} parts`);
    return new OfficePackage(members, context);
  }

  private constructor(members: readonly ZipMember[], context: ParseContext) {
    this.#context = context;
    for (const member of members) if (!member.isFolder) this.#members.set(member.name.toLowerCase(), member);
  }

  names(): readonly string[] {
    return Array.from(this.#members.values(), ({ name }) => name);
  }

  has(name: string): boolean {
    return this.#members.has(name.toLowerCase());
  }

  /** @throws LocalLiteError document_unreadable where it is not there or damaged, document_encrypted, document_too_large */
  async bytes(name: string): Promise<Uint8Array> {
    const member = this.#members.get(name.toLowerCase());
    if (member === undefined) throw new LocalLiteError('document_unreadable', `the file lacks its part ${name}`);
    return await member.read((count) => this.#context.spend(count));
  }

  /** @throws LocalLiteError as {@link bytes}, and for a part that is not XML */
  async xml(name: string): Promise<XmlElement> {
    return readXml(await this.bytes(name), name);
  }

  /** A part that the document can do without: undefined where it is not there, or, with a warning, where it cannot be read. */
  async optionalXml(name: string | undefined): Promise<XmlElement | undefined> {
    if (name === undefined || !this.has(name)) return undefined;
    try {
      return await this.xml(name);
    } catch (error) {
      const { code, message } = LocalLiteError.from(error, 'document_unreadable');
      if (code === 'document_too_large') throw error;
      this.#context.warn({ code: 'part_unreadable', message, part: name });
      return undefined;
    }
  }

  /** What a part refers to, by the file beside it; of '' what the package does. */
  async relationships(part: string): Promise<readonly Relationship[]> {
    const slash = part.lastIndexOf('/') + 1;
    const list = await this.optionalXml(`${part.slice(0, slash)}_rels/${part.slice(slash)}.rels`);
    return children(list, 'rel:Relationship').map(({ attributes }) => {
      const isExternal = attributes['TargetMode'] === 'External';
      const target = attributes['Target'] ?? '';
      return {
        id: attributes['Id'] ?? '',
        type: (attributes['Type'] ?? '').replace(/^.*\//, ''),
        target: isExternal ? target : resolvePart(part, target),
        isExternal,
      };
    });
  }

  /** Name of the part that holds the document itself. @throws LocalLiteError document_unreadable */
  async mainPart(): Promise<string> {
    const main = (await this.relationships('')).find(({ type }) => type === 'officeDocument')?.target;
    if (main === undefined) throw new LocalLiteError('document_unreadable', 'the file does not say which of its parts is the document');
    return main;
  }

  /** Title, author and the like of a file of Office Open XML. */
  async metadata(): Promise<ParsedContent['metadata']> {
    const relationships = await this.relationships('');
    const part = (type: string): string | undefined => relationships.find((one) => one.type === type)?.target;
    const core = await this.optionalXml(part('core-properties') ?? part('metadata/core-properties') ?? 'docProps/core.xml');
    const extended = await this.optionalXml(part('extended-properties') ?? part('extendedProperties') ?? 'docProps/app.xml');
    return officeMetadata((name) => textOf(child(core, name)) || textOf(child(extended, name)));
  }
}

/** Metadata by a function that gives the text of a property or ''; names as in Office Open XML. */
export function officeMetadata(property: (name: string) => string): ParsedContent['metadata'] {
  const text = (name: string): string | undefined => property(name).replaceAll(/\s+/g, ' ').trim() || undefined;
  const properties = Object.fromEntries(
    [
      ['subject', text('dc:subject')],
      ['keywords', text('cp:keywords')],
      ['description', text('dc:description')],
      ['category', text('cp:category')],
      ['lastModifiedBy', text('cp:lastModifiedBy')],
      ['company', text('ep:Company')],
      ['publisher', text('dc:publisher')],
    ].filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
  const known = {
    title: text('dc:title'),
    author: text('dc:creator'),
    createdAt: isoDate(text('dcterms:created')),
    modifiedAt: isoDate(text('dcterms:modified')),
    language: text('dc:language'),
  };
  return {
    ...Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)),
    ...(Object.keys(properties).length > 0 && { properties }),
  };
}

/** ISO 8601 of a date as office programs write it; undefined for what is none. */
function isoDate(text: string | undefined): string | undefined {
  if (text === undefined || !/^\d{4}/.test(text)) return undefined;
  if (/^\d{4}(?:-\d\d(?:-\d\d)?)?$/.test(text)) return text;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** Name of the part that `target` means where it stands in `part`. */
export function resolvePart(part: string, target: string): string {
  const from = target.startsWith('/') ? [] : part.split('/').slice(0, -1);
  for (const step of decodePath(target).split('/')) {
    if (step === '..') from.pop();
    else if (step !== '' && step !== '.') from.push(step);
  }
  return from.join('/');
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
