import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const START_LIMIT_MS = 60_000;

/** Runs a command of the built program and returns what it printed. */
export function locallite(dist, args) {
  const result = spawnSync(process.execPath, [join(dist, 'cli.js'), ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (result.status !== 0) throw new Error(`locallite ${args.join(' ')} ended with ${result.status ?? result.signal}: ${result.stdout}`);
  return result.stdout;
}

/** Settings that are in force, as the program tells them. */
export function readSettings(dist) {
  const { settings } = JSON.parse(locallite(dist, ['config', '--json']));
  return { home: settings.find(({ key }) => key === 'home').value, changed: settings.filter(({ from }) => from !== 'default') };
}

/** What the store has of the model: where its graph lies and how its vectors are made. Weights are converted first, unless they are named. */
export async function findModel(dist, name) {
  const { createGateway } = await import(pathToFileURL(join(dist, 'index.js')).href);
  const gateway = await createGateway();
  try {
    const job = name.endsWith('#weights') ? undefined : await gateway.models.prepare(name);
    if (job !== undefined)
      for await (const { state, error } of gateway.jobs.watch(job.id)) if (state === 'failed') throw new Error(error.message);
    const { card, installed } = await gateway.models.show(name);
    const { pooling, normalize, dimensions } = card;
    const { directory, variant, source } = installed;
    const model = { id: card.id, variant: variant.name, source, directory, graph: variant.onnx };
    return { ...model, path: join(directory, variant.onnx), pooling, normalize, dimensions };
  } finally {
    await gateway.close();
  }
}

/**
 * Starts `locallite serve` on a free port. Resolves as soon as the port answers, which is before the model is in memory; `startedAt` is
 * when the process was started (performance.now()).
 */
export async function startGateway({ dist, home, env = {}, nodeOptions = [] }) {
  const folder = mkdtempSync(join(tmpdir(), 'locallite-bench-'));
  const logPath = join(folder, 'log');
  const log = openSync(logPath, 'w');
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...nodeOptions, join(dist, 'cli.js'), 'serve', '--port', '0'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const clean = () => rmSync(folder, { recursive: true, force: true });
  const killWithUs = () => child.kill('SIGKILL');
  process.on('exit', killWithUs);
  const running = await waitForPort(child, home, startedAt).catch((error) => {
    child.kill();
    const said = readFileSync(logPath, 'utf8').trim().split('\n').slice(-5).join('\n');
    clean();
    throw new Error(`${error.message}\n${said}`);
  });
  return {
    pid: child.pid,
    origin: running.url,
    token: running.token,
    startedAt,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      process.off('exit', killWithUs);
      clean();
    },
  };
}

async function waitForPort(child, home, startedAt) {
  const path = join(home, 'run', 'gateway.json');
  while (performance.now() - startedAt < START_LIMIT_MS) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('the gateway ended instead of serving:');
    const running = readRunning(path);
    if (running?.pid === child.pid) return running;
    await sleep(3);
  }
  throw new Error(`the gateway did not open its port within ${START_LIMIT_MS / 1000} s:`);
}

function readRunning(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined; // not there yet, or half written
  }
}

/** Headers that requests need: none where no key is set. */
export async function headersFor({ origin, token }) {
  const response = await fetch(`${origin}/v1/models`);
  await response.arrayBuffer();
  return response.status === 401 ? { authorization: `Bearer ${token}` } : {};
}

/** Sends JSON and returns the JSON answer. */
export async function post({ origin, headers = {} }, path, body) {
  const response = await fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

/** Token ids of the texts, from the gateway's own tokenizer. */
export async function tokenize(gateway, model, texts) {
  const ids = [];
  for (let from = 0; from < texts.length; from += 512) {
    const { data } = await post(gateway, '/v1/tokenize', { model, input: texts.slice(from, from + 512) });
    ids.push(...data.map((tokenized) => Int32Array.from(tokenized.ids)));
  }
  return ids;
}
