import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const START_LIMIT_MS = 120_000;

/**
 * A server of another project on a free port of this machine, ready when it has answered one request for a vector.
 * `command(port)` gives what to run.
 */
export async function startServer(name, command, { model, environment = {} }) {
  const port = await freePort();
  const [program, ...args] = command(port);
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore'], env: { ...process.env, ...environment } });
  const stopWithUs = () => child.kill('SIGKILL');
  process.on('exit', stopWithUs);
  const origin = `http://127.0.0.1:${port}`;
  try {
    await waitForVector(child, origin, model);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${name}: ${error.message}`);
  }
  return {
    name,
    origin,
    model,
    pid: child.pid,
    async stop() {
      process.off('exit', stopWithUs);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Infinity over a folder of weights, with torch or with an ONNX graph in that folder. */
export function infinityCommand(python, folder, engine) {
  const program = `${dirname(python)}/infinity_emb`;
  return (port) => [
    program,
    'v2',
    ...['--model-id', folder, '--served-model-name', 'peer', '--engine', engine, '--device', 'cpu'],
    ...['--host', '127.0.0.1', '--port', String(port), '--url-prefix', '/v1', '--no-bettertransformer', '--no-model-warmup'],
  ];
}

/** llama.cpp's server over a GGUF file, with as many threads as cores and room for 32 requests at a time. */
export function llamaCommand(server, gguf, cores) {
  return (port) => [
    server,
    ...['--model', gguf, '--embeddings', '--pooling', 'mean', '--host', '127.0.0.1', '--port', String(port)],
    ...['--threads', String(cores), '--parallel', '32', '--ctx-size', '16384', '--batch-size', '2048', '--ubatch-size', '2048'],
  ];
}

async function waitForVector(child, origin, model) {
  const began = performance.now();
  while (performance.now() - began < START_LIMIT_MS) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended with ${child.exitCode ?? child.signalCode}`);
    const response = await fetch(`${origin}/v1/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, input: 'ready?' }),
    }).catch(() => undefined);
    if (response?.ok) return;
    await sleep(500);
  }
  throw new Error(`no vector within ${START_LIMIT_MS / 1000} s`);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
