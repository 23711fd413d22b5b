import type { Environment } from '../config/environment.ts';
import type { Ocr, OcrResult, PageImage } from '../documents/document-types.ts';
import { boxAround, turnedRect } from '../engines/ocr/geometry.ts';
import type { Quarters } from '../engines/ocr/ocr-types.ts';
import type { PageText } from '../engines/ocr/page-reader.ts';
import { skewOf } from '../engines/ocr/reading-order.ts';
import { LocalLiteError } from '../errors.ts';
import type { GatewayParts } from './gateway-parts.ts';
import type { Jobs } from './gateway-types.ts';
import type { ModelAccess } from './model-access.ts';
import { findTesseract, readWithTesseract } from './tesseract.ts';

/** A fetch that failed is not tried again for each page: so many milliseconds later. */
const TRY_AGAIN_MS = 60_000;

/** What the reader is made of. */
export interface OcrParts {
  readonly parts: Pick<GatewayParts, 'config' | 'telemetry' | 'names'>;
  readonly access: Pick<ModelAccess, 'lease'>;
  readonly jobs: Pick<Jobs, 'startPull' | 'watch'>;
  readonly environment: Environment;
}

/** Reads images as the settings `ocr.*` want it; undefined where OCR is off. */
export function createOcr(options: OcrParts): Ocr | undefined {
  const { engine } = options.parts.config.ocr;
  if (engine === 'off') return undefined;
  const reader = new OcrReader(options);
  if (engine === 'tesseract') return (image, { languages, signal }) => reader.tesseract(image, languages, signal);
  return engine === 'ppocr'
    ? (image, { signal }) => reader.ppocr(image, signal)
    : (image, { languages, signal }) => reader.auto(image, languages, signal);
}

/** Both engines, and the choice between them. The model is fetched as a job that everybody can watch. */
class OcrReader {
  readonly #options: OcrParts;
  #failedAt = Number.NEGATIVE_INFINITY;
  #failure: LocalLiteError | undefined;
  #told = false;

  constructor(options: OcrParts) {
    this.#options = options;
  }

  async auto(image: PageImage, languages: readonly string[] | undefined, signal: AbortSignal | undefined): Promise<OcrResult> {
    try {
      return await this.ppocr(image, signal);
    } catch (cause) {
      const error = LocalLiteError.from(cause);
      if (!CANNOT_BE_HAD.has(error.code) || findTesseract(this.#options.environment) === undefined) throw error;
      if (!this.#told) this.#options.parts.telemetry.log.warn('ocr_by_tesseract', { reason: error.message });
      this.#told = true;
      return await this.tesseract(image, languages, signal);
    }
  }

  async tesseract(image: PageImage, languages: readonly string[] | undefined, signal: AbortSignal | undefined): Promise<OcrResult> {
    const { environment, parts } = this.#options;
    return await readWithTesseract(image, { environment, languages, signal, timeoutMs: parts.config.inference.timeout * 1000 });
  }

  async ppocr(image: PageImage, signal: AbortSignal | undefined): Promise<OcrResult> {
    const { access, parts } = this.#options;
    const request = { name: parts.config.ocr.model, task: 'ocr' as const, signal };
    using lease = await access.lease(request).catch(async (error: unknown) => {
      if (!LocalLiteError.is(error) || error.code !== 'model_not_found') throw error;
      await this.#fetch(error, signal);
      return await access.lease(request);
    });
    const { tasks, card } = lease.engine;
    if (tasks.ocr === undefined) throw new LocalLiteError('internal', `${card.id} reads no images`);
    return resultOf(await tasks.ocr.read(image, signal), image, card.alias);
  }

  async #fetch(missing: LocalLiteError, signal: AbortSignal | undefined): Promise<void> {
    const { config, names } = this.#options.parts;
    const resolved = names.resolve(config.ocr.model);
    if (config.offline) throw missing;
    if (this.#failure !== undefined && performance.now() - this.#failedAt < TRY_AGAIN_MS) throw this.#failure;
    const { jobs } = this.#options;
    for await (const job of jobs.watch(jobs.startPull(resolved.reference).id, signal)) {
      if (job.state !== 'failed' && job.state !== 'cancelled') continue;
      this.#failedAt = performance.now();
      this.#failure = new LocalLiteError('model_fetch_failed', job.error?.message ?? `the pull of ${resolved.reference} was cancelled`);
      throw this.#failure;
    }
    if (signal?.aborted === true) throw new LocalLiteError('cancelled', 'the caller left while the OCR model was being fetched');
  }
}

/** Why the model's engine may be replaced: the model is not there, or the runtime is not. A page that fails is not read by another. */
const CANNOT_BE_HAD: ReadonlySet<string> = new Set([
  'model_not_found',
  'model_fetch_failed',
  'provider_unavailable',
  'insufficient_memory',
]);

/** Lines with upright boxes in pixels of the image as it came. */
function resultOf({ lines, turn }: PageText, { width, height }: PageImage, engine: string): OcrResult {
  const [uprightWidth, uprightHeight] = turn % 2 === 1 ? [height, width] : [width, height];
  const back = ((4 - turn) % 4) as Quarters;
  return {
    lines: lines.map(({ text, confidence, rect }) => ({
      text,
      confidence,
      box: boxAround(turnedRect(rect, back, uprightWidth, uprightHeight)),
    })),
    // The text was turned by what undoes our turn.
    rotation: 90 * back,
    skew: (skewOf(lines.map(({ rect }) => rect)) * 180) / Math.PI,
    engine,
  };
}
