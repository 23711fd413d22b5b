import { Socket } from 'node:net';
import { LocalLiteError } from '../errors.ts';
import type { OcrResult, PageImage } from './document-types.ts';
import { readFramed, writeFramed } from './framed.ts';
import { parseDocument } from './parse-document.ts';
import type { ParserReply, ParserRequest } from './parser-messages.ts';

/**
 * The child process that reads documents, one at a time. What it reads may be made to harm: it has no environment, opens no file and no
 * connection, and its parent ends it when it takes too long or too much. It ends when its parent does.
 */
function main(): void {
  const out = new Socket({ fd: 3, readable: false, writable: true });
  out.on('error', () => process.exit(1));
  process.umask(0o077);
  // The terminal sends Ctrl-C to the whole process group; the parent decides when this one ends.
  process.on('SIGINT', () => {});
  const send = (reply: ParserReply, bytes?: Uint8Array): void => writeFramed(out, reply, bytes);
  let answerOcr: ((answer: Extract<ParserRequest, { ocr: unknown }>['ocr']) => void) | undefined;
  const ocr = async (image: PageImage): Promise<OcrResult> => {
    const answered = new Promise<Extract<ParserRequest, { ocr: unknown }>['ocr']>((resolve) => {
      answerOcr = resolve;
    });
    send({ image: { width: image.width, height: image.height, dpi: image.dpi, bytes: image.data.length } }, image.data);
    const answer = await answered;
    if ('fault' in answer) throw new LocalLiteError('inference_failed', answer.fault.message);
    return answer;
  };
  const read = async (request: Extract<ParserRequest, { parse: unknown }>, bytes: Uint8Array): Promise<void> => {
    try {
      const terms = { limits: request.limits, ...(request.hasOcr && { ocr }) };
      send({ document: await parseDocument(bytes, request.parse, terms) });
    } catch (error) {
      const { code, message } = LocalLiteError.from(error);
      send({ failure: { code, message } });
    }
  };
  readFramed<ParserRequest>(
    process.stdin,
    (request) => ('parse' in request ? request.bytes : 0),
    (request, bytes) => {
      if ('ocr' in request) answerOcr?.(request.ocr);
      else void read(request, new Uint8Array(bytes));
    },
    () => process.exit(1),
  );
  process.stdin.once('end', () => process.exit(0));
}

main();
