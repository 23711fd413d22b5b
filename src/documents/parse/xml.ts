import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, DraftBlock, ParseContext } from '../document-types.ts';
import { decodeText } from '../encoding.ts';
import { type DomElement, parseXml } from './html-dom.ts';

/** Deeper elements are flattened. */
const MOST_DEPTH = 200;

/** XML of no kind that is known: what its elements say, `name: text` a line, a block for each child of the root. */
export const xmlParser: DocumentParser = {
  name: 'xml',
  mediaTypes: ['application/xml'],
  async parse(bytes, context) {
    const root = parseXml(decodeText(bytes, xmlEncoding(bytes, context)));
    if (root === undefined) throw new LocalLiteError('document_unreadable', 'the file is not XML that can be read');
    return { metadata: {}, blocks: rootBlocks(root) };
  },
};

/** The context with the encoding that an XML declaration names, where the sender names none. */
export function xmlEncoding(bytes: Uint8Array, context: ParseContext): Pick<ParseContext, 'warn' | 'options'> {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 200)).toString('latin1');
  const named = /^\s*<\?xml[^>]*encoding\s*=\s*["']([\w.:-]+)/.exec(head)?.[1];
  if (named === undefined || /charset/i.test(context.options.mediaType ?? '')) return context;
  return { warn: context.warn, options: { ...context.options, mediaType: `application/xml; charset=${named}` } };
}

function rootBlocks(root: DomElement): readonly DraftBlock[] {
  const children = Array.from(root.children);
  const parts = children.length === 0 ? [root] : children;
  return parts.map((part): DraftBlock => ({ kind: 'text', text: linesOf(part, 0).join('\n') })).filter(({ text }) => text !== '');
}

function linesOf(element: DomElement, depth: number): readonly string[] {
  const children = Array.from(element.children);
  const isMixed = Array.from(element.childNodes).some((node) => node.nodeType === 3 && (node.textContent ?? '').trim() !== '');
  const named = attributesOf(element);
  if (children.length > 0 && !isMixed && depth < MOST_DEPTH) {
    const inner = children.flatMap((child) => linesOf(child, depth + 1));
    return named === '' ? inner : [`${element.tagName}: ${named}`, ...inner];
  }
  const text = [named, (element.textContent ?? '').replaceAll(/\s+/g, ' ').trim()].filter((part) => part !== '').join(' ');
  return text === '' ? [] : [`${element.tagName}: ${text}`];
}

/** Names and titles that stand in attributes; the rest of them is mark-up. */
function attributesOf(element: DomElement): string {
  return ['name', 'title', 'label', 'value']
    .map((name) => element.getAttribute(name)?.trim() ?? '')
    .filter((value) => value !== '')
    .join(' ');
}
