import PostalMime, { type Address, type Attachment, type Email } from 'postal-mime';
import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, DraftBlock, ParseContext } from '../document-types.ts';
import { partBlocks } from '../parts.ts';
import { htmlBlocks } from './html-blocks.ts';
import { headerLines, isoDate, mailBody, mailMetadata } from './mail-text.ts';

/** MIME parts inside each other, and bytes of headers, beyond which a mail is refused. */
const MOST_DEPTH = 100;
const MOST_HEADER_BYTES = 4 * 2 ** 20;

/** A mail (RFC 5322 with MIME): its headers, its text, and its attachments, each read as what it is. */
export const mailParser: DocumentParser = {
  name: 'mail',
  mediaTypes: ['message/rfc822'],
  async parse(bytes, context) {
    const email = await readMail(bytes);
    const headers = headersOf(email);
    const blocks: DraftBlock[] = [
      { kind: 'heading', level: 1, text: email.subject?.trim() || 'Mail without a subject' },
      { kind: 'text', text: headerLines(headers) },
      ...mailBody(email.html === undefined ? [] : htmlBlocks(email.html), email.text),
    ];
    for (const [index, attachment] of email.attachments.entries()) blocks.push(...(await attachmentBlocks(attachment, index, context)));
    const author = email.from === undefined ? undefined : nameOf(email.from);
    return { metadata: mailMetadata({ title: email.subject, author, date: isoDate(email.date), headers }), blocks };
  },
};

async function readMail(bytes: Uint8Array): Promise<Email> {
  try {
    const options = { attachmentEncoding: 'arraybuffer', forceRfc822Attachments: true } as const;
    return await PostalMime.parse(bytes, { ...options, maxNestingDepth: MOST_DEPTH, maxHeadersSize: MOST_HEADER_BYTES });
  } catch (cause) {
    throw new LocalLiteError('document_unreadable', `the mail cannot be read (${cause instanceof Error ? cause.message : String(cause)})`, {
      cause,
    });
  }
}

function headersOf(email: Email): Readonly<Record<string, string>> {
  const list = (addresses: readonly Address[] | undefined): string => (addresses ?? []).map(nameOf).join(', ');
  return {
    From: email.from === undefined ? '' : nameOf(email.from),
    To: list(email.to),
    Cc: list(email.cc),
    Date: isoDate(email.date) ?? email.date ?? '',
    Subject: email.subject ?? '',
    'Message-ID': email.messageId ?? '',
  };
}

function nameOf(address: Address): string {
  if (address.group !== undefined) return `${address.name}: ${address.group.map(nameOf).join(', ')}`;
  return address.name === '' ? address.address : `${address.name} <${address.address}>`;
}

async function attachmentBlocks(attachment: Attachment, index: number, context: ParseContext): Promise<readonly DraftBlock[]> {
  const { content, mimeType, filename, related } = attachment;
  // Logos and the like; with OCR they are read, since some mails are a picture.
  if (related === true && mimeType.startsWith('image/') && context.ocr === undefined) return [];
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : new Uint8Array(content);
  context.spend(bytes.length);
  const name = filename ?? (mimeType === 'message/rfc822' ? `message ${index + 1}.eml` : `attachment ${index + 1}`);
  const part = await context.parsePart(bytes, name, mimeType);
  return part === undefined ? [] : partBlocks(name, part, 2);
}
