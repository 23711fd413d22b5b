import { Socket } from 'node:net';
import { LocalLiteError } from '../errors.ts';
import { openFakeSession } from '../runtime/fake.ts';
import { FRAME, type Frame, FrameReader, readMessage, writeFrame, writeMessage } from '../runtime/frames.ts';
import { openSession } from '../runtime/onnx.ts';
import type { OpenedSession } from '../runtime/session.ts';
import { createEncoder, type Encoder } from './encoder.ts';
import { type EncoderLoad, type EncoderLoaded, packResult, unpackBatch } from './encoder-protocol.ts';

/**
 * The child process that holds one model's session. It reads frames from descriptor 3, one at a time, and answers each under its id;
 * it ends when its parent does.
 */
function main(): void {
  const channel = new Socket({ fd: 3, readable: true, writable: true });
  let encoder: Encoder | undefined;
  let last: Promise<void> = Promise.resolve();

  const answer = async (frame: Frame): Promise<void> => {
    if (frame.kind === FRAME.control) {
      const load = readMessage(frame) as EncoderLoad;
      const opened = await open(load);
      encoder = opened.encoder;
      writeMessage(channel, frame.id, FRAME.control, opened.report);
    } else {
      writeFrame(channel, { id: frame.id, kind: FRAME.result, parts: await run(encoder, frame.payload) });
    }
  };

  const reader = new FrameReader((frame) => {
    last = last.then(() => answer(frame)).catch((error: unknown) => reportFailure(channel, frame.id, error));
  });
  channel.on('data', (chunk) => reader.push(chunk));
  channel.on('close', () => process.exit(0));
  channel.on('error', () => process.exit(0));
  // The terminal sends Ctrl-C to the whole process group; the parent decides when a worker ends.
  process.on('SIGINT', () => {});
}

async function open(load: EncoderLoad): Promise<{ encoder: Encoder; report: EncoderLoaded }> {
  const started = performance.now();
  const session: OpenedSession = load.fake === undefined ? await openSession(load) : pretend(load);
  try {
    const encoder = createEncoder(session, load);
    await warmUp(encoder);
    const nodesByProvider = await session.nodesByProvider();
    const { heads } = encoder;
    return { encoder, report: { provider: load.provider, loadMs: performance.now() - started, heads, nodesByProvider } };
  } catch (error) {
    await session.nodesByProvider(); // removes the profile
    throw error;
  }
}

/** Two tokens through the whole graph: fills the profile, and the first request does not pay for lazy initialisation. */
async function warmUp(encoder: Encoder): Promise<void> {
  const row = { kind: 'passage', lengths: Int32Array.of(2), ids: Int32Array.of(0, 0), typeIds: undefined, attended: undefined } as const;
  for (const head of encoder.heads) await encoder.run({ ...row, head });
}

function pretend(load: EncoderLoad): OpenedSession {
  if (load.fake === undefined) throw new LocalLiteError('internal', 'no pretend graph was given');
  return { ...openFakeSession(load.fake), nodesByProvider: async () => undefined };
}

async function run(encoder: Encoder | undefined, payload: Uint8Array<ArrayBuffer>): Promise<readonly Uint8Array[]> {
  if (encoder === undefined) throw new LocalLiteError('internal', 'a batch came before the model');
  const started = performance.now();
  const values = await encoder.run(unpackBatch(payload));
  return packResult({ values, inferMs: performance.now() - started, residentBytes: residentBytes() });
}

/** Linux tells the gateway more exactly, for nothing; elsewhere the answer carries it. */
function residentBytes(): number {
  return process.platform === 'linux' ? 0 : process.memoryUsage.rss();
}

function reportFailure(channel: Socket, id: number, error: unknown): void {
  const { code, message } = LocalLiteError.from(error, 'inference_failed');
  writeMessage(channel, id, FRAME.failure, { code, message });
}

main();
