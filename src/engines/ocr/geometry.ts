import type { Quarters, TurnedRect } from './ocr-types.ts';

/** A point of an image, y downwards. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The convex hull of points, anticlockwise on a y axis that points up (Andrew's monotone chain). */
export function convexHull(points: readonly Point[]): readonly Point[] {
  const sorted = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  if (sorted.length < 3) return sorted;
  const half = (ordered: readonly Point[]): Point[] => {
    const chain: Point[] = [];
    for (const point of ordered) {
      for (let last = chain.at(-1), before = chain.at(-2); last !== undefined && before !== undefined; ) {
        if ((last.x - before.x) * (point.y - before.y) - (last.y - before.y) * (point.x - before.x) > 0) break;
        chain.pop();
        last = chain.at(-1);
        before = chain.at(-2);
      }
      chain.push(point);
    }
    chain.pop();
    return chain;
  };
  return [...half(sorted), ...half(sorted.reverse())];
}

/** The rectangle around points whose width runs at an angle. */
export function rectAt(points: readonly Point[], angle: number): TurnedRect {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  let [left, right, top, bottom] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const { x, y } of points) {
    const u = x * cos + y * sin;
    const v = y * cos - x * sin;
    left = Math.min(left, u);
    right = Math.max(right, u);
    top = Math.min(top, v);
    bottom = Math.max(bottom, v);
  }
  const u = (left + right) / 2;
  const v = (top + bottom) / 2;
  return { x: u * cos - v * sin, y: u * sin + v * cos, width: right - left, height: bottom - top, angle };
}

/** The smallest rectangle around a convex hull: one of its sides lies on a side of the hull. The angle is within an eighth of a turn. */
export function smallestRect(hull: readonly Point[]): TurnedRect {
  let best: TurnedRect | undefined;
  hull.forEach((from, index) => {
    const to = hull[(index + 1) % hull.length] ?? from;
    if (to.x === from.x && to.y === from.y) return;
    const rect = rectAt(hull, nearHorizontal(Math.atan2(to.y - from.y, to.x - from.x)));
    if (best === undefined || rect.width * rect.height < best.width * best.height) best = rect;
  });
  return best ?? rectAt(hull, 0);
}

/** The same direction but for quarter turns, within an eighth of a turn of the horizontal. */
function nearHorizontal(angle: number): number {
  const quarter = Math.PI / 2;
  return angle - quarter * Math.round(angle / quarter);
}

/** Room on all sides. */
export function grown(rect: TurnedRect, by: number): TurnedRect {
  return { ...rect, width: rect.width + 2 * by, height: rect.height + 2 * by };
}

export function scaled(rect: TurnedRect, x: number, y: number): TurnedRect {
  return { x: rect.x * x, y: rect.y * y, width: rect.width * x, height: rect.height * y, angle: rect.angle };
}

/** The upright box around a turned rectangle. */
export function boxAround({ x, y, width, height, angle }: TurnedRect): { x: number; y: number; width: number; height: number } {
  const cos = Math.abs(Math.cos(angle));
  const sin = Math.abs(Math.sin(angle));
  const boxWidth = width * cos + height * sin;
  const boxHeight = width * sin + height * cos;
  return { x: x - boxWidth / 2, y: y - boxHeight / 2, width: boxWidth, height: boxHeight };
}

/** Where a rectangle of an image stands when the image, `width` x `height`, is turned clockwise. */
export function turnedRect(rect: TurnedRect, quarters: Quarters, width: number, height: number): TurnedRect {
  if (quarters === 0) return rect;
  if (quarters === 2) return { ...rect, x: width - rect.x, y: height - rect.y };
  const [x, y] = quarters === 1 ? [height - rect.y, rect.x] : [rect.y, width - rect.x];
  return { x, y, width: rect.height, height: rect.width, angle: rect.angle };
}

/** The middle one by weight; 0 of none. */
export function weightedMedian(values: readonly { readonly value: number; readonly weight: number }[]): number {
  const sorted = [...values].sort((a, b) => a.value - b.value);
  const half = sorted.reduce((sum, { weight }) => sum + weight, 0) / 2;
  let passed = 0;
  for (const { value, weight } of sorted) {
    passed += weight;
    if (passed >= half) return value;
  }
  return 0;
}
