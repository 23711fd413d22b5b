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
  const color = hasColor(io, 'err') ? '\u001B[36m{bar}\u001B[0m' : '{bar}';
  const options = {
    stream: io.err as NodeJS.WritableStream,
    format: `{subject} ${color} {percentage}% {amount} {speed} {left}`,
    hideCursor: true,
    barsize: 30,
  };
  const bar = new cliProgress.SingleBar({ ...options, gracefulExit: false, clearOnComplete: true }, cliProgress.Presets.shades_classic);
  bar.start(1, 0, { subject: '', amount: '', speed: '', left: '' });
  return {
    show(job) {
      bar.setTotal(Math.max(1, job.bytesTotal ?? 0));
      const speed = job.bytesPerSecond > 0 ? `${formatBytes(job.bytesPerSecond)}/s` : '';
      const left = job.etaSeconds ? `${formatSeconds(job.etaSeconds)} left` : '';
      bar.update(job.bytesDone, { subject: `${job.subject}: ${phaseOf(job)}`, amount: amountOf(job), speed, left });
    },
    stop: () => bar.stop(),
  };
}

function lineView(io: Io): ProgressView {
  let last = '';
  return {
    show(job) {
      const { bytesDone: done, bytesTotal: total } = job;
      const tenth = total ? Math.floor((done / total) * 10) : 0;
      const step = `${phaseOf(job)} ${tenth}`;
      if (step === last || ENDED.has(job.state)) return;
      last = step;
      io.err.write(`${job.subject}: ${phaseOf(job)}${total ? ` ${tenth * 10} %` : ''} ${amountOf(job)}`.trimEnd().concat('\n'));
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
