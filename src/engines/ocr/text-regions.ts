import { convexHull, grown, type Point, rectAt, smallestRect, weightedMedian } from './geometry.ts';
import type { TurnedRect } from './ocr-types.ts';

/** How a map of probabilities becomes regions. */
export interface RegionRules {
  /** Probability from which a pixel counts as text. */
  readonly pixel: number;
  /** Mean probability from which a region counts. */
  readonly region: number;
  /** Regions were shrunk for training; they are grown again by area x ratio / perimeter. */
  readonly growth: number;
  /** Most regions of one page, the largest first. */
  readonly most: number;
}

/** What PP-OCR's detectors are published with; `region` is lower, as for their small models. */
const REGION_RULES: RegionRules = { pixel: 0.3, region: 0.5, growth: 1.6, most: 3000 };

/** Sides in pixels of the map below which a region is dirt. */
const SMALLEST_SIDE = 3;
/** A region so much wider than high tells the direction of its text by itself. */
const TELLING = 3;

interface Component {
  /** Ends of its rows: the hull of these is the hull of all. */
  readonly ends: readonly Point[];
  readonly pixels: number;
}

/**
 * Text regions of a probability map (differentiable binarisation, Liao et al. 2020, arXiv:1911.08947): connected pixels above a threshold,
 * the smallest rectangle around them, kept by their mean probability and grown. Short regions follow the direction of the long ones.
 */
export function textRegions(map: Float32Array, width: number, height: number, rules: RegionRules = REGION_RULES): readonly TurnedRect[] {
  const components = [...connected(map, width, height, rules.pixel)].sort((a, b) => b.pixels - a.pixels).slice(0, rules.most);
  const hulls = components.map(({ ends }) => convexHull(ends));
  const smallest = hulls.map(smallestRect);
  const telling = smallest.filter((rect) => elongation(rect) >= TELLING);
  const skew = weightedMedian(telling.map((rect) => ({ value: rect.angle, weight: Math.max(rect.width, rect.height) })));
  return smallest.flatMap((rect, index) => {
    const hull = hulls[index];
    const own = elongation(rect) >= TELLING || hull === undefined ? rect : rectAt(hull, skew);
    // A hull of pixel centres lacks half a pixel on each side.
    const whole = grown(own, 0.5);
    if (Math.min(whole.width, whole.height) < SMALLEST_SIDE || meanInside(map, width, height, own) < rules.region) return [];
    return [grown(whole, (whole.width * whole.height * rules.growth) / (2 * (whole.width + whole.height)))];
  });
}

function elongation({ width, height }: TurnedRect): number {
  return Math.max(width, height) / Math.max(1, Math.min(width, height));
}

/** Pixels above the threshold that touch, corners included. */
function* connected(map: Float32Array, width: number, height: number, threshold: number): Generator<Component> {
  const seen = new Uint8Array(map.length);
  const stack: number[] = [];
  for (let start = 0; start < map.length; start++) {
    if (seen[start] === 1 || (map[start] ?? 0) < threshold) continue;
    seen[start] = 1;
    stack.push(start);
    const rows = new Map<number, { left: number; right: number }>();
    let pixels = 0;
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      pixels++;
      const y = Math.floor(at / width);
      const x = at - y * width;
      const row = rows.get(y);
      if (row === undefined) rows.set(y, { left: x, right: x });
      else if (x < row.left) row.left = x;
      else if (x > row.right) row.right = x;
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          const next = ny * width + nx;
          if (seen[next] === 1 || (map[next] ?? 0) < threshold) continue;
          seen[next] = 1;
          stack.push(next);
        }
      }
    }
    const ends = [...rows].flatMap(([y, { left, right }]) => [
      { x: left + 0.5, y: y + 0.5 },
      { x: right + 0.5, y: y + 0.5 },
    ]);
    yield { ends, pixels };
  }
}

function meanInside(map: Float32Array, width: number, height: number, rect: TurnedRect): number {
  const cos = Math.cos(rect.angle);
  const sin = Math.sin(rect.angle);
  const reachX = (rect.width * Math.abs(cos) + rect.height * Math.abs(sin)) / 2;
  const reachY = (rect.width * Math.abs(sin) + rect.height * Math.abs(cos)) / 2;
  let sum = 0;
  let count = 0;
  for (let y = Math.max(0, Math.floor(rect.y - reachY)); y < Math.min(height, rect.y + reachY); y++) {
    for (let x = Math.max(0, Math.floor(rect.x - reachX)); x < Math.min(width, rect.x + reachX); x++) {
      const dx = x + 0.5 - rect.x;
      const dy = y + 0.5 - rect.y;
      if (Math.abs(dx * cos + dy * sin) > rect.width / 2 + 0.01 || Math.abs(dy * cos - dx * sin) > rect.height / 2 + 0.01) continue;
      sum += map[y * width + x] ?? 0;
      count++;
    }
  }
  return count === 0 ? 0 : sum / count;
}
