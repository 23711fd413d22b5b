import type { Link } from '../document-types.ts';
import { isMonospaced } from './docx-styles.ts';
import { linkTarget } from './link-target.ts';
import { altText } from './office-drawing.ts';
import { officeMath } from './office-math.ts';
import type { Relationship } from './office-package.ts';
import { child, children, descendant, isOn, textOf, type XmlElement } from './office-xml.ts';

/** A part with running text (the document, its footnotes) and what is known at the place that has been reached. */
export interface Story {
  readonly relationships: ReadonlyMap<string, Relationship>;
  /** Fields that are open; they may span paragraphs. */
  readonly fields: Field[];
  /** Page by the breaks of the last layout; undefined where the file has none. */
  page: number | undefined;
  /** A remote picture was met. */
  hasRemote: boolean;
}

interface Field {
  instruction: string;
  isResult: boolean;
  /** Where the text of its result begins. */
  start: number;
}

/** What stands in a paragraph. */
export interface Inline {
  text: string;
  readonly links: Link[];
  /** Text boxes: their content is blocks. */
  readonly boxes: XmlElement[];
  readonly pictures: { readonly alt: string; readonly part?: string }[];
  readonly charts: string[];
  readonly diagrams: string[];
  readonly notes: { readonly kind: 'footnote' | 'endnote'; readonly id: string }[];
  readonly comments: string[];
  /** There is text, and all of it is in a font of one width. */
  isMonospaced: boolean;
}

/** Reads the content of a paragraph. `font`: that of its style. */
export function readInline(paragraph: XmlElement, story: Story, font = ''): Inline {
  const reader = new InlineReader(story, font);
  reader.read(paragraph);
  return reader.inline;
}

/** Text of the same paragraph that is not part of it: deleted, moved away, or how a word is spoken. */
const SKIPPED: ReadonlySet<string> = new Set(['w:del', 'w:moveFrom', 'w:pPr', 'w:rPr', 'w:rt', 'w:sdtPr', 'w:sdtEndPr', 'w:delText']);

class InlineReader {
  readonly inline: Inline = {
    text: '',
    links: [],
    boxes: [],
    pictures: [],
    charts: [],
    diagrams: [],
    notes: [],
    comments: [],
    isMonospaced: true,
  };
  readonly #story: Story;
  readonly #font: string;

  constructor(story: Story, font: string) {
    this.#story = story;
    this.#font = font;
    for (const field of story.fields) field.start = 0;
  }

  read(element: XmlElement): void {
    for (const one of children(element)) if (!SKIPPED.has(one.name)) this.#element(one);
    if (element.name === 'w:p' && this.inline.text.trim() === '') this.inline.isMonospaced = false;
  }

  #element(element: XmlElement): void {
    switch (element.name) {
      case 'w:r':
        this.#run(element);
        return;
      case 'w:hyperlink':
        this.#hyperlink(element);
        return;
      case 'w:fldSimple':
        this.#linked(fieldUrl(element.attributes['w:instr'] ?? ''), element);
        return;
      case 'm:oMath':
        this.#equation(`$${officeMath(element)}$`);
        return;
      case 'm:oMathPara':
        this.#equation(
          children(element, 'm:oMath')
            .map((one) => `$$${officeMath(one)}$$`)
            .join('\n'),
        );
        return;
      case 'w:footnoteReference':
      case 'w:endnoteReference':
        this.#note(element);
        return;
      case 'w:commentReference':
        this.inline.comments.push(element.attributes['w:id'] ?? '');
        return;
      case 'w:drawing':
      case 'w:pict':
      case 'w:object':
        this.#drawing(element);
        return;
      case 'w:lastRenderedPageBreak':
        if (this.#story.page !== undefined) this.#story.page++;
        return;
      case 'w:fldChar':
        this.#fieldMark(element.attributes['w:fldCharType'] ?? '');
        return;
      case 'w:instrText':
        this.#instruction(textOf(element));
        return;
      default:
        this.#sign(element);
    }
  }

  /** A letter, or something that only holds others. */
  #sign(element: XmlElement): void {
    const sign = SIGNS[element.name];
    if (sign !== undefined) this.#say(sign);
    else if (element.name === 'w:t') this.#say(textOf(element));
    else if (element.name === 'w:sym') this.#say(symbol(element));
    else this.read(element);
  }

  #run(run: XmlElement): void {
    const properties = child(run, 'w:rPr');
    if (isOn(child(properties, 'w:vanish')) === true) return;
    const font = child(properties, 'w:rFonts')?.attributes['w:ascii'] ?? this.#font;
    if (!isMonospaced(font) && textOf(run).trim() !== '') this.inline.isMonospaced = false;
    this.read(run);
  }

  #say(text: string): void {
    if (this.#story.fields.every(({ isResult }) => isResult)) this.inline.text += text;
  }

  #equation(text: string): void {
    this.inline.isMonospaced = false;
    this.#say(text);
  }

  #hyperlink(element: XmlElement): void {
    const target = this.#story.relationships.get(element.attributes['r:id'] ?? '');
    this.#linked(target?.isExternal === true ? target.target : undefined, element);
  }

  #linked(url: string | undefined, element: XmlElement): void {
    const start = this.inline.text.length;
    this.read(element);
    this.#link(url, start);
  }

  #link(url: string | undefined, start: number): void {
    const target = linkTarget(url ?? null);
    const text = this.inline.text.slice(start).trim();
    if (target !== undefined && text !== '') this.inline.links.push({ text, url: target });
  }

  #fieldMark(type: string): void {
    const { fields } = this.#story;
    const field = fields.at(-1);
    if (type === 'begin') fields.push({ instruction: '', isResult: false, start: this.inline.text.length });
    else if (type === 'separate' && field !== undefined) {
      field.isResult = true;
      field.start = this.inline.text.length;
    } else if (type === 'end' && field !== undefined) {
      fields.pop();
      if (field.isResult) this.#link(fieldUrl(field.instruction), field.start);
    }
  }

  #instruction(text: string): void {
    const field = this.#story.fields.at(-1);
    if (field !== undefined && !field.isResult) field.instruction += text;
  }

  #note(element: XmlElement): void {
    const kind = element.name === 'w:footnoteReference' ? 'footnote' : 'endnote';
    this.inline.notes.push({ kind, id: element.attributes['w:id'] ?? '' });
    this.#say(NOTE_MARK);
  }

  #drawing(element: XmlElement): void {
    const part = (id: string | undefined): string | undefined => {
      const found = this.#story.relationships.get(id ?? '');
      if (found?.isExternal === true) this.#story.hasRemote = true;
      return found?.isExternal === false ? found.target : undefined;
    };
    const { boxes, pictures, charts, diagrams } = this.inline;
    boxes.push(...drawn(element, 'w:txbxContent'));
    for (const chart of drawn(element, 'c:chart')) charts.push(part(chart.attributes['r:id']) ?? '');
    for (const diagram of drawn(element, 'dgm:relIds')) diagrams.push(part(diagram.attributes['r:dm']) ?? '');
    const whole = altText(descendant(element, 'wp:docPr')) || (drawn(element, 'v:shape')[0]?.attributes['alt'] ?? '');
    const found = [...drawn(element, 'pic:pic'), ...drawn(element, 'v:imagedata')].map((picture) => {
      const blip = descendant(picture, 'a:blip') ?? picture;
      part(blip.attributes['r:link']);
      return { alt: altText(descendant(picture, 'pic:cNvPr')), part: part(blip.attributes['r:embed'] ?? blip.attributes['r:id']) };
    });
    if (whole !== '' && found.length !== 1) pictures.push({ alt: whole });
    for (const { alt, part } of found) {
      pictures.push({ alt: found.length === 1 ? whole || alt : alt, ...(part !== undefined && { part }) });
    }
  }
}

/** Stands where a note is referred to until its number is known; it is in no font. */
export const NOTE_MARK = '\uFFFC';

const SIGNS: Readonly<Record<string, string>> = {
  'w:tab': '\t',
  'w:br': '\n',
  'w:cr': '\n',
  'w:noBreakHyphen': '-',
  'w:softHyphen': '',
  'w:ptab': '\t',
};

/** Elements of that name in a drawing, those inside its text boxes left to the reading of the boxes. */
function drawn(element: XmlElement, name: string): readonly XmlElement[] {
  return children(element).flatMap((one) => (one.name === name ? [one] : one.name === 'w:txbxContent' ? [] : drawn(one, name)));
}

function fieldUrl(instruction: string): string | undefined {
  return /^\s*HYPERLINK\s+(?!\\l)"?([^"\s]+)/i.exec(instruction)?.[1];
}

/** Pictures of symbol fonts have no meaning as letters, but for the check boxes and arrows that documents use most. */
function symbol({ attributes }: XmlElement): string {
  const code = Number.parseInt(attributes['w:char'] ?? '', 16);
  const known = WINGDINGS[code & 0xff];
  if (/wingdings/i.test(attributes['w:font'] ?? '')) return known ?? '';
  if (Number.isNaN(code) || code > 0xffff) return '';
  return code >= 0xe000 && code <= 0xf8ff ? (SYMBOLS[code & 0xff] ?? '') : String.fromCharCode(code);
}

const WINGDINGS: Readonly<Record<number, string>> = { 168: '☐', 111: '☐', 254: '☑', 253: '☒', 252: '✓', 251: '✗', 224: '→', 223: '←' };

/** Greek letters and signs of the font Symbol, by their codes there. */
const SYMBOLS: Readonly<Record<number, string>> = Object.fromEntries([
  ...Array.from('ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ', (sign, index) => [0x41 + index, sign] as const),
  ...Array.from('αβχδεφγηιϕκλμνοπθρστυϖωξψζ', (sign, index) => [0x61 + index, sign] as const),
  ...Object.entries({ 163: '≤', 176: '°', 177: '±', 179: '≥', 180: '×', 185: '≠', 187: '≈', 165: '∞', 174: '→', 183: '•', 45: '−' }),
]);
