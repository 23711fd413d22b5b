import type { Quarters, RgbImage, TurnedRect } from './ocr-types.ts';

/** The image turned clockwise by quarters. */
export function turned(image: RgbImage, quarters: Quarters): RgbImage {
  if (quarters === 0) return image;
  const { width, height, data } = image;
  const out = new Uint8Array(data.length);
  const isSide = quarters % 2 === 1;
  const outWidth = isSide ? height : width;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [toX, toY] = quarters === 1 ? [height - 1 - y, x] : quarters === 2 ? [width - 1 - x, height - 1 - y] : [y, width - 1 - x];
      const from = 3 * (y * width + x);
      const to = 3 * (toY * outWidth + toX);
      out[to] = data[from] ?? 0;
      out[to + 1] = data[from + 1] ?? 0;
      out[to + 2] = data[from + 2] ?? 0;
    }
  }
  return { width: outWidth, height: isSide ? width : height, data: out };
}

/**
 * A smaller image by the mean of the pixels that each of its pixels covers, or a larger one by linear interpolation. Means, unlike single
 * samples, keep thin strokes.
 */
export function resized(image: RgbImage, width: number, height: number): RgbImage {
  if (width === image.width && height === image.height) return image;
  const across = weightsOf(image.width, width);
  const down = weightsOf(image.height, height);
  // Rows first: a source row is narrowed once, and only then added to the rows that it is part of.
  const rows = new Float32Array(3 * width * image.height);
  for (let y = 0; y < image.height; y++) narrow(image.data, 3 * y * image.width, across, rows, 3 * y * width);
  const data = new Uint8Array(3 * width * height);
  const stride = 3 * width;
  const sum = new Float32Array(stride);
  for (let y = 0; y < height; y++) {
    sum.fill(0);
    const first = down.first[y] ?? 0;
    for (let k = down.start[y] ?? 0, row = first; k < (down.start[y + 1] ?? 0); k++, row++) {
      const weight = down.weight[k] ?? 0;
      for (let i = 0, at = row * stride; i < stride; i++, at++) sum[i] = (sum[i] ?? 0) + weight * (rows[at] ?? 0);
    }
    for (let i = 0, at = y * stride; i < stride; i++, at++) data[at] = (sum[i] ?? 0) + 0.5;
  }
  return { width, height, data };
}

/** For each target pixel the first source pixel it is made of, and their weights from `start[i]` on. */
interface Weights {
  readonly first: Int32Array;
  readonly start: Int32Array;
  readonly weight: Float32Array;
}

function weightsOf(from: number, to: number): Weights {
  const scale = from / to;
  const reach = Math.max(1, scale);
  const first = new Int32Array(to);
  const start = new Int32Array(to + 1);
  const weight: number[] = [];
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * scale - 0.5;
    // A triangle as wide as what the pixel covers: linear interpolation when growing, a soft mean when shrinking.
    const low = Math.max(0, Math.ceil(centre - reach + 1e-6));
    const high = Math.min(from - 1, Math.floor(centre + reach - 1e-6));
    const parts = Array.from({ length: high - low + 1 }, (_, k) => Math.max(1e-6, 1 - Math.abs(low + k - centre) / reach));
    const total = parts.reduce((sum, part) => sum + part, 0);
    first[i] = low;
    weight.push(...parts.map((part) => part / total));
    start[i + 1] = weight.length;
  }
  return { first, start, weight: Float32Array.from(weight) };
}

function narrow(source: Uint8Array, from: number, { first, start, weight }: Weights, target: Float32Array, to: number): void {
  for (let x = 0; x < first.length; x++) {
    let red = 0;
    let green = 0;
    let blue = 0;
    for (let k = start[x] ?? 0, at = from + 3 * (first[x] ?? 0); k < (start[x + 1] ?? 0); k++, at += 3) {
      const part = weight[k] ?? 0;
      red += part * (source[at] ?? 0);
      green += part * (source[at + 1] ?? 0);
      blue += part * (source[at + 2] ?? 0);
    }
    target[to + 3 * x] = red;
    target[to + 3 * x + 1] = green;
    target[to + 3 * x + 2] = blue;
  }
}

/** Source pixels to one target pixel above which more than one sample a target pixel is taken. */
const DENSE = 1.5;

/**
 * Cuts out a turned rectangle and brings it to `height`, keeping its proportions up to `maxWidth`: one resampling from the page itself.
 * What lies outside of the image repeats its border.
 */
export function cropRect(image: RgbImage, rect: TurnedRect, height: number, maxWidth: number): RgbImage {
  const width = Math.max(1, Math.min(maxWidth, Math.round((rect.width * height) / Math.max(1, rect.height))));
  const data = new Uint8Array(3 * width * height);
  const cos = Math.cos(rect.angle);
  const sin = Math.sin(rect.angle);
  const stepX = rect.width / width;
  const stepY = rect.height / height;
  const samples = Math.min(4, Math.max(1, Math.ceil(Math.max(stepX, stepY) / DENSE)));
  const sum = new Float64Array(3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      sum.fill(0);
      for (let sy = 0; sy < samples; sy++) {
        const v = (y + (sy + 0.5) / samples) * stepY - rect.height / 2;
        for (let sx = 0; sx < samples; sx++) {
          const u = (x + (sx + 0.5) / samples) * stepX - rect.width / 2;
          addSample(image, rect.x + u * cos - v * sin - 0.5, rect.y + u * sin + v * cos - 0.5, sum);
        }
      }
      const share = 1 / (samples * samples);
      const at = 3 * (y * width + x);
      for (let k = 0; k < 3; k++) data[at + k] = (sum[k] ?? 0) * share + 0.5;
    }
  }
  return { width, height, data };
}

/** Adds the linear interpolation of the four pixels around a point. */
function addSample({ width, height, data }: RgbImage, x: number, y: number, sum: Float64Array): void {
  const left = Math.floor(x);
  const top = Math.floor(y);
  const dx = x - left;
  const dy = y - top;
  const x0 = left < 0 ? 0 : left >= width ? width - 1 : left;
  const x1 = left + 1 < 0 ? 0 : left + 1 >= width ? width - 1 : left + 1;
  const y0 = (top < 0 ? 0 : top >= height ? height - 1 : top) * width;
  const y1 = (top + 1 < 0 ? 0 : top + 1 >= height ? height - 1 : top + 1) * width;
  const a = 3 * (y0 + x0);
  const b = 3 * (y0 + x1);
  const c = 3 * (y1 + x0);
  const d = 3 * (y1 + x1);
  const wa = (1 - dx) * (1 - dy);
  const wb = dx * (1 - dy);
  const wc = (1 - dx) * dy;
  const wd = dx * dy;
  for (let k = 0; k < 3; k++) {
    sum[k] = (sum[k] ?? 0) + wa * (data[a + k] ?? 0) + wb * (data[b + k] ?? 0) + wc * (data[c + k] ?? 0) + wd * (data[d + k] ?? 0);
  }
}

/** How pixels become the numbers of a network: `(value / 255 - mean) / deviation`, by channel in the order blue, green, red. */
export interface Normalisation {
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
}

/** Of the recognition and direction networks. */
export const EVEN: Normalisation = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] };

/**
 * Writes an image into `target` as [3, height, planeWidth] from `offset` on, blue first, as the networks were trained. A plane may be wider
 * than the image; what is beside it stays as it is (zero: the mean).
 */
export function writePlanes(
  { width, height, data }: RgbImage,
  { mean, deviation }: Normalisation,
  target: Float32Array,
  { offset = 0, planeWidth = width }: { readonly offset?: number; readonly planeWidth?: number } = {},
): void {
  for (let channel = 0; channel < 3; channel++) {
    const scale = 1 / (255 * (deviation[channel] ?? 1));
    const shift = (mean[channel] ?? 0) / (deviation[channel] ?? 1);
    const plane = offset + channel * height * planeWidth;
    for (let y = 0; y < height; y++) {
      let from = 3 * y * width + (2 - channel);
      let to = plane + y * planeWidth;
      for (let x = 0; x < width; x++, from += 3, to++) target[to] = (data[from] ?? 0) * scale - shift;
    }
  }
}
