import { child, children, type XmlElement } from './office-xml.ts';

/** What a style says of its paragraphs, what it inherits among it. */
export interface ParagraphStyle {
  /** English name of a built-in style in whatever language the program spoke, e.g. `heading 1`. */
  readonly name: string;
  /** From 0; 9 means body text. */
  readonly outlineLevel?: number;
  readonly numId?: string;
  readonly numLevel?: number;
  readonly font?: string;
}

const NO_STYLE: ParagraphStyle = { name: '' };

/** Styles of a document by their identifiers. */
export class DocxStyles {
  readonly #elements = new Map<string, XmlElement>();
  readonly #resolved = new Map<string, ParagraphStyle>();
  readonly #default: string | undefined;

  constructor(styles: XmlElement | undefined) {
    for (const style of children(styles, 'w:style')) {
      const id = style.attributes['w:styleId'];
      if (id !== undefined) this.#elements.set(id, style);
    }
    const isDefault = ({ attributes }: XmlElement): boolean =>
      attributes['w:type'] === 'paragraph' && /^(?:1|true|on)$/.test(attributes['w:default'] ?? '');
    this.#default = children(styles, 'w:style').find(isDefault)?.attributes['w:styleId'];
  }

  /** Style of a paragraph; the document's default where it names none. */
  paragraph(id = this.#default): ParagraphStyle {
    return id === undefined ? NO_STYLE : this.#resolve(id, new Set());
  }

  /** The list that a numbering style stands for. */
  numbering(id: string): string | undefined {
    return this.#resolve(id, new Set()).numId;
  }

  #resolve(id: string, above: ReadonlySet<string>): ParagraphStyle {
    const known = this.#resolved.get(id);
    if (known !== undefined) return known;
    const element = this.#elements.get(id);
    // A style that is based on itself, however far round, inherits nothing.
    if (element === undefined || above.has(id)) return NO_STYLE;
    const basedOn = child(element, 'w:basedOn')?.attributes['w:val'];
    const inherited = basedOn === undefined ? NO_STYLE : this.#resolve(basedOn, new Set([...above, id]));
    const style = { ...inherited, ...ownStyle(element) };
    this.#resolved.set(id, style);
    return style;
  }
}

function ownStyle(element: XmlElement): ParagraphStyle {
  const outline = child(element, 'w:pPr', 'w:outlineLvl')?.attributes['w:val'];
  const numbering = child(element, 'w:pPr', 'w:numPr');
  const numId = child(numbering, 'w:numId')?.attributes['w:val'];
  const level = child(numbering, 'w:ilvl')?.attributes['w:val'];
  const font = child(element, 'w:rPr', 'w:rFonts')?.attributes['w:ascii'];
  return {
    name: (child(element, 'w:name')?.attributes['w:val'] ?? '').toLowerCase(),
    ...(outline !== undefined && { outlineLevel: Number(outline) }),
    ...(numId !== undefined && { numId }),
    ...(level !== undefined && { numLevel: Number(level) }),
    ...(font !== undefined && { font }),
  };
}

/** Level of a heading, 1 to 6, by the outline level that the paragraph itself or its style has; undefined for other paragraphs. */
export function headingLevel(properties: XmlElement | undefined, style: ParagraphStyle): number | undefined {
  if (style.name === 'title') return 1;
  const own = child(properties, 'w:outlineLvl')?.attributes['w:val'];
  const outline = own === undefined ? style.outlineLevel : Number(own);
  if (outline !== undefined) return outline >= 0 && outline < 9 ? Math.min(6, outline + 1) : undefined;
  const named = /^heading (\d)$/.exec(style.name)?.[1];
  return named === undefined ? undefined : Math.min(6, Math.max(1, Number(named)));
}

/** True for the styles that programs and converters use for listings. */
export function isCodeStyle({ name }: ParagraphStyle): boolean {
  return /^(?:(?:source|block|program)[ _-]?code|code(?:[ _-]?(?:block|listing|text|paragraph))?|html preformatted|preformatted text|macro|listing)$/.test(
    name,
  );
}

/** True for fonts whose letters are all of one width. */
export function isMonospaced(font: string): boolean {
  return /courier|consolas|mono\b|menlo|monaco|lucida console|source code|fira code|cascadia/i.test(font);
}
