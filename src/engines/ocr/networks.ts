import { LocalLiteError } from '../../errors.ts';
import type { InferenceSession } from '../../runtime/session.ts';
import { type Alphabet, alphabetOf, decodeCtc } from './ctc.ts';
import { LINE_HEIGHT, type LineText, type OcrNetworks, type RgbImage } from './ocr-types.ts';
import { EVEN, resized, writePlanes } from './raster.ts';

/** Width of the direction network's input. */
const DIRECTION_WIDTH = 192;
/** The recogniser was trained on pictures of at least this width; narrower ones are padded. */
const NARROWEST = 320;
/** Pixels of width in one run of the recogniser: it bounds memory, the output has thousands of classes for every eighth pixel. */
const RUN_WIDTH = 9_600;

/** The three open graphs of a PP-OCR model. */
export interface OcrSessions {
  readonly detector: InferenceSession;
  readonly direction: InferenceSession;
  readonly recogniser: InferenceSession;
}

/**
 * PP-OCR's networks over open sessions.
 * @param dictionary characters of the recogniser in the order of its classes, without blank and space
 */
export function openNetworks({ detector, direction, recogniser }: OcrSessions, dictionary: readonly string[]): OcrNetworks {
  let alphabet: Alphabet | undefined;
  return {
    detect: async (input, width, height) => (await run(detector, input, [1, 3, height, width])).data,
    upsideDown: async (pictures) => {
      const input = new Float32Array(pictures.length * 3 * LINE_HEIGHT * DIRECTION_WIDTH);
      for (const [index, picture] of pictures.entries()) writePicture(directionPicture(picture), index, DIRECTION_WIDTH, input);
      const { data } = await run(direction, input, [pictures.length, 3, LINE_HEIGHT, DIRECTION_WIDTH]);
      return pictures.map((_, index) => data[2 * index + 1] ?? 0);
    },
    read: async (pictures) => {
      const results: LineText[] = [];
      for (const batch of batches(pictures)) {
        const width = Math.max(NARROWEST, ...batch.map((picture) => picture.width));
        const input = new Float32Array(batch.length * 3 * LINE_HEIGHT * width);
        for (const [index, picture] of batch.entries()) writePicture(picture, index, width, input);
        const { data, dims } = await run(recogniser, input, [batch.length, 3, LINE_HEIGHT, width]);
        const [, steps = 0, classes = 0] = dims;
        alphabet ??= alphabetOf(dictionary, classes);
        if (alphabet === undefined) throw misfit(dictionary.length, classes);
        for (let index = 0; index < batch.length; index++) {
          results.push(decodeCtc(data, { offset: index * steps * classes, steps, alphabet }));
        }
      }
      return results;
    },
  };
}

/** Neighbours in one run as long as together they are not too wide. */
function* batches(pictures: readonly RgbImage[]): Generator<readonly RgbImage[]> {
  let batch: RgbImage[] = [];
  for (const picture of pictures) {
    const width = Math.max(NARROWEST, picture.width, ...batch.map((other) => other.width));
    if (batch.length > 0 && width * (batch.length + 1) > RUN_WIDTH) {
      yield batch;
      batch = [];
    }
    batch.push(picture);
  }
  if (batch.length > 0) yield batch;
}

/** The whole of a short line; of a long one its beginning, which shows the direction of letters larger than all of it squeezed. */
function directionPicture(picture: RgbImage): RgbImage {
  const { width, height, data } = picture;
  if (width <= DIRECTION_WIDTH) return picture;
  const shown = Math.min(width, 2 * DIRECTION_WIDTH);
  const part = new Uint8Array(3 * shown * height);
  for (let y = 0; y < height; y++) part.set(data.subarray(3 * y * width, 3 * (y * width + shown)), 3 * y * shown);
  return resized({ width: shown, height, data: part }, DIRECTION_WIDTH, height);
}

function writePicture(picture: RgbImage, index: number, width: number, input: Float32Array): void {
  writePlanes(picture, EVEN, input, { offset: index * 3 * LINE_HEIGHT * width, planeWidth: width });
}

interface Output {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

async function run(session: InferenceSession, data: Float32Array, dims: readonly number[]): Promise<Output> {
  const [input] = session.inputs;
  const [output] = session.outputs;
  if (input === undefined || output === undefined)
    throw new LocalLiteError('model_unsupported', 'a graph of the OCR model has no input or output');
  const result = (await session.run({ [input.name]: { type: 'float32', dims, data } }, [output.name]))[output.name];
  if (!(result?.data instanceof Float32Array))
    throw new LocalLiteError('model_unsupported', 'a graph of the OCR model does not give 32-bit floats');
  return { data: result.data, dims: result.dims };
}

function misfit(characters: number, classes: number): LocalLiteError {
  return new LocalLiteError(
    'model_load_failed',
    `the recogniser has ${classes} classes and its dictionary ${characters} characters: they are not of one model`,
  );
}
