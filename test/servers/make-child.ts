import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalLiteError } from '../../src/errors.ts';
import { reportOf, testRecipe } from './make-fixture.ts';
import { type TestStoreOptions, testStore } from './store-fixture.ts';

/** What the parent asks of this process, as JSON in its first argument. */
export interface MakeJob {
  readonly store: TestStoreOptions;
  readonly id: string;
  /** Milliseconds that the making takes. */
  readonly takes: number;
}

const job: MakeJob = JSON.parse(process.argv[2] ?? '{}');
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const store = testStore(job.store);
try {
  const weights = await store.find(job.id, 'weights');
  if (weights === undefined) throw new Error('the weights are not installed');
  const recipe = testRecipe(weights.card);
  const made = await store.make(weights, recipe, async (folder) => {
    await writeFile(join(folder, 'model.onnx'), 'half of it');
    say({ phase: 'making' });
    await sleep(job.takes);
    await writeFile(join(folder, 'model.onnx'), `made by ${process.pid}`);
    say({ phase: 'made' });
    return reportOf(recipe);
  });
  say({ installed: made.directory });
} catch (error) {
  say({ failed: LocalLiteError.is(error) ? error.code : String(error), message: error instanceof Error ? error.message : '' });
}
