import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type DecodedPng, decode as decodePng } from 'fast-png';
import { imageSize } from 'image-size';
import jpegJs from 'jpeg-js';
import utif, { type IFD } from 'utif2';
import { LocalLiteError } from '../../errors.ts';
import type { PageImage } from '../document-types.ts';

/** Larger images are refused before a pixel is decoded: an A3 page at 600 dots an inch has 70 million. */
export const MOST_PIXELS = 80_000_000;
/** Pages of one TIFF file are told apart from its previews by this bit of tag 254. */
const REDUCED = 1;
/** Bytes that a pixel takes while it is decoded. */
const BYTES_A_PIXEL = 4;
const INCH_CM = 2.54;
const INCH_M = 0.0254;

/** Counts bytes that an image inflates to. @throws LocalLiteError document_too_large */
export type Spend = (bytes: number) => void;

/** Pages of an image file, decoded one after another. @throws LocalLiteError document_unreadable, document_too_large */
export async function* decodeImages(bytes: Uint8Array, mediaType: string, spend: Spend): AsyncGenerator<PageImage> {
  if (mediaType === 'image/tiff') return yield* tiffPages(bytes, spend);
  const { width, height, orientation } = sizeOf(bytes);
  check(width, height, spend);
  yield oriented(await single(bytes, mediaType), orientation ?? 1);
}

async function single(bytes: Uint8Array, mediaType: string): Promise<PageImage> {
  if (mediaType === 'image/png') return png(bytes);
  return mediaType === 'image/webp' ? await webp(bytes) : jpeg(bytes);
}

function sizeOf(bytes: Uint8Array): ReturnType<typeof imageSize> {
  try {
    return imageSize(bytes);
  } catch (cause) {
    throw damaged('its size cannot be read', cause);
  }
}

function check(width: number, height: number, spend: Spend): void {
  if (!(width > 0 && height > 0)) throw damaged('it has no pixels');
  if (width * height > MOST_PIXELS) {
    throw new LocalLiteError(
      'document_too_large',
      `the image has ${width} x ${height} pixels, more than the ${MOST_PIXELS} that are read; make it smaller`,
    );
  }
  spend(width * height * BYTES_A_PIXEL);
}

function png(bytes: Uint8Array): PageImage {
  const picture = attempt(() => decodePng(bytes));
  const { width, height, resolution } = picture;
  const isPlain = picture.depth === 8 && picture.palette === undefined && picture.transparency === undefined;
  const data = isPlain ? plainPixels(picture) : anyPixels(picture);
  const dpi = resolution?.unit === 1 && resolution.x > 0 ? resolution.x * INCH_M : undefined;
  return { width, height, data, ...withDpi(dpi) };
}

function plainPixels({ width, height, channels, data }: DecodedPng): Uint8Array {
  const out = new Uint8Array(3 * width * height);
  const [green, blue] = channels < 3 ? [0, 0] : [1, 2];
  const hasAlpha = channels % 2 === 0;
  for (let from = 0, to = 0; to < out.length; from += channels, to += 3) {
    const alpha = hasAlpha ? (data[from + channels - 1] ?? 255) : 255;
    out[to] = onWhite(data[from] ?? 0, alpha);
    out[to + 1] = onWhite(data[from + green] ?? 0, alpha);
    out[to + 2] = onWhite(data[from + blue] ?? 0, alpha);
  }
  return out;
}

/** Palettes, samples of other depths, a colour that stands for clear (PNG specification, third edition, 4.4). */
function anyPixels(picture: DecodedPng): Uint8Array {
  const { width, height, channels, palette } = picture;
  const { sample, level } = samplesOf(picture);
  const hasAlpha = channels % 2 === 0;
  const out = new Uint8Array(3 * width * height);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const first = sample(x, y, 0);
      const entry = palette?.[first];
      const isClear = entry === undefined && isClearColour(picture, (channel) => sample(x, y, channel));
      const alpha = isClear ? 0 : entry === undefined ? (hasAlpha ? level(sample(x, y, channels - 1)) : 255) : (entry[3] ?? 255);
      for (let k = 0; k < 3; k++) {
        const value = entry === undefined ? level(channels < 3 ? first : sample(x, y, k)) : (entry[k] ?? 0);
        out[at + k] = onWhite(value, alpha);
      }
    }
  }
  return out;
}

interface Samples {
  readonly sample: (x: number, y: number, channel: number) => number;
  /** A sample as 8 bits. */
  readonly level: (value: number) => number;
}

function samplesOf({ width, channels, depth, data }: DecodedPng): Samples {
  if (depth >= 8) {
    const sample: Samples['sample'] = (x, y, channel) => data[(y * width + x) * channels + channel] ?? 0;
    return { sample, level: depth === 16 ? (value) => value >> 8 : (value) => value };
  }
  // Fewer bits have one channel; they come packed, each row from a byte of its own.
  const row = Math.ceil((width * depth) / 8);
  const most = 2 ** depth - 1;
  const sample: Samples['sample'] = (x, y) => ((data[y * row + ((x * depth) >> 3)] ?? 0) >> (8 - depth - ((x * depth) & 7))) & most;
  return { sample, level: (value) => Math.round((255 * value) / most) };
}

/** The one colour that a PNG without alpha may declare to be clear. */
function isClearColour({ transparency, channels, palette }: DecodedPng, sample: (channel: number) => number): boolean {
  if (transparency === undefined || palette !== undefined || channels % 2 === 0) return false;
  for (let k = 0; k < channels; k++) if (sample(k) !== transparency[k]) return false;
  return true;
}

function jpeg(bytes: Uint8Array): PageImage {
  const options = { useTArray: true, formatAsRGBA: false, maxResolutionInMP: MOST_PIXELS / 1e6, maxMemoryUsageInMB: 2048 } as const;
  const { width, height, data } = attempt(() => jpegJs.decode(bytes, options));
  return { width, height, data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength), ...withDpi(jfifDpi(bytes)) };
}

/** Density of a JFIF header (ITU-T T.871, 10.1): a unit, then 16 bits across. */
function jfifDpi(bytes: Uint8Array): number | undefined {
  if (bytes[2] !== 0xff || bytes[3] !== 0xe0 || String.fromCharCode(...bytes.subarray(6, 10)) !== 'JFIF') return undefined;
  const density = (bytes[14] ?? 0) * 256 + (bytes[15] ?? 0);
  return bytes[13] === 1 ? density : bytes[13] === 2 ? density * INCH_CM : undefined;
}

/** Pixels as browsers have them; the decoder makes its result of the global class of that name, which Node does not have. */
class Pixels {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;

  constructor(data: Uint8ClampedArray, width: number, height: number) {
    this.data = data;
    this.width = width;
    this.height = height;
  }
}

async function webp(bytes: Uint8Array): Promise<PageImage> {
  Object.assign(globalThis, { ImageData: Pixels });
  const { default: decode, init } = await import('@jsquash/webp/decode.js');
  const path = createRequire(import.meta.url).resolve('@jsquash/webp/codec/dec/webp_dec.wasm');
  await init({ wasmBinary: await readFile(path) });
  try {
    const { width, height, data } = await decode(new Uint8Array(bytes).buffer);
    return { width, height, data: withoutAlpha(data, width, height) };
  } catch (cause) {
    throw damaged('it cannot be decoded', cause);
  }
}

function* tiffPages(bytes: Uint8Array, spend: Spend): Generator<PageImage> {
  const buffer = new Uint8Array(bytes).buffer;
  const pages = attempt(() => utif.decode(buffer)).filter(
    (page) => ((numberOf(page, 254) ?? 0) & REDUCED) === 0 && numberOf(page, 256) !== undefined,
  );
  if (pages.length === 0) throw damaged('no page is in it');
  for (const page of pages) {
    check(numberOf(page, 256) ?? 0, numberOf(page, 257) ?? 0, spend);
    const data = attempt(() => {
      utif.decodeImage(buffer, page);
      return utif.toRGBA8(page);
    });
    const { width, height } = page;
    if (data.length < 4 * width * height) throw damaged('it ends before its last row');
    const unit = numberOf(page, 296) === 3 ? INCH_CM : 1;
    const dpi = (numberOf(page, 282) ?? 0) * unit;
    yield oriented({ width, height, data: withoutAlpha(data, width, height), ...withDpi(dpi) }, numberOf(page, 274) ?? 1);
    // Its pixels would stay as long as its directory.
    page.data = new Uint8Array(0);
  }
}

function numberOf(page: IFD, tag: number): number | undefined {
  const value = page[`t${tag}`];
  const first = typeof value === 'number' ? value : value?.[0];
  return typeof first === 'number' ? first : undefined;
}

function withoutAlpha(data: Uint8Array | Uint8ClampedArray, width: number, height: number): Uint8Array {
  const out = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; to < out.length; from += 4, to += 3) {
    const alpha = data[from + 3] ?? 255;
    for (let k = 0; k < 3; k++) out[to + k] = onWhite(data[from + k] ?? 0, alpha);
  }
  return out;
}

function onWhite(value: number, alpha: number): number {
  return alpha === 255 ? value : 255 + ((value - 255) * alpha) / 255;
}

/** Resolutions that cannot be meant (0, or 1 as a mere ratio) are none. */
function withDpi(dpi: number | undefined): { readonly dpi?: number } {
  return dpi !== undefined && dpi >= 30 && dpi <= 5000 ? { dpi } : {};
}

/**
 * Turns an image upright as its orientation says (Exif 2.32, tag 274): 1 as it is, 3 half a turn, 6 a quarter clockwise, 8 a quarter
 * anticlockwise; 2, 4, 5, 7 are mirrored besides.
 */
function oriented(image: PageImage, orientation: number): PageImage {
  if (orientation < 2 || orientation > 8) return image;
  const { width, height, data } = image;
  const isSide = orientation >= 5;
  const [outWidth, outHeight] = isSide ? [height, width] : [width, height];
  const mirrorsX = [2, 3, 7, 8].includes(orientation);
  const mirrorsY = [3, 4, 6, 7].includes(orientation);
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++, to += 3) {
      const [u, v] = isSide ? [y, x] : [x, y];
      const from = 3 * ((mirrorsY ? height - 1 - v : v) * width + (mirrorsX ? width - 1 - u : u));
      for (let k = 0; k < 3; k++) out[to + k] = data[from + k] ?? 0;
    }
  }
  return { ...image, width: outWidth, height: outHeight, data: out };
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    // Want of memory is not the file's fault.
    if (LocalLiteError.is(cause) || (cause instanceof RangeError && /allocation|array length/i.test(cause.message))) throw cause;
    throw damaged('it cannot be decoded', cause);
  }
}

function damaged(why: string, cause?: unknown): LocalLiteError {
  const reason = cause instanceof Error ? ` (${cause.message.slice(0, 200)})` : '';
  return new LocalLiteError('document_unreadable', `the image is damaged, or of a form that is not read: ${why}${reason}`, { cause });
}
