import type { ParsedContent } from '../document-types.ts';
import { officeMetadata } from './office-package.ts';
import { charsetEncoding, pageEncoding } from './rtf-encodings.ts';

/** What the head of a file says of its text: fonts, styles, properties. */
export class RtfHeader {
  /** Encoding of text whose font names none. */
  encoding = 'windows-1252';
  defaultFont = 0;
  readonly #fonts = new Map<number, string>();
  readonly #styles = new Map<number, { name: string; outline: number | undefined }>();
  readonly #properties = new Map<string, string>();
  readonly #dates = new Map<string, Map<string, number>>();
  #font = 0;
  #style: number | undefined;

  page(number: number): void {
    this.encoding = pageEncoding(number);
  }

  /** A control word in the table of fonts. */
  fontWord(word: string, value: number): void {
    if (word === 'f') this.#font = value;
    const encoding = word === 'fcharset' ? charsetEncoding(value) : undefined;
    if (encoding !== undefined) this.#fonts.set(this.#font, encoding);
  }

  /** A control word in the table of styles. */
  styleWord(word: string, value: number): void {
    if (word === 's') {
      this.#style = value;
      this.#styles.set(value, { name: '', outline: undefined });
    } else if (word === 'cs' || word === 'ds' || word === 'ts') this.#style = undefined;
    const style = this.#styles.get(this.#style ?? -1);
    if (word === 'outlinelevel' && style !== undefined) style.outline = value;
  }

  /** A group of a table ends: what comes without a number of its own is the default style. */
  endEntry(): void {
    this.#style = 0;
  }

  styleName(text: string): void {
    const style = this.#styles.get(this.#style ?? -1) ?? { name: '', outline: undefined };
    style.name += text;
    if (this.#style !== undefined) this.#styles.set(this.#style, style);
  }

  property(name: string, text: string): void {
    this.#properties.set(name, (this.#properties.get(name) ?? '') + text);
  }

  date(name: string, part: string, value: number): void {
    const date = this.#dates.get(name) ?? new Map<string, number>();
    this.#dates.set(name, date.set(part, value));
  }

  fontEncoding(font: number | undefined): string {
    return this.#fonts.get(font ?? this.defaultFont) ?? this.encoding;
  }

  /** Level of a heading by its own `\outlinelevel` (0 to 8) or its style; undefined for other text. */
  headingLevel(style: number, outline: number | undefined): number | undefined {
    const known = this.#styles.get(style);
    const name = known?.name.replace(/;.*$/s, '').trim().toLowerCase() ?? '';
    const named = /^heading ([1-9])$/.exec(name)?.[1];
    if (name === 'title') return 1;
    const level = outline ?? known?.outline ?? (named === undefined ? undefined : Number(named) - 1);
    return level === undefined || level < 0 || level > 8 ? undefined : Math.min(6, level + 1);
  }

  isTitle(style: number): boolean {
    return /^title;?$/i.test(this.#styles.get(style)?.name.trim() ?? '');
  }

  metadata(): ParsedContent['metadata'] {
    const names: Readonly<Record<string, string>> = {
      'dc:title': 'title',
      'dc:creator': 'author',
      'dc:subject': 'subject',
      'cp:keywords': 'keywords',
      'dc:description': 'doccomm',
      'cp:category': 'category',
      'cp:lastModifiedBy': 'operator',
      'ep:Company': 'company',
    };
    return officeMetadata((name) => {
      if (name === 'dcterms:created') return this.#date('creatim');
      if (name === 'dcterms:modified') return this.#date('revtim');
      return this.#properties.get(names[name] ?? '') ?? '';
    });
  }

  /** Dates have no time zone; they are taken for UTC. */
  #date(name: string): string {
    const date = this.#dates.get(name);
    const part = (key: string, length = 2): string => String(date?.get(key) ?? 0).padStart(length, '0');
    if (date === undefined || (date.get('yr') ?? 0) < 1900) return '';
    return `${part('yr', 4)}-${part('mo')}-${part('dy')}T${part('hr')}:${part('min')}:00Z`;
  }
}
