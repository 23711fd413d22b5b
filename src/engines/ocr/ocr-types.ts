/** Pixels: 8 bits RGB, row-major without padding. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** A rectangle that may be turned: centre, sides, and the angle of its width against the horizontal (radians, clockwise as y grows downwards). */
export interface TurnedRect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly angle: number;
}

/** Quarter turns clockwise. */
export type Quarters = 0 | 1 | 2 | 3;

/** What a line's picture says. */
export interface LineText {
  readonly text: string;
  /** Mean probability of its characters, 0 to 1; 0 for a line without any. */
  readonly confidence: number;
}

/** A line that was found and read; its rectangle in pixels of the upright image. */
export interface ReadLine extends LineText {
  readonly rect: TurnedRect;
}

/** Where a line of text stands and its picture, {@link LINE_HEIGHT} pixels high. */
export interface LineCrop {
  readonly rect: TurnedRect;
  readonly picture: RgbImage;
}

/** The lines of one page before they are read. */
export interface FoundLines {
  /** Quarters by which the image has to be turned clockwise to be upright. */
  readonly turn: Quarters;
  readonly lines: readonly LineCrop[];
}

/** Height of a line's picture, as the recognition models are trained. */
export const LINE_HEIGHT = 48;

/** The three networks as functions of pixels. Probabilities come back; nothing of their runtime shows. */
export interface OcrNetworks {
  /** `input`: [1, 3, height, width]. Gives the probability of text for each pixel. */
  detect(input: Float32Array, width: number, height: number): Promise<Float32Array>;
  /** Pictures of lines -> probability of each that it stands upside down. */
  upsideDown(pictures: readonly RgbImage[]): Promise<readonly number[]>;
  read(pictures: readonly RgbImage[]): Promise<readonly LineText[]>;
}
