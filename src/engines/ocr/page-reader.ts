import { LocalLiteError } from '../../errors.ts';
import type { CoreSlots, Lane } from '../../runtime/slots.ts';
import type { WorkerProcess } from '../../runtime/worker.ts';
import type { WorkerGroup } from '../../runtime/worker-group.ts';
import { Batcher, type BatcherSettings, type BatchRunner, type Ticket } from '../batcher.ts';
import { packJob, unpackFound, unpackRead } from './ocr-protocol.ts';
import type { FoundLines, LineText, Quarters, ReadLine, RgbImage } from './ocr-types.ts';
import { readingOrder } from './reading-order.ts';

/** What stands on a page: lines in reading order, with rectangles in pixels of the upright image. */
export interface PageText {
  readonly lines: readonly ReadLine[];
  /** Quarters by which the image has to be turned clockwise to be upright. */
  readonly turn: Quarters;
}

/** Reads pages. */
export interface PageReader {
  /** @throws LocalLiteError cancelled, shutting_down, worker_crashed, timed_out, inference_failed */
  read(image: RgbImage, signal?: AbortSignal): Promise<PageText>;
}

/** Pixels of a line's width that count as one token of the queue. */
const PIXELS_A_TOKEN = 8;
/** What is read with less certainty is no text (PP-OCR's own bound). */
const LEAST_CONFIDENCE = 0.5;

/** Whom pages are read by, and how they wait. */
export interface PageReaderOptions {
  readonly group: WorkerGroup<WorkerProcess>;
  readonly slots: CoreSlots;
  readonly settings: BatcherSettings;
  readonly timeoutMs: number;
}

/** A page reader and its queues: pages wait to have their lines found, lines to be read; lines of one page are read by all workers. */
export function createPageReader(options: PageReaderOptions): {
  readonly reader: PageReader;
  readonly batchers: readonly [Batcher<RgbImage, FoundLines>, Batcher<RgbImage, LineText>];
} {
  const { timeoutMs, settings } = options;
  const find = async (worker: WorkerProcess, images: readonly RgbImage[]): Promise<Ran<FoundLines>> => {
    const found = unpackFound(await worker.job(packJob('find', images), timeoutMs));
    worker.noteResidentBytes(found.residentBytes);
    return { results: [found], inferMs: found.inferMs };
  };
  const read = async (worker: WorkerProcess, images: readonly RgbImage[]): Promise<Ran<LineText>> => {
    const { lines, inferMs, residentBytes } = unpackRead(await worker.job(packJob('read', images), timeoutMs));
    worker.noteResidentBytes(residentBytes);
    return { results: lines, inferMs };
  };
  // A page is a batch of its own, whatever it counts.
  const pages = new Batcher({ runner: runnerOf(options, find), settings: { ...settings, maxPaddedTokens: 1 } });
  const lines = new Batcher({ runner: runnerOf(options, read), settings });
  return { reader: new QueuedReader(pages, lines), batchers: [pages, lines] };
}

class QueuedReader implements PageReader {
  readonly #pages: Batcher<RgbImage, FoundLines>;
  readonly #lines: Batcher<RgbImage, LineText>;

  constructor(pages: Batcher<RgbImage, FoundLines>, lines: Batcher<RgbImage, LineText>) {
    this.#pages = pages;
    this.#lines = lines;
  }

  async read(image: RgbImage, signal?: AbortSignal): Promise<PageText> {
    const found = (await settled([this.#pages.submit(image, { length: 1, lane: 'bulk' })], signal))[0];
    if (found === undefined) throw new LocalLiteError('internal', 'a page came back without an answer');
    const tickets = found.lines.map(({ picture }) =>
      this.#lines.submit(picture, { length: Math.ceil(picture.width / PIXELS_A_TOKEN), lane: 'bulk' }),
    );
    const texts = await settled(tickets, signal);
    const read = texts.flatMap((text, index): readonly ReadLine[] => {
      const rect = found.lines[index]?.rect;
      return rect === undefined || text.text === '' || text.confidence < LEAST_CONFIDENCE ? [] : [{ ...text, rect }];
    });
    return { lines: readingOrder(read), turn: found.turn };
  }
}

/** All results in their order; whoever leaves or fails takes the rest out of the queue. */
async function settled<Out>(tickets: readonly Ticket<Out>[], signal: AbortSignal | undefined): Promise<readonly Out[]> {
  const leave = (): void => {
    for (const ticket of tickets) ticket.leave();
  };
  if (signal?.aborted === true) leave();
  signal?.addEventListener('abort', leave, { once: true });
  try {
    return (await Promise.all(tickets.map((ticket) => ticket.settled))).map(({ result }) => result);
  } finally {
    leave();
    signal?.removeEventListener('abort', leave);
  }
}

interface Ran<Out> {
  readonly results: readonly Out[];
  readonly inferMs: number;
}

type Run<Out> = (worker: WorkerProcess, images: readonly RgbImage[]) => Promise<Ran<Out>>;

/** Runs jobs on idle workers, one core slot each. */
function runnerOf<Out>({ group, slots }: PageReaderOptions, run: Run<Out>): BatchRunner<RgbImage, Out> {
  return {
    size: group.size,
    idle: () => group.idleCount,
    reserve: (lane: Lane, granted) =>
      slots.request(lane, (release) => {
        const worker = group.take();
        if (worker === undefined) {
          release();
          granted(undefined);
          return;
        }
        const giveBack = (): void => {
          release();
          group.release(worker);
        };
        granted(async (images) => {
          try {
            return images.length === 0 ? { results: [], inferMs: 0 } : await run(worker, images);
          } finally {
            giveBack();
          }
        });
      }),
  };
}
