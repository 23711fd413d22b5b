import type { DocumentParser, DraftBlock } from '../document-types.ts';

const SEPARATOR = Buffer.from('\nFrom ');

/** An mbox (RFC 4155): its mails one after the other, each read as a mail. */
export const mboxParser: DocumentParser = {
  name: 'mbox',
  mediaTypes: ['application/mbox'],
  async parse(bytes, context) {
    const blocks: DraftBlock[] = [];
    let number = 0;
    for (const mail of mailsOf(bytes)) {
      number++;
      context.spend(mail.length);
      const part = await context.parsePart(mail, `message ${number}.eml`, 'message/rfc822');
      blocks.push(...(part?.blocks ?? []));
    }
    return { metadata: { properties: { messages: String(number) } }, blocks };
  },
};

/** A line that begins with `From ` begins a mail; in a mail it is written `>From `. */
function* mailsOf(bytes: Uint8Array): Generator<Uint8Array> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let start = 0;
  while (start < file.length) {
    const next = file.indexOf(SEPARATOR, start);
    const end = next === -1 ? file.length : next + 1;
    const firstLine = file.indexOf(10, start);
    if (firstLine !== -1 && firstLine < end) yield unquoted(file.subarray(firstLine + 1, end));
    start = end;
  }
}

function unquoted(mail: Buffer): Uint8Array {
  if (!mail.includes('\n>From ')) return mail;
  return Buffer.from(mail.toString('latin1').replaceAll(/^>(>*From )/gm, '$1'), 'latin1');
}
