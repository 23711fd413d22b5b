import msgReader, { type FieldsData } from '@kenjiuno/msgreader';
import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, DraftBlock, ParseContext } from '../document-types.ts';
import { decodeAs, knownEncoding } from '../encoding.ts';
import { partBlocks } from '../parts.ts';
import { htmlBlocks } from './html-blocks.ts';
import { headerLines, isoDate, mailBody, mailMetadata } from './mail-text.ts';

// A CommonJS module: Node gives what it exports as a whole, other loaders give its class.
const loaded: unknown = msgReader;
const MsgReader = typeof loaded === 'function' ? (loaded as typeof msgReader.default) : msgReader.default;
type Reader = InstanceType<typeof MsgReader>;

/** A mail as Outlook keeps it (MS-OXMSG): headers, text, attachments, and mails in it. */
export const msgParser: DocumentParser = {
  name: 'msg',
  mediaTypes: ['application/vnd.ms-outlook'],
  async parse(bytes, context) {
    const { reader, fields } = open(bytes);
    const headers = headersOf(fields);
    const blocks = await mailBlocks(reader, fields, { context, depth: 0 });
    const date = isoDate(headers['Date']);
    return { metadata: mailMetadata({ title: fields.subject, author: headers['From'], date, headers }), blocks };
  },
};

function open(bytes: Uint8Array): { readonly reader: Reader; readonly fields: FieldsData } {
  try {
    const reader = new MsgReader(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    const fields = reader.getFileData();
    if (fields.error !== undefined) throw new LocalLiteError('document_unreadable', fields.error);
    return { reader, fields };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new LocalLiteError('document_unreadable', `the Outlook message cannot be read (${message})`, { cause });
  }
}

interface Place {
  readonly context: ParseContext;
  /** Of a message inside others of the same file. */
  readonly depth: number;
}

async function mailBlocks(reader: Reader, fields: FieldsData, place: Place): Promise<readonly DraftBlock[]> {
  const { context } = place;
  const html = fields.bodyHtml ?? decodeHtml(fields);
  context.spend((html?.length ?? 0) + (fields.body?.length ?? 0));
  const blocks: DraftBlock[] = [
    { kind: 'heading', level: 1, text: fields.subject?.trim() || 'Mail without a subject' },
    { kind: 'text', text: headerLines(headersOf(fields)) },
    ...mailBody(html === undefined ? [] : htmlBlocks(html), fields.body),
  ];
  for (const [index, attachment] of (fields.attachments ?? []).entries()) {
    blocks.push(...(await attachmentBlocks(reader, attachment, index, place)));
  }
  return blocks;
}

async function attachmentBlocks(reader: Reader, attachment: FieldsData, index: number, { context, depth }: Place) {
  const name = attachment.fileName ?? attachment.name ?? attachment.fileNameShort ?? `attachment ${index + 1}`;
  if (attachment.attachmentHidden === true && context.ocr === undefined) return [];
  if (attachment.innerMsgContentFields !== undefined) {
    if (context.depth + depth >= context.limits.maxNesting) {
      context.warn({ code: 'limit_reached', message: 'messages are nested deeper than documents.max_nesting', part: name });
      return [];
    }
    const inner = await mailBlocks(reader, attachment.innerMsgContentFields, { context, depth: depth + 1 });
    return partBlocks(name, { metadata: {}, blocks: inner }, 2);
  }
  const { content } = reader.getAttachment(attachment);
  context.spend(content.length);
  const part = await context.parsePart(content, name, attachment.attachMimeTag);
  return part === undefined ? [] : partBlocks(name, part, 2);
}

/** HTML that is kept as bytes, in the code page that the message names. */
function decodeHtml({ html, internetCodepage }: FieldsData): string | undefined {
  if (html === undefined || html.length === 0) return undefined;
  const encoding = internetCodepage === 65001 ? 'utf-8' : (knownEncoding(`windows-${internetCodepage ?? 1252}`) ?? 'utf-8');
  return decodeAs(html, encoding);
}

function headersOf(fields: FieldsData): Readonly<Record<string, string>> {
  const to = (kind: string): string =>
    (fields.recipients ?? [])
      .filter(({ recipType }) => recipType === kind)
      .map(({ name = '', email = '', smtpAddress = email }) => address(name, smtpAddress))
      .filter((one) => one !== '')
      .join(', ');
  const date = fields.messageDeliveryTime ?? fields.clientSubmitTime ?? fields.creationTime;
  return {
    From: address(fields.senderName ?? '', fields.senderSmtpAddress ?? fields.senderEmail ?? ''),
    To: to('to'),
    Cc: to('cc'),
    Date: isoDate(date) ?? date ?? '',
    Subject: fields.subject ?? '',
    'Message-ID': fields.messageId ?? '',
  };
}

function address(name: string, email: string): string {
  if (name === '' || name === email) return email;
  return email === '' ? name : `${name} <${email}>`;
}
