import { Readable } from 'node:stream';
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
  return { file, fields, discard: () => parser.stop() };
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
    const busboy = this.#open(request.headers);
    const { body } = request;
    if (body === null) throw missing(this.#fileField);
    const stop = AbortSignal.any([signal, this.#stopping.signal]);
    const idle = idleGuard(this.#limits.idleMs);
    try {
      await pipeline(Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]), idle, busboy, { signal: stop });
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

  #open(headers: Headers): Busboy {
    const type = headers.get('content-type') ?? '';
    if (!/^multipart\/form-data\s*;/i.test(type)) {
      throw new LocalLiteError(
        'unsupported_media_type',
        'the body must be a form: send multipart/form-data with the file (curl: -F file=@name)',
      );
    }
    const { maxFileBytes, maxFieldBytes } = this.#limits;
    const busboy = new Busboy({
      headers: { 'content-type': type } as BusboyHeaders,
      limits: {
        fileSize: maxFileBytes,
        fieldSize: maxFieldBytes,
        fields: MOST_FIELDS,
        fieldNameSize: LONGEST_NAME,
        files: 1,
        headerPairs: 50,
      },
    });
    busboy.on('file', (field, stream, name, _encoding, mediaType) => this.#takeFile(busboy, { field, stream, name, mediaType }));
    busboy.on('field', (name, value, isNameCut, isValueCut) => {
      if (isNameCut || isValueCut) busboy.destroy(tooLargeField(name, maxFieldBytes));
      else this.#entries.push([name, value]);
    });
    busboy.on('filesLimit', () =>
      busboy.destroy(new LocalLiteError('invalid_request', 'the form holds more than one file; send one at a time')),
    );
    busboy.on('fieldsLimit', () => busboy.destroy(new LocalLiteError('invalid_request', `the form has more than ${MOST_FIELDS} fields`)));
    return busboy;
  }

  #takeFile(busboy: Busboy, part: { field: string; stream: Readable; name: string; mediaType: string }): void {
    const { field, stream, name, mediaType } = part;
    // The stream ends with an error when the form does; whoever reads it is told by `run`.
    stream.on('error', () => undefined);
    if (field !== this.#fileField) {
      busboy.destroy(
        new LocalLiteError('invalid_request', `the file stands in the field "${field.slice(0, 80)}"; it belongs in "${this.#fileField}"`, {
          param: this.#fileField,
        }),
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
    this.#found({ name: name || 'file', mediaType, bytes: stream });
  }

  #named(error: unknown, signal: AbortSignal): LocalLiteError {
    if (LocalLiteError.is(error)) return error;
    if (signal.aborted) return new LocalLiteError('cancelled', 'the client left before the form had arrived', { cause: error });
    if (this.#stopping.signal.aborted) return new LocalLiteError('cancelled', 'the rest of the form was not wanted', { cause: error });
    const message = this.#hasFile ? 'the form ends before its last boundary' : 'the body is not a valid form';
    return new LocalLiteError('invalid_request', message, { cause: error });
  }
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
