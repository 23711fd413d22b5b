import { LocalLiteError } from '../errors.ts';

/**
 * What a frame carries. `control` is UTF-8 JSON, the others are binary payloads whose layout belongs to whoever sends them.
 * A frame on the wire: u32 payload length, u32 request id, u32 kind (all little-endian), then the payload.
 */
export const FRAME = { control: 1, job: 2, result: 3, failure: 4 } as const;
export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

export interface Frame {
  readonly id: number;
  readonly kind: FrameKind;
  readonly payload: Uint8Array<ArrayBuffer>;
}

const HEADER_BYTES = 12;
/** No honest frame is larger: 2,048 texts x 4,096 dimensions x 4 bytes is 32 MiB. */
const MAX_PAYLOAD_BYTES = 256 * 1024 * 1024;

/** Anything frames can be written to. */
export interface FrameSink {
  write(chunk: Uint8Array): boolean;
}

/** Up to here a frame is joined and written at once, which costs less than several writes; a larger one is not copied again. */
const JOINED_BYTES = 64 * 1024;

/** Writes one frame. */
export function writeFrame(sink: FrameSink, frame: { id: number; kind: FrameKind; parts: readonly Uint8Array[] }): void {
  const length = frame.parts.reduce((sum, part) => sum + part.byteLength, 0);
  const joined = length <= JOINED_BYTES;
  const head = Buffer.allocUnsafe(HEADER_BYTES + (joined ? length : 0));
  head.writeUInt32LE(length, 0);
  head.writeUInt32LE(frame.id, 4);
  head.writeUInt32LE(frame.kind, 8);
  let at = HEADER_BYTES;
  for (const part of joined ? frame.parts : []) {
    head.set(part, at);
    at += part.byteLength;
  }
  sink.write(head);
  for (const part of joined ? [] : frame.parts) sink.write(part);
}

/** Writes a control or failure message as JSON. */
export function writeMessage(sink: FrameSink, id: number, kind: FrameKind, message: unknown): void {
  writeFrame(sink, { id, kind, parts: [Buffer.from(JSON.stringify(message))] });
}

/** Reads the JSON of a control or failure frame. */
export function readMessage(frame: Frame): unknown {
  return JSON.parse(Buffer.from(frame.payload.buffer, frame.payload.byteOffset, frame.payload.byteLength).toString('utf8'));
}

/** Cuts a byte stream into frames; each payload is copied once, into its own aligned buffer. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerFilled = 0;
  #payload: Uint8Array<ArrayBuffer> | undefined;
  #payloadFilled = 0;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Takes the next bytes of the stream. @throws LocalLiteError internal when they are no frame of ours. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.byteLength || this.#isComplete()) {
      at = this.#payload === undefined ? this.#takeHeader(chunk, at) : this.#takePayload(chunk, at, this.#payload);
    }
  }

  #isComplete(): boolean {
    return this.#payload !== undefined && this.#payloadFilled === this.#payload.byteLength;
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    const part = chunk.subarray(at, at + HEADER_BYTES - this.#headerFilled);
    this.#header.set(part, this.#headerFilled);
    this.#headerFilled += part.byteLength;
    if (this.#headerFilled === HEADER_BYTES) {
      const length = this.#header.readUInt32LE(0);
      if (length > MAX_PAYLOAD_BYTES) {
        throw new LocalLiteError('internal', `a frame of ${length} bytes is larger than the ${MAX_PAYLOAD_BYTES} allowed`);
      }
      this.#payload = new Uint8Array(length);
      this.#payloadFilled = 0;
    }
    return at + part.byteLength;
  }

  #takePayload(chunk: Uint8Array, at: number, payload: Uint8Array<ArrayBuffer>): number {
    const part = chunk.subarray(at, at + payload.byteLength - this.#payloadFilled);
    payload.set(part, this.#payloadFilled);
    this.#payloadFilled += part.byteLength;
    if (this.#payloadFilled === payload.byteLength) {
      this.#payload = undefined;
      this.#headerFilled = 0;
      this.#onFrame({ id: this.#header.readUInt32LE(4), kind: this.#header.readUInt32LE(8) as FrameKind, payload });
    }
    return at + part.byteLength;
  }
}
