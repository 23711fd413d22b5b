import type { LineText, OcrNetworks, RgbImage } from './ocr-types.ts';
import { turned } from './raster.ts';

/** What is read with less certainty may stand upside down, and is tried that way too. */
const DOUBTFUL = 0.6;

/** Reads pictures of lines; single ones may stand upside down (a label beside a table, a seal). */
export async function readLines(pictures: readonly RgbImage[], networks: OcrNetworks): Promise<readonly LineText[]> {
  const texts = await networks.read(pictures);
  const doubtful = texts.flatMap(({ confidence }, index) => (confidence < DOUBTFUL ? [index] : []));
  if (doubtful.length === 0) return texts;
  const over = await networks.read(doubtful.flatMap((index) => pictures[index] ?? []).map((picture) => turned(picture, 2)));
  const better = new Map(doubtful.map((index, at) => [index, over[at]]));
  return texts.map((text, index) => {
    const other = better.get(index);
    return other !== undefined && other.confidence > Math.max(DOUBTFUL, text.confidence) ? other : text;
  });
}
