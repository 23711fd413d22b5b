import { scaled, turnedRect } from './geometry.ts';
import {
  type FoundLines,
  LINE_HEIGHT,
  type LineCrop,
  type OcrNetworks,
  type Quarters,
  type RgbImage,
  type TurnedRect,
} from './ocr-types.ts';
import { cropRect, type Normalisation, resized, turned, writePlanes } from './raster.ts';
import { textRegions } from './text-regions.ts';

/** Longest side at which a page is looked at first, and at most. */
const FIRST_SIDE = 960;
const MOST_SIDE = 2240;
/** The detectors' grid. */
const GRID = 32;
/** Height of a line in pixels of the detector's input below which lines run into each other: then it looks again, closer. */
const LOW_LINE = 13;
const GOOD_LINE = 18;
/** Pictures of lines are never wider: what is longer is squeezed. */
const WIDEST = 3200;
/** Lines that are asked for the page's direction. */
const VOTERS = 12;
/** Lines that are read both ways where the votes differ. */
const TRIED = 3;
/** Of ImageNet, as the detectors are trained. */
const DETECTOR: Normalisation = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };

/** Finds the lines of a page and which way up it stands. A page without text has no lines. */
export async function findLines(image: RgbImage, networks: OcrNetworks): Promise<FoundLines> {
  const found = await detect(image, networks);
  if (found.length === 0) return { turn: 0, lines: [] };
  const side = standsOnSide(found) ? 1 : 0;
  const sideways = turned(image, side);
  const rects = found.map((rect) => turnedRect(rect, side, image.width, image.height));
  const isDown = await isUpsideDown(sideways, rects, networks);
  const turn = (side + (isDown ? 2 : 0)) as Quarters;
  const upright = isDown ? turned(sideways, 2) : sideways;
  const standing = isDown ? rects.map((rect) => turnedRect(rect, 2, sideways.width, sideways.height)) : rects;
  return { turn, lines: standing.map((rect) => ({ rect, picture: lineCrop(upright, rect).picture })) };
}

async function detect(image: RgbImage, networks: OcrNetworks): Promise<readonly TurnedRect[]> {
  const longest = Math.max(image.width, image.height);
  const first = await detectAt(image, Math.min(1, FIRST_SIDE / longest), networks);
  const line = typicalHeight(first.regions) * first.scale;
  const closer = Math.min(1, MOST_SIDE / longest, (first.scale * GOOD_LINE) / Math.max(1, line));
  if (first.regions.length === 0 || line >= LOW_LINE || closer < 1.2 * first.scale) return first.regions;
  return (await detectAt(image, closer, networks)).regions;
}

interface Detection {
  readonly regions: readonly TurnedRect[];
  readonly scale: number;
}

async function detectAt(image: RgbImage, scale: number, networks: OcrNetworks): Promise<Detection> {
  const width = gridded(image.width * scale);
  const height = gridded(image.height * scale);
  const input = new Float32Array(3 * width * height);
  writePlanes(resized(image, width, height), DETECTOR, input);
  const map = await networks.detect(input, width, height);
  const regions = textRegions(map, width, height).map((rect) => scaled(rect, image.width / width, image.height / height));
  return { regions, scale };
}

function gridded(side: number): number {
  return Math.max(GRID, GRID * Math.round(side / GRID));
}

function typicalHeight(rects: readonly TurnedRect[]): number {
  const heights = rects.map(({ width, height }) => Math.min(width, height)).sort((a, b) => a - b);
  return heights[Math.floor(heights.length / 2)] ?? 0;
}

/** Most of what is longer than a word is higher than wide. */
function standsOnSide(rects: readonly TurnedRect[]): boolean {
  let upright = 0;
  let side = 0;
  for (const { width, height } of rects) {
    if (width >= 1.5 * height) upright += width;
    else if (height >= 1.5 * width) side += height;
  }
  return side > upright;
}

/** Longer lines tell more; those that run across the page's direction tell nothing of it. */
async function isUpsideDown(image: RgbImage, rects: readonly TurnedRect[], networks: OcrNetworks): Promise<boolean> {
  const along = rects.filter(({ width, height }) => width >= 1.5 * height).sort((a, b) => b.width / b.height - a.width / a.height);
  const voters = along.slice(0, VOTERS).map((rect) => lineCrop(image, rect).picture);
  if (voters.length === 0) return false;
  const votes = await networks.upsideDown(voters);
  if (votes.every((probability) => probability < 0.5)) return false;
  // The direction network errs on clean print; the recogniser knows better, and is dearer.
  const tried = voters.slice(0, TRIED);
  const [asIs, over] = [await networks.read(tried), await networks.read(tried.map((picture) => turned(picture, 2)))];
  return certainty(over) > certainty(asIs);
}

function certainty(lines: readonly { readonly text: string; readonly confidence: number }[]): number {
  return lines.reduce((sum, { text, confidence }) => sum + confidence * text.length, 0);
}

/** The picture of a line; of one that runs downwards, as it is read with the head to the right. */
function lineCrop(image: RgbImage, rect: TurnedRect): LineCrop {
  if (rect.height < 1.5 * rect.width) return { rect, picture: cropRect(image, rect, LINE_HEIGHT, WIDEST) };
  const lying = { ...rect, width: rect.height, height: rect.width, angle: rect.angle - Math.PI / 2 };
  return { rect, picture: cropRect(image, lying, LINE_HEIGHT, WIDEST) };
}
