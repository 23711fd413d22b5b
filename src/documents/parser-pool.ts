import { LocalLiteError } from '../errors.ts';
import type { Ocr, ParsedDocument, ParseLimits, ParseOptions } from './document-types.ts';
import { ParserProcess } from './parser-process.ts';

/** An idle process is ended after this time. */
const IDLE_MS = 60_000;

/** Reads documents in child processes. */
export interface DocumentParsers {
  /** Waits for a free process. @throws LocalLiteError document_unsupported, document_unreadable, document_encrypted, document_too_large, timed_out, cancelled */
  parse(bytes: Uint8Array, options: ParseOptions): Promise<ParsedDocument>;
  close(): Promise<void>;
}

/** A few warm processes, started when they are needed and ended when they are not. */
export function createDocumentParsers(options: {
  readonly workers: number;
  readonly limits: ParseLimits;
  readonly ocr?: Ocr;
}): DocumentParsers {
  const idle: ParserProcess[] = [];
  const waiting: ((process: ParserProcess) => void)[] = [];
  const all = new Set<ParserProcess>();
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const start = (): ParserProcess => {
    const process = new ParserProcess(options.limits);
    all.add(process);
    return process;
  };
  const retire = (process: ParserProcess): void => {
    all.delete(process);
    process.close();
  };
  const take = (): ParserProcess | Promise<ParserProcess> => {
    const found = idle.pop();
    if (found?.usable === true) return found;
    if (found !== undefined) retire(found);
    if (all.size < options.workers) return start();
    return new Promise((resolve) => waiting.push(resolve));
  };
  const give = (process: ParserProcess): void => {
    if (!process.usable || closed) retire(process);
    const next = waiting.shift();
    if (next !== undefined) next(process.usable && !closed ? process : start());
    else if (all.has(process)) idle.push(process);
    clearTimeout(timer);
    timer = setTimeout(() => idle.splice(0).forEach(retire), IDLE_MS).unref();
  };

  return {
    async parse(bytes, parse) {
      if (closed) throw new LocalLiteError('shutting_down', 'the gateway is stopping');
      const process = await take();
      try {
        return await process.parse(bytes, parse, options.ocr);
      } finally {
        give(process);
      }
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      for (const process of [...all]) retire(process);
    },
  };
}
