// The load generator, in a process of its own: closed loops of clients over kept-alive connections.
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { serveTasks } from './helper-process.mjs';

let target;
let texts = [];
let other;
const bodies = new Map();

serveTasks({
  setTarget(next) {
    target = next;
    bodies.clear();
  },

  setTexts(next) {
    texts = next;
    bodies.clear();
  },

  /** Other requests than for vectors: `count` things each, sent to `path` in turn. */
  setRequests({ path, list }) {
    other = { path, list: list.map((body) => JSON.stringify(body)) };
  },

  /** As closedLoop, with the requests of setRequests. */
  async otherLoop({ clients, requests, warmUp }) {
    const pool = open(clients);
    const run = { started: 0, answered: 0, errors: 0, from: performance.now(), to: 0 };
    const client = async () => {
      while (run.to === 0) {
        const answer = await post(pool, other.list[run.started++ % other.list.length], other.path);
        run.answered += 1;
        if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.text().slice(0, 500)}`);
        if (run.answered === warmUp) run.from = performance.now();
        if (run.answered === warmUp + requests) run.to = performance.now();
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    await pool.close();
    return { ms: run.to - run.from, requests };
  },

  /**
   * `clients` clients send requests of `size` texts one after the other. What is measured begins when `warmUp` answers are there and
   * ends `requests` answers later; the load stays on until then, so that neither end idles.
   */
  async closedLoop({ clients, size, requests, warmUp, format = 'base64' }) {
    const pool = open(clients);
    const list = bodiesOf(size, format);
    const run = { started: 0, answered: 0, errors: 0, latencies: [], from: performance.now(), to: 0 };
    const client = async () => {
      while (run.to === 0) {
        const body = list[run.started++ % list.length];
        const begun = performance.now();
        const answer = await post(pool, body);
        note(run, answer, { begun, requests, warmUp, size, format });
      }
    };
    await Promise.all(Array.from({ length: clients }, client));
    await pool.close();
    return { ms: run.to - run.from, texts: requests * size, errors: run.errors, latencies: Float64Array.from(run.latencies) };
  },

  /** One client, one text at a time, the first `count` texts in order. */
  async oneByOne({ count }) {
    const pool = open(1);
    const list = bodiesOf(1, 'base64');
    const latencies = [];
    for (let index = 0; index < count; index++) {
      const begun = performance.now();
      const answer = await post(pool, list[index % list.length]);
      if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.text()}`);
      latencies.push(performance.now() - begun);
    }
    await pool.close();
    return Float64Array.from(latencies);
  },

  /** One request of `size` texts; its milliseconds, and what it says of itself. */
  async once({ size }) {
    const pool = open(1);
    const begun = performance.now();
    const answer = await post(pool, bodiesOf(size, 'base64')[0]);
    const ms = performance.now() - begun;
    await pool.close();
    return { ms, ...(await timingsOf(answer)) };
  },

  /** Single texts, with short random rests between them, for as long as a request of `bulk` texts runs. */
  async mixed({ bulk }) {
    const pool = open(2);
    const list = bodiesOf(1, 'base64');
    let running = true;
    const long = post(pool, bodiesOf(bulk, 'base64')[0]).finally(() => {
      running = false;
    });
    const latencies = [];
    await sleep(100);
    for (let index = 0; running; index++) {
      const begun = performance.now();
      const answer = await post(pool, list[index % list.length]);
      if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.text()}`);
      if (running) latencies.push(performance.now() - begun);
      await sleep(Math.random() * 20);
    }
    const { inferMs } = await timingsOf(await long);
    await pool.close();
    return { latencies: Float64Array.from(latencies), longestBatchMs: inferMs };
  },

  /** GET requests that need no model: what HTTP alone costs. */
  async health({ clients, requests }) {
    const pool = open(clients);
    let started = 0;
    const begun = performance.now();
    const client = async () => {
      while (started++ < requests) await exchange(pool, { method: 'GET', path: '/healthz' });
    };
    await Promise.all(Array.from({ length: clients }, client));
    const seconds = (performance.now() - begun) / 1000;
    await pool.close();
    return requests / seconds;
  },
});

function open(connections) {
  return new Pool(target.origin, { connections, pipelining: 1, headersTimeout: 600_000, bodyTimeout: 600_000 });
}

function bodiesOf(size, format) {
  const key = `${size} ${format}`;
  const known = bodies.get(key);
  if (known !== undefined) return known;
  const list = [];
  for (let from = 0; from < texts.length; from += size) {
    const input = Array.from({ length: size }, (_, index) => texts[(from + index) % texts.length]);
    list.push(JSON.stringify({ model: target.model, input: size === 1 ? input[0] : input, encoding_format: format }));
  }
  bodies.set(key, list);
  return list;
}

function note(run, answer, { begun, requests, warmUp, size, format }) {
  const now = performance.now();
  run.answered += 1;
  if (run.to !== 0) return;
  // Looking into every answer would measure the client: the first of each loop is read in full, the others by their status and end.
  const good = answer.status === 200 && (run.answered > 1 || isWhole(answer, size, format));
  if (!good) run.errors += 1;
  if (run.answered === warmUp) run.from = now;
  if (run.answered <= warmUp) return;
  run.latencies.push(now - begun);
  if (run.answered === warmUp + requests) run.to = now;
}

function isWhole(answer, size, format) {
  const { data } = JSON.parse(answer.text());
  const length = format === 'base64' ? Math.ceil((target.dimensions * 4) / 3) * 4 : target.dimensions;
  return data.length === size && data.every(({ embedding }) => embedding.length === length);
}

async function timingsOf(answer) {
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.text().slice(0, 500)}`);
  const { usage, locallite } = JSON.parse(answer.text());
  const { infer_ms: inferMs, tokenize_ms: tokenizeMs } = locallite.timings;
  return { tokens: usage.prompt_tokens, inferMs, tokenizeMs };
}

function post(pool, body, path = '/v1/embeddings') {
  const headers = { 'content-type': 'application/json', ...target.headers };
  return exchange(pool, { method: 'POST', path, headers, body });
}

/** One exchange on undici's lowest level, so that the client takes as little of the shared cores as it can. */
function exchange(pool, request) {
  return new Promise((resolve) => {
    const chunks = [];
    let status = 0;
    const text = () => Buffer.concat(chunks).toString('utf8');
    pool.dispatch(request, {
      onRequestStart() {},
      onResponseStart(_, code) {
        status = code;
      },
      onResponseData(_, chunk) {
        chunks.push(chunk);
      },
      onResponseEnd() {
        resolve({ status, text });
      },
      onResponseError(_, error) {
        resolve({ status: 0, text: () => String(error) });
      },
    });
  });
}
