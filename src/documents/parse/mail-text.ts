import type { DraftBlock, ParsedContent } from '../document-types.ts';
import { paragraphs } from './text.ts';

/** Headers of a mail as lines of text; those without a value are left out, and so is the identifier, which says nothing to a reader. */
export function headerLines(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .filter(([name, value]) => value !== '' && name !== 'Message-ID')
    .map(([name, value]) => `${name}: ${value}`)
    .join('\n');
}

/** What is known of a mail as a whole. */
export function mailMetadata(mail: {
  readonly title: string | undefined;
  readonly author: string | undefined;
  readonly date: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}): ParsedContent['metadata'] {
  const { title, author, date, headers } = mail;
  const properties = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''));
  return { ...(title && { title }), ...(author && { author }), ...(date !== undefined && { createdAt: date }), properties };
}

/** The HTML of a mail where it says about as much as its text, which some mails have only as a note that HTML is needed, or the other way round. */
export function mailBody(html: readonly DraftBlock[], text: string | undefined): readonly DraftBlock[] {
  const length = html.reduce((sum, block) => sum + block.text.length, 0);
  const plain = text?.trim() ?? '';
  return length * 2 >= plain.length && length > 0 ? html : paragraphs(plain);
}

/** ISO 8601 of a date in any form; undefined for none. */
export function isoDate(date: string | undefined): string | undefined {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}
