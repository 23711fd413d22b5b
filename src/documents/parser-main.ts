import { Socket } from 'node:net';
import { LocalLiteError } from '../errors.ts';
import type { OcrResult, PageImage } from './document-types.ts';
import { readFramed, writeFramed } from './framed.ts';
import { closeNetwork } from './no-network.ts';
import { type ParseTerms, parseDocument } from './parse-document.ts';
import type { ParseOrder, ParserAnswer, ParserQuestion, ParserReply, ParserRequest } from './parser-messages.ts';

/** How often the parent is told of this process's memory, where the document lets it speak. */
const TELL_MS = 200;

type Question = Omit<ParserQuestion, 'ask' | 'bytes'>;
type Asked = (answer: ParserAnswer, bytes: Buffer) => void;

/**
 * The child process that reads documents, one at a time. What it reads may be made to harm: it has no environment, writes no file, opens no
 * connection and starts no program, and its parent ends it when it takes too long or too much. It ends when its parent does.
 */
class ParserChild {
  readonly #out = new Socket({ fd: 3, readable: false, writable: true });
  readonly #asked = new Map<number, Asked>();
  #questions = 0;

  run(): void {
    this.#out.on('error', () => process.exit(1));
    process.on('uncaughtException', (error) => this.#fail(error, () => process.exit(1)));
    readFramed<ParserRequest>(
      process.stdin,
      (request) => request.bytes ?? 0,
      (request, bytes) => ('parse' in request ? void this.#read(request, new Uint8Array(bytes)) : this.#hear(request, bytes)),
      () => process.exit(1),
    );
    process.stdin.once('end', () => process.exit(0));
    this.#send({ ready: true });
  }

  async #read({ parse, limits, offers }: ParseOrder, bytes: Uint8Array): Promise<void> {
    const told = setInterval(() => this.#send({ rss: process.memoryUsage.rss() }), TELL_MS);
    const terms: ParseTerms = {
      limits,
      ...(offers.ocr && { ocr: (image: PageImage) => this.#ocr(image) }),
      ...(offers.convert && { convert: (data: Uint8Array, mediaType: string) => this.#convert(data, mediaType) }),
    };
    try {
      const document = await parseDocument(bytes, parse, terms);
      this.#send({ document, rss: process.memoryUsage.rss() });
    } catch (error) {
      this.#fail(error);
    } finally {
      clearInterval(told);
    }
  }

  async #ocr({ width, height, dpi, data }: PageImage): Promise<OcrResult> {
    const { answer } = await this.#ask({ image: { width, height, dpi } }, data);
    if (answer.ocr === undefined) throw new LocalLiteError('inference_failed', answer.fault?.message ?? 'nothing was read in the image');
    return answer.ocr;
  }

  async #convert(data: Uint8Array, mediaType: string): Promise<Uint8Array> {
    const { answer, bytes } = await this.#ask({ convert: mediaType }, data);
    if (answer.fault === undefined) return new Uint8Array(bytes);
    const isRefused = answer.fault.code === 'document_unsupported';
    throw new LocalLiteError(isRefused ? 'document_unsupported' : 'document_unreadable', answer.fault.message);
  }

  #ask(question: Question, data: Uint8Array): Promise<{ readonly answer: ParserAnswer; readonly bytes: Buffer }> {
    const ask = this.#questions++;
    return new Promise((resolve) => {
      this.#asked.set(ask, (answer, bytes) => resolve({ answer, bytes }));
      this.#send({ ask, bytes: data.length, ...question }, data);
    });
  }

  #hear(answer: ParserAnswer, bytes: Buffer): void {
    const asked = this.#asked.get(answer.answer);
    this.#asked.delete(answer.answer);
    asked?.(answer, bytes);
  }

  #fail(error: unknown, then?: () => void): void {
    const { code, message } = LocalLiteError.from(error, 'document_unreadable');
    this.#send({ failure: { code, message }, rss: process.memoryUsage.rss() });
    if (then !== undefined) this.#out.end(then);
  }

  #send(reply: ParserReply, bytes?: Uint8Array): void {
    writeFramed(this.#out, reply, bytes);
  }
}

process.umask(0o077);
// The terminal sends Ctrl-C to the whole process group; the parent decides when this one ends.
process.on('SIGINT', () => {});
closeNetwork();
new ParserChild().run();
