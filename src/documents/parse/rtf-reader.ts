import { LocalLiteError } from '../../errors.ts';
import type { DraftBlock } from '../document-types.ts';
import { linkTarget } from './link-target.ts';
import { cellText } from './office-blocks.ts';
import { decodeBytes } from './rtf-encodings.ts';
import { RtfHeader } from './rtf-header.ts';
import { type LinkStart, type ParagraphForm, RtfText } from './rtf-text.ts';
import type { RtfToken } from './rtf-tokens.ts';

/** Groups inside of groups: no program writes so many. */
const MOST_DEPTH = 10_000;

/** What the text of a group is. */
type Destination = 'text' | 'skip' | 'fonts' | 'styles' | 'info' | 'instruction' | 'mark' | 'author';

/** What holds in a group, and is as before when it ends. */
interface Group extends ParagraphForm {
  readonly destination: Destination;
  readonly font: number | undefined;
  /** Characters that stand for one of Unicode in programs that do not know it. */
  readonly fallback: number;
  readonly isHidden: boolean;
  /** The group began with `\*`: it may be passed over by who does not know it. */
  readonly isOptional: boolean;
  /** Name of the property of which it is the text. */
  readonly property: string;
  /** Run when the group ends. */
  readonly leave?: () => void;
}

const words = (names: string): ReadonlySet<string> => new Set(names.split(' '));

/** Groups that are no text of the document. */
const SKIPPED = words(
  'colortbl filetbl pict nonshppict objdata objclass objname header headerl headerr headerf footer footerl footerr footerf xe tc tcn sp sn sv bkmkstart bkmkend themedata colorschememapping datastore latentstyles listtable listoverridetable revtbl rsidtbl generator pgptbl xmlnstbl mmathPr wgrffmtfilter fontemb falt panose pnseclvl pntxta pntxtb nonesttables nesttableprops template private comment atrfstart atrfend atndate atnref atnparent atnicn ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn blipuid picprop levelnumbers leveltext datafield ffname ffentrymcr ffexitmcr docvar userprops htmltag mhtmltag oldcprops oldpprops oldtprops',
);
/** Groups that begin with `\*` and are text nevertheless. */
const OPTIONAL_TEXT = words(
  'shppict shpinst shptxt shprslt footnote annotation background ud mmath result shp shpgrp do dptxbxtext nesttable',
);
const INFO = words('title subject author operator keywords doccomm category company manager hlinkbase');
const TABLE = words('trowd trhdr clmgf clmrg clvmgf clvmrg cellx row');
const SIGNS: Readonly<Record<string, string>> = {
  line: '\n',
  lbr: '\n',
  tab: '\t',
  emdash: '\u2014',
  endash: '\u2013',
  emspace: ' ',
  enspace: ' ',
  qmspace: ' ',
  bullet: '\u2022',
  lquote: '\u2018',
  rquote: '\u2019',
  ldblquote: '\u201c',
  rdblquote: '\u201d',
  nestcell: ', ',
  nestrow: '; ',
};

/** What was read of a file. */
export interface RtfContent {
  readonly blocks: readonly DraftBlock[];
  readonly header: RtfHeader;
  readonly title: string | undefined;
  /** Braces that were never closed: the file ends too soon. */
  readonly isCut: boolean;
}

/** Reads the tokens of a file. @throws LocalLiteError document_unreadable (nested too deep) */
export function readRtf(tokens: Iterable<RtfToken>): RtfContent {
  const reader = new RtfReader();
  for (const token of tokens) reader.token(token);
  return reader.content();
}

class RtfReader {
  readonly #header = new RtfHeader();
  readonly #groups: Group[] = [];
  #group: Group = {
    destination: 'text',
    style: 0,
    outline: undefined,
    isInTable: false,
    level: 0,
    font: undefined,
    fallback: 1,
    isHidden: false,
    isOptional: false,
    property: '',
  };
  #story = new RtfText(this.#header);
  /** Bytes that wait for the rest of their characters. */
  #bytes = '';
  #skip = 0;
  #isFirst = false;
  #instruction = '';
  #author = '';
  #notes = 0;

  token(token: RtfToken): void {
    if (token.kind === 'text') this.#text(token.text);
    else if (token.kind === 'open') this.#open();
    else if (token.kind === 'close') this.#close();
    else if (token.kind === 'sign') this.#sign(token.sign);
    else this.#word(token.word, token.value);
  }

  content(): RtfContent {
    this.#flush();
    const isCut = this.#groups.length > 0;
    while (this.#groups.length > 0) this.#close();
    return { blocks: this.#story.end(this.#group), header: this.#header, title: this.#story.title, isCut };
  }

  #open(): void {
    this.#flush();
    if (this.#groups.length >= MOST_DEPTH) {
      throw new LocalLiteError('document_unreadable', `its groups are nested deeper than ${MOST_DEPTH} levels`);
    }
    this.#groups.push(this.#group);
    const { leave: _outer, ...group } = this.#group;
    this.#group = { ...group, isOptional: false };
    this.#isFirst = true;
    this.#skip = 0;
  }

  #close(): void {
    this.#flush();
    const outer = this.#groups.pop();
    this.#group.leave?.();
    if (this.#group.destination === 'styles') this.#header.endEntry();
    if (outer !== undefined) this.#group = outer;
    this.#isFirst = false;
    this.#skip = 0;
  }

  #text(text: string): void {
    this.#isFirst = false;
    const skipped = Math.min(this.#skip, text.length);
    this.#skip -= skipped;
    if (this.#group.destination !== 'skip') this.#bytes += text.slice(skipped);
  }

  #sign(sign: string): void {
    if (sign === '*') {
      this.#set({ isOptional: true });
      return;
    }
    this.#isFirst = false;
    if (this.#skip > 0) this.#skip--;
    else if (sign === '~') this.#show('\u00a0');
    else if (sign === '_') this.#show('\u2011');
    else if (/[\\{}]/.test(sign)) this.#bytes += sign;
    else if (sign === '\n' || sign === '\r') this.#paragraph();
  }

  #word(word: string, value: number | undefined): void {
    const wasFirst = this.#isFirst;
    this.#isFirst = false;
    if (word === 'u') this.#unicode(value ?? 0);
    else if (this.#skip > 0) this.#skip--;
    else if (!(wasFirst && this.#enter(word))) {
      const { destination } = this.#group;
      if (destination === 'fonts') this.#fontWord(word, value ?? 0);
      else if (destination === 'styles') this.#styleWord(word, value ?? 0);
      else if (destination === 'info') this.#header.date(this.#group.property, word, value ?? 0);
      else if (destination !== 'skip') this.#textWord(word, value);
    }
  }

  #unicode(value: number): void {
    this.#show(String.fromCharCode(value & 0xffff));
    this.#skip = this.#group.fallback;
  }

  #fontWord(word: string, value: number): void {
    this.#flush();
    this.#header.fontWord(word, value);
  }

  #styleWord(word: string, value: number): void {
    this.#flush();
    this.#header.styleWord(word, value);
  }

  /** The first word of a group may say what its text is; true where it did. */
  #enter(word: string): boolean {
    const { destination, isOptional } = this.#group;
    if (destination === 'skip') return true;
    const entered = this.#destination(word);
    if (entered !== undefined) this.#set(entered);
    else if (SKIPPED.has(word) || (isOptional && destination === 'text' && !OPTIONAL_TEXT.has(word))) this.#set({ destination: 'skip' });
    else return false;
    return true;
  }

  #destination(word: string): Partial<Group> | undefined {
    switch (word) {
      case 'fonttbl':
        return { destination: 'fonts' };
      case 'stylesheet':
        return { destination: 'styles' };
      case 'listtext':
      case 'pntext':
        return { destination: 'mark' };
      case 'fldinst':
        return { destination: 'instruction', leave: this.#instructed() };
      case 'fldrslt':
        return { leave: this.#linked(this.#story.here()) };
      case 'footnote':
        return this.#note((text) => `[${++this.#notes}] ${text}`, ` [${this.#notes + 1}]`);
      case 'annotation':
        return this.#note((text) => `Comment${this.#author === '' ? '' : ` by ${this.#author}`}: ${text}`, '');
      case 'atnauthor':
        this.#author = '';
        return { destination: 'author' };
      case 'info':
        return { destination: 'info' };
      case 'upr':
        return {};
      default:
        return this.#group.destination === 'info' && (INFO.has(word) || word.endsWith('tim')) ? { property: word } : undefined;
    }
  }

  #instructed(): () => void {
    this.#instruction = '';
    return () => undefined;
  }

  #linked(start: LinkStart): () => void {
    const quoted = /HYPERLINK\s+(?:\\[a-z]\s+)*(?:"([^"]*)"|(\S+))/i.exec(this.#instruction);
    const url = linkTarget(quoted?.[1] ?? quoted?.[2] ?? null);
    const story = this.#story;
    return () => {
      if (url !== undefined) story.link(start, url);
    };
  }

  /** A text of its own, which comes behind the paragraph that it belongs to. */
  #note(label: (text: string) => string, mark: string): Partial<Group> {
    const outer = this.#story;
    outer.add(mark.trimStart());
    this.#story = new RtfText(this.#header);
    const leave = (): void => {
      const { text, links } = cellText(this.#story.end(this.#group));
      this.#story = outer;
      if (text !== '') outer.note({ kind: 'footnote', text: label(text), ...(links.length > 0 && { links }) });
    };
    return { destination: 'text', isInTable: false, outline: undefined, style: 0, leave };
  }

  #textWord(word: string, value: number | undefined): void {
    const sign = SIGNS[word];
    if (sign !== undefined) this.#show(sign);
    else if (TABLE.has(word)) {
      this.#flush();
      if (this.#group.destination === 'text') this.#story.tableWord(word, value);
    } else if (word === 'cell') {
      this.#flush();
      if (this.#group.destination === 'text') this.#story.endCell();
    } else if (word === 'par' || word === 'sect' || word === 'page') this.#paragraph();
    else this.#formWord(word, value);
  }

  #formWord(word: string, value: number | undefined): void {
    const isOn = value !== 0;
    switch (word) {
      case 'pard':
        this.#set({ style: 0, outline: undefined, isInTable: false, level: 0 });
        break;
      case 'plain':
        this.#set({ font: undefined, isHidden: false });
        break;
      case 's':
        this.#set({ style: value ?? 0 });
        break;
      case 'outlinelevel':
        this.#set({ outline: value });
        break;
      case 'intbl':
        this.#set({ isInTable: isOn });
        break;
      case 'ilvl':
        this.#set({ level: Math.min(9, Math.max(0, value ?? 0)) });
        break;
      case 'f':
        this.#set({ font: value });
        break;
      case 'uc':
        this.#set({ fallback: Math.min(10, Math.max(0, value ?? 1)) });
        break;
      case 'v':
      case 'deleted':
        this.#set({ isHidden: isOn });
        break;
      default:
        this.#documentWord(word, value ?? 0);
    }
  }

  #documentWord(word: string, value: number): void {
    if (word === 'ansicpg') this.#header.page(value);
    else if (word === 'mac') this.#header.page(10000);
    else if (word === 'deff') this.#header.defaultFont = value;
  }

  #paragraph(): void {
    this.#flush();
    if (this.#group.destination === 'text') this.#story.endParagraph(this.#group);
  }

  #set(change: Partial<Group>): void {
    this.#flush();
    this.#group = { ...this.#group, ...change };
  }

  #flush(): void {
    if (this.#bytes === '') return;
    const bytes = this.#bytes;
    this.#bytes = '';
    const { destination, font } = this.#group;
    if (destination !== 'fonts') this.#put(decodeBytes(bytes, this.#header.fontEncoding(font)));
  }

  #show(text: string): void {
    this.#flush();
    this.#put(text);
  }

  #put(text: string): void {
    const { destination, isHidden } = this.#group;
    if (destination === 'text' && !isHidden) this.#story.add(text);
    else if (destination === 'mark') this.#story.mark(text);
    else if (destination === 'instruction') this.#instruction += text;
    else if (destination === 'author') this.#author += text;
    else if (destination === 'styles') this.#header.styleName(text);
    else if (destination === 'info') this.#header.property(this.#group.property, text);
  }
}
