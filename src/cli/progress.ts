import type { JobObject } from '../sdk/index.ts';
import { formatBytes, formatSeconds } from './format.ts';
import { hasColor, type Io } from './io.ts';

/** What is shown of a job, whether it came over HTTP or not. */
export interface ShownJob {
  readonly subject: string;
  readonly state: string;
  readonly phase: string | undefined;
  readonly bytesDone: number;
  readonly bytesTotal: number | undefined;
  readonly bytesPerSecond: number;
  readonly etaSeconds: number | undefined;
  /** Share of a phase that is not counted in bytes. */
  readonly share?: number | undefined;
}

/** Shows how far a job is. */
export interface ProgressView {
  show(job: ShownJob): void;
  /** Leaves the terminal as it should be; call it in every case. */
  stop(): void;
}

/** What comes of a job is said by its command. */
const ENDED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled']);

/** A bar on a terminal; elsewhere a line for each phase and each tenth, on the error output. */
export async function progressView(io: Io): Promise<ProgressView> {
  return io.terminal.err && io.env['TERM'] !== 'dumb' ? barView(io) : lineView(io);
}

async function barView(io: Io): Promise<ProgressView> {
  const { default: cliProgress } = await import('cli-progress');
  const [before, after] = hasColor(io, 'err') ? ['\u001B[36m', '\u001B[39m'] : ['', ''];
  const width = 30;
  const format = (_options: unknown, { progress }: { readonly progress: number }, { job }: { readonly job?: ShownJob }): string => {
    if (job === undefined) return '';
    const head = `${job.subject}: ${phaseOf(job)}`;
    // Without a total there is nothing that a bar could show.
    if (job.bytesTotal === undefined && job.share === undefined) return `${head} ${amountOf(job)} ${paceOf(job)}`.trimEnd();
    const filled = '█'.repeat(Math.round(progress * width)).padEnd(width, '░');
    return `${head} ${before}${filled}${after} ${Math.floor(progress * 100)} % ${amountOf(job)} ${paceOf(job)}`.trimEnd();
  };
  const bar = new cliProgress.SingleBar({
    stream: io.err as NodeJS.WritableStream,
    format,
    hideCursor: true,
    gracefulExit: false,
    clearOnComplete: true,
  });
  bar.start(1, 0, {});
  return {
    show(job) {
      bar.setTotal(Math.max(1, job.bytesTotal ?? 0));
      bar.update(job.bytesTotal === undefined ? (job.share ?? 0) : Math.min(job.bytesDone, job.bytesTotal), { job });
    },
    stop: () => bar.stop(),
  };
}

/** `27.8 MB/s, 12 s left`, as far as known. */
function paceOf({ bytesPerSecond, etaSeconds }: ShownJob): string {
  const speed = bytesPerSecond > 0 ? `${formatBytes(bytesPerSecond)}/s` : '';
  return etaSeconds ? `${speed}, ${formatSeconds(etaSeconds)} left` : speed;
}

function lineView(io: Io): ProgressView {
  let last = '';
  return {
    show(job) {
      const { bytesDone: done, bytesTotal: total } = job;
      const tenth = total ? Math.floor((done / total) * 10) : Math.floor((job.share ?? 0) * 10);
      const step = `${phaseOf(job)} ${tenth}`;
      if (step === last || ENDED.has(job.state)) return;
      last = step;
      io.err.write(
        `${job.subject}: ${phaseOf(job)}${total || job.share !== undefined ? ` ${tenth * 10} %` : ''} ${amountOf(job)}`
          .trimEnd()
          .concat('\n'),
      );
    },
    stop: () => undefined,
  };
}

function phaseOf(job: ShownJob): string {
  return job.state === 'running' ? (job.phase ?? 'starting') : job.state;
}

function amountOf(job: ShownJob): string {
  const { bytesDone: done, bytesTotal: total } = job;
  if (!done && !total) return '';
  return total ? `${formatBytes(done)} of ${formatBytes(total)}` : formatBytes(done);
}

/** What is shown of a job that came over the API. */
export function shownJob({ subject, state, progress }: JobObject): ShownJob {
  return {
    subject,
    state,
    phase: progress?.phase,
    bytesDone: progress?.bytes_done ?? 0,
    bytesTotal: progress?.bytes_total ?? undefined,
    bytesPerSecond: progress?.bytes_per_second ?? 0,
    etaSeconds: progress?.eta_seconds ?? undefined,
    share: progress?.share ?? undefined,
  };
}
