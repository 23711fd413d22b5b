import { createHash } from 'node:crypto';
import { z } from 'zod';
import { LocalLiteError } from '../errors.ts';
import { assemble } from './assemble.ts';
import { doclingContent, doclingDocumentSchema } from './docling-document.ts';
import type { DocumentParsers, DocumentWarning, ParsedDocument, ParseLimits, ParseOptions } from './document-types.ts';

/** Where a Docling server is, and how much of it is believed. */
export interface DoclingOptions {
  /** Base address, e.g. `http://127.0.0.1:5001`. */
  readonly url: string;
  /** Sent as `X-Api-Key`, which docling-serve asks for when it was started with one. */
  readonly apiKey?: string;
  /** `timeoutMs` bounds the whole request, `maxPages` is asked of the server, `maxInflatedBytes` bounds its answer. */
  readonly limits: ParseLimits;
}

const answerSchema = z.object({
  document: z.object({ json_content: z.unknown() }).nullish(),
  status: z.enum(['success', 'partial_success', 'failure', 'skipped', 'pending', 'started']),
  errors: z.array(z.object({ error_message: z.string().default('') })).default([]),
});

/**
 * Reads documents on a docling-serve (v1 API, `POST /v1/convert/file`) instead of in processes of our own; documents leave this process, and
 * perhaps this machine. Nothing of it is asked but the document it makes; passwords are not sent, since it takes none.
 */
export function createDoclingParser(options: DoclingOptions): DocumentParsers {
  const closing = new AbortController();
  return {
    async parse(bytes, parse) {
      if (closing.signal.aborted) throw new LocalLiteError('shutting_down', 'the gateway is stopping');
      const response = await send(bytes, parse, options, closing.signal);
      const answer = readAnswer(response);
      return parsed(bytes, answer);
    },
    async close() {
      closing.abort();
    },
  };
}

type Answer = z.infer<typeof answerSchema>;

async function send(bytes: Uint8Array, parse: ParseOptions, options: DoclingOptions, closing: AbortSignal): Promise<string> {
  const { timeoutMs, maxInflatedBytes } = options.limits;
  const deadline = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([deadline, closing, ...(parse.signal === undefined ? [] : [parse.signal])]);
  try {
    const response = await fetch(new URL('v1/convert/file', withSlash(options.url)), {
      method: 'POST',
      headers: { Accept: 'application/json', ...(options.apiKey !== undefined && { 'X-Api-Key': options.apiKey }) },
      body: form(bytes, parse, options.limits),
      redirect: 'error',
      signal,
    });
    const body = await readBounded(response, maxInflatedBytes);
    if (!response.ok) throw refusal(response.status, body);
    return body;
  } catch (error) {
    if (LocalLiteError.is(error)) throw error;
    if (deadline.aborted) throw new LocalLiteError('timed_out', `Docling did not answer within ${timeoutMs / 1000} s (documents.timeout)`);
    if (parse.signal?.aborted === true) throw new LocalLiteError('cancelled', 'the caller left before the document was read');
    if (closing.aborted) throw new LocalLiteError('shutting_down', 'the gateway is stopping');
    throw new LocalLiteError('provider_unavailable', `the Docling server at ${new URL(options.url).host} cannot be reached`, {
      cause: error,
    });
  }
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}

/** Names and values of docling-serve's form; a list is the name again. */
function form(bytes: Uint8Array, { name = 'document', mediaType, ocr = 'auto' }: ParseOptions, limits: ParseLimits): FormData {
  const fields = new FormData();
  fields.append('files', new Blob([new Uint8Array(bytes)], { type: mediaType ?? 'application/octet-stream' }), name);
  fields.append('to_formats', 'json');
  fields.append('image_export_mode', 'placeholder');
  fields.append('do_ocr', String(ocr !== 'never'));
  fields.append('force_ocr', String(ocr === 'always'));
  fields.append('abort_on_error', 'false');
  fields.append('document_timeout', String(Math.ceil(limits.timeoutMs / 1000)));
  fields.append('page_range', '1');
  fields.append('page_range', String(limits.maxPages));
  return fields;
}

async function readBounded(response: Response, most: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > most) {
      throw new LocalLiteError('document_too_large', `Docling's answer is longer than ${most} bytes (documents.max_inflated_bytes)`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

function refusal(status: number, body: string): LocalLiteError {
  const said = `Docling answered ${status}${body === '' ? '' : `: ${body.slice(0, 300)}`}`;
  if (status === 413) return new LocalLiteError('document_too_large', said);
  if (status === 415) return new LocalLiteError('document_unsupported', said);
  if (status === 400 || status === 422) return new LocalLiteError('document_unreadable', said);
  if (status === 504) return new LocalLiteError('timed_out', said);
  return new LocalLiteError('provider_unavailable', said);
}

function readAnswer(body: string): Answer {
  const answer = answerSchema.safeParse(fromJson(body));
  if (!answer.success) throw new LocalLiteError('provider_unavailable', 'the answer is not of docling-serve’s v1 API');
  const { status, errors } = answer.data;
  const why = errors.map(({ error_message: message }) => message).join('; ') || 'no reason given';
  if (status === 'skipped') throw new LocalLiteError('document_unsupported', `Docling does not read this kind of document (${why})`);
  if (status !== 'success' && status !== 'partial_success') {
    throw new LocalLiteError('document_unreadable', `Docling could not read the document (${why})`);
  }
  return answer.data;
}

function parsed(bytes: Uint8Array, { document, status, errors }: Answer): ParsedDocument {
  const read = doclingDocumentSchema.safeParse(document?.json_content);
  if (!read.success) throw new LocalLiteError('provider_unavailable', 'the answer has no DoclingDocument of schema 1');
  const content = doclingContent(read.data);
  const mediaType = read.data.origin?.mimetype ?? 'application/octet-stream';
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const warnings =
    status === 'success' ? [] : errors.map(({ error_message: message }): DocumentWarning => ({ code: 'page_unreadable', message }));
  return {
    metadata: { ...content.metadata, mediaType, sha256, bytes: bytes.length },
    ...assemble(content.blocks),
    outline: [],
    warnings,
    parser: 'docling',
  };
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
