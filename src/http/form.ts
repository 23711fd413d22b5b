import { Readable, Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyHeaders } from '@fastify/busboy';
import { LocalLiteError } from '../errors.ts';
import { idleGuard } from './idle-guard.ts';

/** Bounds of an upload. */
export interface FormLimits {
  /** Bytes of the file. */
  readonly maxFileBytes: number;
  /** Bytes of one other field. */
  readonly maxFieldBytes: number;
  /** Time without a single byte. */
  readonly idleMs: number;
}

/** The file of a form, as it arrives. */
export interface FormFile {
  readonly name: string;
  readonly mediaType: string;
  /** To be read to its end before the fields are asked for: they may stand behind it. @throws LocalLiteError payload_too_large, cancelled … */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** A form (multipart/form-data) with one file. */
export interface Form {
  readonly file: FormFile;
  /** All other fields, once the whole form has arrived; `attributes[key]` is an entry of an object. */
  fields(): Promise<Readonly<Record<string, unknown>>>;
  /** Stops reading what is left; nobody wants it. */
  discard(): void;
}

const MOST_FIELDS = 100;
const LONGEST_NAME = 200;
const LONGEST_FILE_NAME = 255;
/** Room for boundaries and the headers of parts. */
const FRAME_BYTES = 2 ** 20;
const LONGEST_BOUNDARY = 70;

/**
 * Begins to read a form, as far as its file; nothing of the file is held in memory.
 * @param fileField name of the field that holds the file
 * @throws LocalLiteError unsupported_media_type (not a form), invalid_request (no file, two files, torn form), payload_too_large,
 * request_timeout, cancelled
 */
export async function readForm(request: Request, fileField: string, limits: FormLimits, signal: AbortSignal): Promise<Form> {
  const parser = new FormParser(fileField, limits);
  const end = parser.run(request, signal);
  // A fault after the file has begun reaches whoever reads the file or the fields.
  end.catch(() => undefined);
  const file = await Promise.race([parser.file, end.then(() => missing(fileField))]);
  const fields = async () => {
    await end;
    return parser.fields();
  };
  return { file: { ...file, bytes: namingFaults(file.bytes, end) }, fields, discard: () => parser.stop() };
}

/** The parser of forms tells the file's reader that something went wrong; what it was is known at the form's end. */
async function* namingFaults(bytes: AsyncIterable<Uint8Array>, end: Promise<void>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* bytes;
  } catch (error) {
    if (!LocalLiteError.is(error)) await end;
    throw error;
  }
}

class FormParser {
  readonly file: Promise<FormFile>;
  readonly #fileField: string;
  readonly #limits: FormLimits;
  readonly #entries: [string, string][] = [];
  readonly #stopping = new AbortController();
  #found: (file: FormFile) => void = () => undefined;
  #hasFile = false;

  constructor(fileField: string, limits: FormLimits) {
    this.#fileField = fileField;
    this.#limits = limits;
    this.file = new Promise((resolve) => {
      this.#found = resolve;
    });
  }

  async run(request: Request, signal: AbortSignal): Promise<void> {
    this.#checkLength(request.headers);
    const busboy = this.#open(request.headers);
    const { body } = request;
    if (body === null) throw missing(this.#fileField);
    const stop = AbortSignal.any([signal, this.#stopping.signal]);
    const idle = idleGuard(this.#limits.idleMs);
    const counter = new ByteLimit(this.#mostBytes, () => this.#tooLargeForm());
    try {
      await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), idle, counter, busboy, { signal: stop });
    } catch (error) {
      throw this.#named(error, signal);
    }
  }

  stop(): void {
    this.#stopping.abort();
  }

  fields(): Readonly<Record<string, unknown>> {
    const fields: Record<string, unknown> = Object.create(null);
    for (const [name, value] of this.#entries) addField(fields, name, value);
    return fields;
  }

  /** Bytes of the largest form that could be a good one. */
  get #mostBytes(): number {
    return this.#limits.maxFileBytes + MOST_FIELDS * this.#limits.maxFieldBytes + FRAME_BYTES;
  }

  /** Before anything is read: who tells the length of too much need not send it. */
  #checkLength(headers: Headers): void {
    if (Number(headers.get('content-length') ?? 0) > this.#mostBytes) throw this.#tooLargeForm();
  }

  #tooLargeForm(): LocalLiteError {
    const message = `the form is larger than a file of ${this.#limits.maxFileBytes} bytes (setting limits.upload_bytes) and its fields can be`;
    return new LocalLiteError('payload_too_large', message, { param: this.#fileField });
  }

  #open(headers: Headers): Busboy {
    const type = headers.get('content-type') ?? '';
    checkType(type);
    const { maxFileBytes, maxFieldBytes } = this.#limits;
    const busboy = new Busboy({
      headers: { 'content-type': type } as BusboyHeaders,
      limits: {
        fileSize: maxFileBytes,
        fieldSize: maxFieldBytes,
        fields: MOST_FIELDS,
        files: 1,
        parts: MOST_FIELDS + 1,
        headerPairs: 50,
      },
    });
    busboy.on('file', (field, stream, name, _encoding, mediaType) => this.#takeFile(busboy, { field, stream, name, mediaType }));
    busboy.on('field', (name: string | undefined, value, _isNameCut, isValueCut) => {
      if (name === undefined) busboy.destroy(new LocalLiteError('invalid_request', 'a field of the form has no name'));
      else if (name.length > LONGEST_NAME || isValueCut) busboy.destroy(tooLargeField(name, maxFieldBytes));
      else this.#entries.push([name, value]);
    });
    busboy.on('filesLimit', () =>
      busboy.destroy(new LocalLiteError('invalid_request', 'the form holds more than one file; send one at a time')),
    );
    busboy.on('partsLimit', () => busboy.destroy(new LocalLiteError('invalid_request', `the form has more than ${MOST_FIELDS + 1} parts`)));
    busboy.on('fieldsLimit', () => busboy.destroy(new LocalLiteError('invalid_request', `the form has more than ${MOST_FIELDS} fields`)));
    return busboy;
  }

  #takeFile(busboy: Busboy, part: { field: string | undefined; stream: Readable; name: string; mediaType: string }): void {
    const { field, stream, name, mediaType } = part;
    // The stream ends with an error when the form does; whoever reads it is told by `run`.
    stream.on('error', () => undefined);
    if (field !== this.#fileField) {
      busboy.destroy(
        new LocalLiteError(
          'invalid_request',
          `the file stands in the field "${(field ?? '').slice(0, 80)}"; it belongs in "${this.#fileField}"`,
          {
            param: this.#fileField,
          },
        ),
      );
      return;
    }
    const { maxFileBytes } = this.#limits;
    stream.on('limit', () => {
      const message = `the file is larger than ${maxFileBytes} bytes (setting limits.upload_bytes)`;
      const error = new LocalLiteError('payload_too_large', message, { param: this.#fileField });
      stream.destroy(error);
      busboy.destroy(error);
    });
    busboy.once('error', (error) => stream.destroy(error instanceof Error ? error : undefined));
    busboy.once('close', () => stream.destroy());
    this.#hasFile = true;
    this.#found({ name: fileName(name), mediaType, bytes: stream });
  }

  #named(error: unknown, signal: AbortSignal): LocalLiteError {
    if (LocalLiteError.is(error)) return error;
    if (signal.aborted) return new LocalLiteError('cancelled', 'the client left before the form had arrived', { cause: error });
    if (this.#stopping.signal.aborted) return new LocalLiteError('cancelled', 'the rest of the form was not wanted', { cause: error });
    const message = this.#hasFile ? 'the form ends before its last boundary' : 'the body is not a valid form';
    return new LocalLiteError('invalid_request', message, { cause: error });
  }
}

/** Passes bytes on until they are too many. */
class ByteLimit extends Transform {
  readonly #most: number;
  readonly #fault: () => LocalLiteError;
  #bytes = 0;

  constructor(most: number, fault: () => LocalLiteError) {
    super();
    this.#most = most;
    this.#fault = fault;
  }

  override _transform(chunk: Uint8Array, _encoding: string, done: TransformCallback): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#most) done(this.#fault());
    else done(null, chunk);
  }
}

function checkType(type: string): void {
  const advice = 'send multipart/form-data with the file (curl: -F file=@name)';
  if (!/^multipart\/form-data\s*(?:;|$)/i.test(type)) {
    throw new LocalLiteError('unsupported_media_type', `the body must be a form: ${advice}`);
  }
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]*)"|([^;\s]*))/i.exec(type) ?? [];
  const boundary = quoted ?? plain ?? '';
  if (boundary !== '' && boundary.length <= LONGEST_BOUNDARY) return;
  throw new LocalLiteError(
    'invalid_request',
    `Content-Type names no boundary of the form's parts (1 to ${LONGEST_BOUNDARY} characters): ${advice}, and leave the header to your client`,
  );
}

/** The last part of a path, without what no name of a file holds; never longer than file systems have them. */
function fileName(sent: string | undefined): string {
  const last = (sent ?? '').split(/[/\\]/).at(-1) ?? '';
  const clean = last
    .replaceAll(/\p{Cc}/gu, '')
    .slice(0, LONGEST_FILE_NAME)
    .replace(/[\ud800-\udbff]$/, '')
    .trim();
  return clean === '' || /^\.+$/.test(clean) ? 'file' : clean.toWellFormed();
}

/** `a[b]` is entry b of the object a, `a[]` one more of the list a; a name that comes twice is a list too. */
function addField(fields: Record<string, unknown>, name: string, value: string): void {
  const nested = /^([^[\]]+)\[([^[\]]*)\]$/.exec(name);
  const [, base = name, key] = nested ?? [];
  if (base === '__proto__' || key === '__proto__') throw new LocalLiteError('invalid_request', 'a field must not be named __proto__');
  const known = fields[base];
  if (key !== undefined && key !== '') {
    const entries = typeof known === 'object' && known !== null && !Array.isArray(known) ? known : {};
    fields[base] = { ...entries, [key]: value };
  } else if (key === '' || known !== undefined) {
    fields[base] = [...(Array.isArray(known) ? known : known === undefined ? [] : [known]), value];
  } else {
    fields[base] = value;
  }
}

function missing(fileField: string): never {
  throw new LocalLiteError('invalid_request', `${fileField}: is required; send the file in the field "${fileField}" of the form`, {
    param: fileField,
  });
}

function tooLargeField(name: string, maxBytes: number): LocalLiteError {
  const message = `the field "${name.slice(0, 80)}" is longer than ${maxBytes} bytes, or its name than ${LONGEST_NAME}`;
  return new LocalLiteError('payload_too_large', message, { param: name.slice(0, 80) });
}
