import type { PdfLibrary } from './pdf-library.ts';
import { type Frame, turn } from './pdf-words.ts';

/** A straight horizontal (`y`, from `start` to `end` in x) or vertical (`x`, in y) line of a page, in the coordinates of its turned text. */
export interface Rule {
  readonly at: number;
  readonly start: number;
  readonly end: number;
}

/** What is drawn on a page besides text. */
export interface Graphics {
  readonly horizontal: readonly Rule[];
  readonly vertical: readonly Rule[];
  /** Share of the page that images cover, 0 to 1. */
  readonly imageShare: number;
  /** Drawn shapes; a page of text as outlines has very many. */
  readonly shapes: number;
}

const PATH = 2;
const IMAGE = 3;
const FORM = 5;
const MOVE_TO = 2;
const LINE_TO = 0;
/** Points up to which a filled shape counts as a line. */
const THIN = 3;
const SHORTEST = 6;
const MOST_OBJECTS = 20_000;
const MOST_RULES = 3000;
const MOST_SEGMENTS = 400;

type Bounds = readonly [number, number, number, number];

/** Lines, images and shapes of an open page; `quadrant` is that of its text. */
export function readGraphics(library: PdfLibrary, page: number, frame: Frame, quadrant: number): Graphics {
  return new GraphicsReader(library, frame, quadrant).read(page);
}

class GraphicsReader {
  readonly #library: PdfLibrary;
  readonly #frame: Frame;
  readonly #quadrant: number;
  readonly #horizontal: Rule[] = [];
  readonly #vertical: Rule[] = [];
  readonly #pageArea: number;
  #imageArea = 0;
  #shapes = 0;

  constructor(library: PdfLibrary, frame: Frame, quadrant: number) {
    this.#library = library;
    this.#frame = frame;
    this.#quadrant = quadrant;
    this.#pageArea = Math.max(1, (frame.right - frame.left) * (frame.top - frame.bottom));
  }

  read(page: number): Graphics {
    const { pdfium } = this.#library;
    const count = Math.min(pdfium._FPDFPage_CountObjects(page), MOST_OBJECTS);
    for (let index = 0; index < count; index++) this.#object(pdfium.wasmExports.FPDFPage_GetObject(page, index));
    return {
      horizontal: this.#horizontal,
      vertical: this.#vertical,
      imageShare: Math.min(1, this.#imageArea / this.#pageArea),
      shapes: this.#shapes,
    };
  }

  #object(object: number): void {
    const type = this.#library.pdfium.wasmExports.FPDFPageObj_GetType(object);
    if (type === PATH) this.#path(object);
    else if (type === IMAGE || type === FORM) this.#image(object);
  }

  /** A form may hold anything; where it fills the page and there is no text, it is as good as an image. */
  #image(object: number): void {
    const bounds = this.#bounds(object);
    if (bounds === undefined) return;
    const { left, right, top, bottom } = this.#frame;
    const width = Math.min(bounds[2], right) - Math.max(bounds[0], left);
    const height = Math.min(bounds[1], top) - Math.max(bounds[3], bottom);
    if (width > 0 && height > 0) this.#imageArea += width * height;
  }

  #path(object: number): void {
    this.#shapes++;
    if (this.#horizontal.length + this.#vertical.length > MOST_RULES) return;
    const bounds = this.#bounds(object);
    if (bounds === undefined) return;
    const box = turn(this.#frame, this.#quadrant, bounds);
    if (box[2] - box[0] < THIN || box[3] - box[1] < THIN) {
      this.#rule(box);
      return;
    }
    const { pdfium } = this.#library;
    const segments = pdfium._FPDFPath_CountSegments(object);
    if (segments <= 5) this.#rectangle(box);
    else if (segments <= MOST_SEGMENTS) this.#segments(object, segments);
  }

  #rectangle(box: Bounds): void {
    const [left, top, right, bottom] = box;
    if ((right - left) * (bottom - top) > 0.7 * this.#pageArea) return;
    this.#rule([left, top, right, top]);
    this.#rule([left, bottom, right, bottom]);
    this.#rule([left, top, left, bottom]);
    this.#rule([right, top, right, bottom]);
  }

  #segments(object: number, count: number): void {
    const { pdfium, scratch } = this.#library;
    pdfium._FPDFPageObj_GetMatrix(object, scratch);
    const [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map((place) => this.#library.float(place)) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    let before: readonly [number, number] | undefined;
    for (let index = 0; index < count; index++) {
      const segment = pdfium.wasmExports.FPDFPath_GetPathSegment(object, index);
      const type = pdfium.wasmExports.FPDFPathSegment_GetType(segment);
      pdfium.wasmExports.FPDFPathSegment_GetPoint(segment, scratch, scratch + 4);
      const [x, y] = [this.#library.float(0), this.#library.float(1)];
      const point = [a * x + c * y + e, b * x + d * y + f] as const;
      if (type === LINE_TO && before !== undefined) {
        const [left, right] = [Math.min(before[0], point[0]), Math.max(before[0], point[0])];
        const [bottom, top] = [Math.min(before[1], point[1]), Math.max(before[1], point[1])];
        if (right - left < 1 || top - bottom < 1) this.#rule(turn(this.#frame, this.#quadrant, [left, top, right, bottom]));
      }
      if (type === MOVE_TO || type === LINE_TO) before = point;
    }
  }

  #rule([left, top, right, bottom]: Bounds): void {
    if (right - left >= bottom - top) {
      if (right - left >= SHORTEST) this.#horizontal.push({ at: (top + bottom) / 2, start: left, end: right });
    } else if (bottom - top >= SHORTEST) this.#vertical.push({ at: (left + right) / 2, start: top, end: bottom });
  }

  /** Left, top, right, bottom in the coordinates of the file. */
  #bounds(object: number): Bounds | undefined {
    const { pdfium, scratch } = this.#library;
    if (pdfium.wasmExports.FPDFPageObj_GetBounds(object, scratch, scratch + 4, scratch + 8, scratch + 12) === 0) return undefined;
    const [left, bottom, right, top] = this.#library.rectangle();
    return Number.isFinite(left + bottom + right + top) ? [left, top, right, bottom] : undefined;
  }
}
