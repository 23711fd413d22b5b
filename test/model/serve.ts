import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** A `locallite serve` of the built program in a process of its own, as users run it. */
export interface Served {
  readonly url: string;
  readonly child: ChildProcess;
  /** JSON log lines so far. */
  readonly log: readonly Record<string, unknown>[];
  /** Resolves with the exit code, or the signal's name. */
  readonly exited: Promise<number | NodeJS.Signals | null>;
  stop(): Promise<void>;
}

/** Starts it on a free port and waits until it is ready. */
export async function serve(home: string, more: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Served> {
  const flags = ['serve', '--home', home, '--port', '0', '--log-format', 'json', '--offline', ...more];
  const child = spawn(process.execPath, [CLI, ...flags], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const log: Record<string, unknown>[] = [];
  const exited = new Promise<number | NodeJS.Signals | null>((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  let text = '';
  const ready = new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      const lines = (text + chunk.toString('utf8')).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines.filter((candidate) => candidate.startsWith('{'))) {
        const entry = JSON.parse(line) as Record<string, unknown>;
        log.push(entry);
        if (entry['event'] === 'ready') resolve(String(entry['url']));
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    void exited.then((code) => reject(new Error(`serve ended with ${code}: ${text} ${JSON.stringify(log.slice(-3))}`)));
  });
  const url = await ready;
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
  };
  return { url, child, log, exited, stop };
}
