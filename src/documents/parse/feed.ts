import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, DraftBlock, ParsedContent } from '../document-types.ts';
import { decodeText } from '../encoding.ts';
import { lowered } from '../parts.ts';
import { htmlBlocks } from './html-blocks.ts';
import { type DomElement, parseXml } from './html-dom.ts';
import { linkTarget } from './link-target.ts';
import { xmlEncoding } from './xml.ts';

/** RSS (0.9 to 2.0) and Atom: the feed's title, and each entry under a heading of its own. */
export const feedParser: DocumentParser = {
  name: 'feed',
  mediaTypes: ['application/rss+xml'],
  async parse(bytes, context) {
    const root = parseXml(decodeText(bytes, xmlEncoding(bytes, context)));
    if (root === undefined) throw new LocalLiteError('document_unreadable', 'the feed is not XML that can be read');
    return readFeed(root);
  },
};

function readFeed(root: DomElement): ParsedContent {
  const channel = childrenOf(root, 'channel')[0] ?? root;
  const title = textOf(channel, 'title');
  const about = textOf(channel, 'description', 'subtitle');
  const entries = [...childrenOf(channel, 'item'), ...childrenOf(channel, 'entry'), ...(channel === root ? [] : childrenOf(root, 'item'))];
  const language = textOf(channel, 'language') || root.getAttribute('xml:lang') || '';
  const modifiedAt = isoDate(textOf(channel, 'lastbuilddate', 'updated', 'pubdate'));
  const blocks: DraftBlock[] = [
    { kind: 'heading', level: 1, text: title },
    ...(about === '' ? [] : [{ kind: 'text', text: about } as const]),
    ...entries.flatMap(entryBlocks),
  ];
  return {
    metadata: { ...(title !== '' && { title }), ...(language !== '' && { language }), ...(modifiedAt !== undefined && { modifiedAt }) },
    blocks,
  };
}

function entryBlocks(entry: DomElement): readonly DraftBlock[] {
  const url = linkTarget(linkOf(entry));
  const title = textOf(entry, 'title') || url || 'entry';
  const date = textOf(entry, 'pubdate', 'published', 'updated', 'dc:date');
  const author = textOf(entry, 'dc:creator', 'author', 'managingeditor');
  const by = [author, isoDate(date) ?? date].filter((part) => part !== '').join(', ');
  return [
    { kind: 'heading', level: 2, text: title, ...(url !== undefined && { links: [{ text: title, url }] }) },
    ...(by === '' ? [] : [{ kind: 'text', text: by } as const]),
    ...lowered(contentOf(entry), 2),
  ];
}

/** The whole text where the feed has it, its summary otherwise. Both are HTML as text, or XHTML. */
function contentOf(entry: DomElement): readonly DraftBlock[] {
  const found = childrenOf(entry, 'content:encoded', 'content')[0] ?? childrenOf(entry, 'description', 'summary')[0];
  const html = found?.textContent?.trim() ?? '';
  return html === '' ? [] : htmlBlocks(html);
}

function linkOf(entry: DomElement): string {
  const links = childrenOf(entry, 'link');
  const main = links.find((link) => ['alternate', null].includes(link.getAttribute('rel'))) ?? links[0];
  return main?.getAttribute('href') ?? main?.textContent?.trim() ?? '';
}

function childrenOf(parent: DomElement, ...names: readonly string[]): readonly DomElement[] {
  const all = Array.from(parent.children);
  return names.flatMap((name) => all.filter(({ tagName }) => tagName.toLowerCase() === name));
}

function textOf(parent: DomElement, ...names: readonly string[]): string {
  const found = childrenOf(parent, ...names).find((element) => element.textContent?.trim());
  return found?.textContent?.replaceAll(/\s+/g, ' ').trim() ?? '';
}

function isoDate(text: string): string | undefined {
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}
