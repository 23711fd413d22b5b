import type { Box } from '../document-types.ts';

/** Something that stands on a slide. */
export interface Placed {
  /** In points; absent where the file does not say where it stands. */
  readonly box?: Box;
}

/** Edges that overlap by so many points still count as apart. */
const OVERLAP = 4;
/** More shapes than any slide has are left in the order of the file. */
const MOST_SHAPES = 2000;

/**
 * The order in which shapes are read: the slide is cut along gaps into rows or columns until nothing can be cut. Where both would do, the
 * cut that keeps the file's own order is taken; shapes that lie over each other stay in that order.
 */
export function readingOrder<T extends Placed>(shapes: readonly T[]): readonly T[] {
  const placed = shapes.flatMap((shape, index) => (shape.box === undefined ? [] : [{ shape, index, box: shape.box }]));
  if (placed.length !== shapes.length || placed.length > MOST_SHAPES) return shapes;
  return ordered(placed).map(({ shape }) => shape);
}

interface Indexed<T> {
  readonly shape: T;
  readonly index: number;
  readonly box: Box;
}

function ordered<T>(shapes: readonly Indexed<T>[]): readonly Indexed<T>[] {
  if (shapes.length < 2) return shapes;
  const rows = cut(shapes, vertical);
  const columns = cut(shapes, horizontal);
  if (rows.length > 1 && keepsOrder(rows)) return rows.flatMap(ordered);
  if (columns.length > 1 && (rows.length === 1 || keepsOrder(columns))) return columns.flatMap(ordered);
  return rows.length > 1 ? joined(rows).flatMap(ordered) : shapes;
}

const vertical = ({ y, height }: Box): readonly [number, number] => [y, y + height];
const horizontal = ({ x, width }: Box): readonly [number, number] => [x, x + width];

/** Rows, with those made one that together have columns in the order of the file, as texts under two heads have. */
function joined<T>(rows: readonly (readonly Indexed<T>[])[]): readonly (readonly Indexed<T>[])[] {
  const groups: (readonly Indexed<T>[])[] = [];
  for (let at = 0; at < rows.length; ) {
    let end = at;
    let union: readonly Indexed<T>[] = [];
    for (let next = union; end < rows.length; end++) {
      next = [...union, ...(rows[end] ?? [])].sort((left, right) => left.index - right.index);
      if (cut(next, horizontal).length < 2) break;
      union = next;
    }
    const isOne = end > at + 1 && keepsOrder(cut(union, horizontal)) && !keepsOrder(rows.slice(at, end));
    // All of them as one would be cut the same way again.
    const isProgress = end - at < rows.length;
    groups.push(...(isOne && isProgress ? [union] : rows.slice(at, Math.max(end, at + 1))));
    at = Math.max(end, at + 1);
  }
  return groups;
}

/** Groups between which there is a gap all the way across; each in the order of the file. */
function cut<T>(shapes: readonly Indexed<T>[], extent: (box: Box) => readonly [number, number]): readonly (readonly Indexed<T>[])[] {
  const sorted = shapes
    .map((one) => ({ one, extent: extent(one.box) }))
    .sort((left, right) => left.extent[0] - right.extent[0] || left.one.index - right.one.index);
  const groups: Indexed<T>[][] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (const {
    one,
    extent: [from, to],
  } of sorted) {
    if (from >= end - OVERLAP) groups.push([]);
    groups.at(-1)?.push(one);
    end = Math.max(end, to);
  }
  return groups.map((group) => group.toSorted((left, right) => left.index - right.index));
}

function keepsOrder<T>(groups: readonly (readonly Indexed<T>[])[]): boolean {
  return groups.every((group, at) => at === 0 || (group[0]?.index ?? 0) > (groups[at - 1]?.at(-1)?.index ?? 0));
}
