import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { headersFor, post, startGateway } from './gateway.mjs';
import { CAN_MEASURE_PROCESSES, childrenOf, familyOf, pssBytes } from './processes.mjs';

/** How long a gateway rests before its idle memory is read. */
const SETTLE_MS = 3000;
const SAMPLE_MS = 250;

/** Starts the program again and again: from the start of the process to the first vector, and to the open port. */
export async function measureStarts({ dist, home, starts, model, texts }, record) {
  for (let start = 0; start < starts; start++) {
    const gateway = await startGateway({ dist, home });
    try {
      record('portOpen', (performance.now() - gateway.startedAt) / 1000);
      const headers = await headersFor(gateway);
      await post({ ...gateway, headers }, '/v1/embeddings', { model, input: texts[0] });
      record('start', (performance.now() - gateway.startedAt) / 1000);
    } finally {
      await gateway.stop();
    }
  }
}

/** Memory without a model, with it, and the highest seen during one request of `bulkTexts` texts. */
export async function measureMemory(context, record) {
  if (!CAN_MEASURE_PROCESSES) return;
  const { weightBytes } = context;
  record('pssEmpty', await memoryWithoutModel(context));
  const gateway = await startGateway(context);
  try {
    const target = { ...gateway, headers: await headersFor(gateway) };
    const read = () => megabytes(pssBytes(familyOf(gateway.pid)));
    await post(target, '/v1/embeddings', { model: context.model, input: context.texts[0] });
    await sleep(SETTLE_MS);
    record('pssLoaded', read());
    record('pssGateway', megabytes(pssBytes([gateway.pid])));
    const workers = childrenOf(gateway.pid).map((pid) => megabytes(pssBytes([pid])));
    record('pssWorker', Math.max(...workers) - megabytes(weightBytes));
    const { peak } = await withPeak(read, () => post(target, '/v1/embeddings', bulkBody(context)));
    record('pssPeak', peak);
    await sleep(SETTLE_MS);
    record('pssAfter', read());
  } finally {
    await gateway.stop();
  }
}

/** An empty home and no network: the program serves, and has no model. */
async function memoryWithoutModel({ dist }) {
  const home = mkdtempSync(join(tmpdir(), 'locallite-bench-home-'));
  const gateway = await startGateway({ dist, home, env: { LOCALLITE_HOME: home, LOCALLITE_OFFLINE: 'true' } });
  try {
    await sleep(SETTLE_MS);
    return megabytes(pssBytes(familyOf(gateway.pid)));
  } finally {
    await gateway.stop();
    rmSync(home, { recursive: true, force: true });
  }
}

function bulkBody({ model, texts, bulkTexts }) {
  const input = Array.from({ length: bulkTexts }, (_, index) => texts[index % texts.length]);
  return { model, input, encoding_format: 'base64' };
}

async function withPeak(read, work) {
  let peak = read();
  const timer = setInterval(() => {
    peak = Math.max(peak, read());
  }, SAMPLE_MS);
  try {
    await work();
    return { peak: Math.max(peak, read()) };
  } finally {
    clearInterval(timer);
  }
}

function megabytes(bytes) {
  return bytes / 2 ** 20;
}
