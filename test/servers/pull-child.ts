import dns from 'node:dns';
import net from 'node:net';
import { LocalLiteError } from '../../src/errors.ts';
import { type TestStoreOptions, testStore } from './store-fixture.ts';

/** What the parent asks of this process, as JSON in its first argument. */
export interface PullJob {
  readonly store: TestStoreOptions;
  readonly references: readonly string[];
  /** Counts every attempt to open a connection or to look up a name. */
  readonly trap?: boolean;
}

const job: PullJob = JSON.parse(process.argv[2] ?? '{}');
let attempts = 0;
if (job.trap === true) {
  const trapped = (): never => {
    attempts += 1;
    throw new Error('the network was touched');
  };
  net.Socket.prototype.connect = trapped;
  Object.assign(dns, { lookup: trapped, resolve: trapped });
  Object.assign(dns.promises, { lookup: trapped, resolve: trapped });
}

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const store = testStore(job.store);
for (const reference of job.references) {
  try {
    const model = await store.pull(reference, { onProgress: ({ phase, bytesDone }) => say({ phase, bytesDone }) });
    say({ installed: model.directory });
  } catch (error) {
    say({ failed: LocalLiteError.is(error) ? error.code : String(error), message: error instanceof Error ? error.message : '' });
  }
}
say({ attempts });
