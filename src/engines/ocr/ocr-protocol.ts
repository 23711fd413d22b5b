import { LocalLiteError } from '../../errors.ts';
import type { ProviderName } from '../../runtime/providers.ts';
import type { FoundLines, LineText, Quarters, RgbImage, TurnedRect } from './ocr-types.ts';

/** First message to an OCR worker: absolute paths of the graphs, and how to run them. */
export interface OcrLoad {
  readonly detector: string;
  readonly direction: string;
  readonly recogniser: string;
  /** Undefined: the recogniser's metadata has it. */
  readonly dictionary: string | undefined;
  readonly provider: ProviderName;
  readonly threads: number;
  readonly runtimePackage: string | undefined;
  readonly providerLibrary: string | undefined;
}

/** What a job is: the lines of a page are found, or pictures of lines are read. */
export type OcrJob = 'find' | 'read';

interface Size {
  readonly width: number;
  readonly height: number;
}

interface JobHead {
  readonly job: OcrJob;
  readonly images: readonly Size[];
}

interface FoundHead {
  readonly turn: Quarters;
  readonly rects: readonly TurnedRect[];
  readonly images: readonly Size[];
  readonly inferMs: number;
  readonly residentBytes: number;
}

interface ReadHead {
  readonly lines: readonly LineText[];
  readonly inferMs: number;
  readonly residentBytes: number;
}

/** What a worker's answers carry besides their result. */
export interface RunFacts {
  readonly inferMs: number;
  /** Resident bytes of the worker; 0 where the system tells others. */
  readonly residentBytes: number;
}

/** Frame payload of everything here: u32 length of a head, the head as JSON, then the pixels of its images one after another. */
function pack(head: object, images: readonly RgbImage[]): readonly Uint8Array[] {
  const text = Buffer.from(JSON.stringify(head));
  return [new Uint8Array(Uint32Array.of(text.length).buffer), text, ...images.map(({ data }) => data)];
}

function unpack<Head>(payload: Uint8Array<ArrayBuffer>): { readonly head: Head; readonly pixels: Uint8Array } {
  const length = new DataView(payload.buffer, payload.byteOffset, 4).getUint32(0, true);
  const head: Head = JSON.parse(new TextDecoder().decode(payload.subarray(4, 4 + length)));
  return { head, pixels: payload.subarray(4 + length) };
}

function sizes(images: readonly RgbImage[]): readonly Size[] {
  return images.map(({ width, height }) => ({ width, height }));
}

/** Cuts pixels into images. @throws LocalLiteError internal for pixels that are not as many as the sizes say */
function imagesOf(images: readonly Size[], pixels: Uint8Array): readonly RgbImage[] {
  let at = 0;
  const cut = images.map(({ width, height }) => {
    at += 3 * width * height;
    return { width, height, data: pixels.subarray(at - 3 * width * height, at) };
  });
  if (at !== pixels.length) throw new LocalLiteError('internal', 'a frame of images is not as long as their sizes say');
  return cut;
}

export function packJob(job: OcrJob, images: readonly RgbImage[]): readonly Uint8Array[] {
  return pack({ job, images: sizes(images) } satisfies JobHead, images);
}

export function unpackJob(payload: Uint8Array<ArrayBuffer>): { readonly job: OcrJob; readonly images: readonly RgbImage[] } {
  const { head, pixels } = unpack<JobHead>(payload);
  return { job: head.job, images: imagesOf(head.images, pixels) };
}

export function packFound({ turn, lines }: FoundLines, facts: RunFacts): readonly Uint8Array[] {
  const pictures = lines.map(({ picture }) => picture);
  return pack({ turn, rects: lines.map(({ rect }) => rect), images: sizes(pictures), ...facts } satisfies FoundHead, pictures);
}

export function unpackFound(payload: Uint8Array<ArrayBuffer>): FoundLines & RunFacts {
  const { head, pixels } = unpack<FoundHead>(payload);
  const pictures = imagesOf(head.images, pixels);
  const lines = head.rects.flatMap((rect, index) => {
    const picture = pictures[index];
    return picture === undefined ? [] : [{ rect, picture }];
  });
  return { turn: head.turn, lines, inferMs: head.inferMs, residentBytes: head.residentBytes };
}

export function packRead(lines: readonly LineText[], facts: RunFacts): readonly Uint8Array[] {
  return pack({ lines, ...facts } satisfies ReadHead, []);
}

export function unpackRead(payload: Uint8Array<ArrayBuffer>): ReadHead {
  return unpack<ReadHead>(payload).head;
}
