import type { MultiBar, SingleBar } from 'cli-progress';
import { formatBytes, formatSeconds } from './format.ts';
import { hasColor, type Io, printJson } from './io.ts';

/** What became of a file. */
export type FileEnd = 'ingested' | 'removed' | 'failed';

/** How far an ingest is. */
export interface IngestTotals {
  readonly collection: string;
  /** Files that were found. */
  readonly files: number;
  readonly unchanged: number;
  readonly ingested: number;
  readonly failed: number;
  readonly removed: number;
  readonly chunks: number;
  /** Files that are done with inside a job that still runs. */
  readonly underWay: number;
}

/** Shows an ingest to whoever watches. */
export interface IngestView {
  /** How far the whole is. */
  overall(totals: IngestTotals): void;
  /** How far the upload of a file is. */
  uploading(name: string, sent: number, total: number): void;
  /** What the gateway reads now. */
  reading(names: readonly string[]): void;
  /** What became of a file. */
  ended(file: { readonly key: string; readonly end: FileEnd; readonly message?: string }): Promise<void>;
  /** Takes away what is only shown while work goes on; it comes back when more is told. */
  pause(): void;
}

/** Files from this size on have a bar of their own while they are uploaded. */
const LARGE_BYTES = 2 ** 20;
const WIDTH = 30;

/** Bars on a terminal, lines elsewhere, one JSON object a line where JSON is asked for. */
export async function ingestView(io: Io, json: boolean): Promise<IngestView> {
  if (json) return jsonView(io);
  return io.terminal.err && io.env['TERM'] !== 'dumb' ? barView(io) : lineView(io);
}

/** `ingest.file` for each file that was worked on and for each tenth of a large upload. */
function jsonView(io: Io): IngestView {
  const steps = new Steps();
  return {
    overall: () => undefined,
    uploading(name, sent, total) {
      if (total >= LARGE_BYTES && steps.isNew(name, sent / total))
        void printJson(io, { object: 'ingest.upload', name, bytes_done: sent, bytes_total: total }).catch(() => undefined);
    },
    reading: () => undefined,
    ended: ({ key, end, message }) => printJson(io, { object: 'ingest.file', key, state: end, ...(message !== undefined && { message }) }),
    pause: () => undefined,
  };
}

/** A line for each tenth of the whole and of each large upload, on the error output. */
function lineView(io: Io): IngestView {
  const steps = new Steps();
  const say = (text: string): void => void io.err.write(`${text}\n`);
  return {
    overall(totals) {
      const share = shareOf(totals);
      // Where nothing changed there is nothing to wait for.
      if (totals.ingested + totals.failed + totals.underWay === 0) return;
      if (totals.files > 0 && share < 1 && steps.isNew('', share))
        say(`${totals.collection}: ${Math.floor(share * 10) * 10} % ${countsOf(totals)}`);
    },
    uploading(name, sent, total) {
      if (total >= LARGE_BYTES && steps.isNew(name, sent / total))
        say(`uploading ${name}: ${Math.floor((sent / total) * 10) * 10} % of ${formatBytes(total)}`);
    },
    reading: () => undefined,
    ended: async () => undefined,
    pause: () => undefined,
  };
}

/** Tells each tenth once. */
class Steps {
  readonly #last = new Map<string, number>();

  isNew(what: string, share: number): boolean {
    const tenth = Math.floor(share * 10);
    if (this.#last.get(what) === tenth) return false;
    this.#last.set(what, tenth);
    return true;
  }
}

async function barView(io: Io): Promise<IngestView> {
  const { default: cliProgress } = await import('cli-progress');
  const [before, after] = hasColor(io, 'err') ? ['\u001B[36m', '\u001B[39m'] : ['', ''];
  const format = (
    _options: unknown,
    { progress }: { readonly progress: number },
    { text, tail }: { text?: string; tail?: string },
  ): string => {
    if (text === undefined) return '';
    if (tail === undefined) return cut(text, io.width);
    const filled = '█'.repeat(Math.round(progress * WIDTH)).padEnd(WIDTH, '░');
    return `${text} ${before}${filled}${after} ${Math.floor(progress * 100)} % ${tail}`;
  };
  const options = { stream: io.err as NodeJS.WritableStream, format, hideCursor: true, gracefulExit: false, clearOnComplete: true };
  return new Bars(() => new cliProgress.MultiBar(options));
}

/** The whole above, what is uploaded or read now below. */
class Bars implements IngestView {
  readonly #open: () => MultiBar;
  #bars: { readonly all: MultiBar; readonly whole: SingleBar; readonly now: SingleBar } | undefined;
  #began = Date.now();

  constructor(open: () => MultiBar) {
    this.#open = open;
  }

  #shown() {
    if (this.#bars === undefined) {
      const all = this.#open();
      this.#bars = { all, whole: all.create(1, 0, {}), now: all.create(1, 0, {}) };
      this.#began = Date.now();
    }
    return this.#bars;
  }

  overall(totals: IngestTotals): void {
    const share = shareOf(totals);
    const tail = [countsOf(totals), leftOf(share, Date.now() - this.#began)].filter((part) => part !== '').join(', ');
    this.#shown().whole.update(share, { text: totals.collection, tail });
  }

  uploading(name: string, sent: number, total: number): void {
    if (total < LARGE_BYTES) return;
    this.#shown().now.update(sent / total, { text: `uploading ${cut(name, 40)}`, tail: `${formatBytes(sent)} of ${formatBytes(total)}` });
  }

  reading(names: readonly string[]): void {
    this.#shown().now.update(0, { text: names.length === 0 ? '' : `reading ${names.join(', ')}`, tail: undefined });
  }

  async ended(): Promise<void> {}

  pause(): void {
    this.#bars?.all.stop();
    this.#bars = undefined;
  }
}

function shareOf({ files, unchanged, ingested, failed, underWay }: IngestTotals): number {
  return files === 0 ? 1 : Math.min(1, (unchanged + ingested + failed + underWay) / files);
}

function countsOf({ files, unchanged, ingested, failed, underWay }: IngestTotals): string {
  const done = unchanged + ingested + failed + underWay;
  return `${done} of ${files} files${failed > 0 ? `, ${failed} could not be read` : ''}`;
}

/** Told once a twentieth is done: before, it would jump about. */
function leftOf(share: number, elapsedMs: number): string {
  return share < 0.05 || share >= 1 ? '' : `${formatSeconds((elapsedMs / share) * (1 - share) * 0.001)} left`;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(1, width - 1))}…`;
}
