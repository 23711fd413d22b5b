import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { LocalLiteError } from '../../errors.ts';
import { readOnnxMetadata } from '../../models/onnx-metadata.ts';
import { FRAME, type Frame, FrameReader, readMessage, writeFrame, writeMessage } from '../../runtime/frames.ts';
import { openSession } from '../../runtime/onnx.ts';
import type { EncoderLoaded } from '../encoder-protocol.ts';
import { findLines } from './find-lines.ts';
import { openNetworks } from './networks.ts';
import { type OcrLoad, packFound, packRead, unpackJob } from './ocr-protocol.ts';
import { LINE_HEIGHT, type OcrNetworks, type RgbImage } from './ocr-types.ts';
import { readLines } from './read-lines.ts';

/**
 * The child process that holds an OCR model: three sessions. It reads frames from descriptor 3, one at a time, and answers each under its
 * id; it ends when its parent does.
 */
function main(): void {
  const channel = new Socket({ fd: 3, readable: true, writable: true });
  let networks: OcrNetworks | undefined;
  let last: Promise<void> = Promise.resolve();

  const answer = async (frame: Frame): Promise<void> => {
    if (frame.kind === FRAME.control) {
      const opened = await open(readMessage(frame) as OcrLoad);
      networks = opened.networks;
      writeMessage(channel, frame.id, FRAME.control, opened.report);
    } else {
      writeFrame(channel, { id: frame.id, kind: FRAME.result, parts: await run(networks, frame.payload) });
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

async function open(load: OcrLoad): Promise<{ networks: OcrNetworks; report: EncoderLoaded }> {
  const started = performance.now();
  const dictionary = await readDictionary(load);
  const sessions = {
    detector: await openSession({ ...load, path: load.detector }),
    direction: await openSession({ ...load, path: load.direction }),
    recogniser: await openSession({ ...load, path: load.recogniser }),
  };
  const networks = openNetworks(sessions, dictionary);
  try {
    await warmUp(networks);
  } finally {
    // Ends the profiles, whose files stay otherwise; what ran where is told of the largest graph.
    await sessions.detector.nodesByProvider();
    await sessions.direction.nodesByProvider();
  }
  const nodesByProvider = await sessions.recogniser.nodesByProvider();
  return { networks, report: { provider: load.provider, loadMs: performance.now() - started, heads: [], nodesByProvider } };
}

/** Small pictures through all graphs: fills the profiles, and a dictionary of another model shows at once. */
async function warmUp(networks: OcrNetworks): Promise<void> {
  const picture = { width: 2 * LINE_HEIGHT, height: LINE_HEIGHT, data: new Uint8Array(6 * LINE_HEIGHT * LINE_HEIGHT).fill(255) };
  await networks.detect(new Float32Array(3 * 64 * 64), 64, 64);
  await networks.upsideDown([picture]);
  await networks.read([picture]);
}

/** Characters one a line, as PaddleOCR writes them. */
async function readDictionary({ dictionary, recogniser }: OcrLoad): Promise<readonly string[]> {
  const text = dictionary === undefined ? (await readOnnxMetadata(recogniser)).get('character') : await readFile(dictionary, 'utf8');
  if (text === undefined) throw new LocalLiteError('model_load_failed', 'the OCR model has no dictionary, in a file or in its graph');
  return text.replace(/\r?\n$/, '').split(/\r?\n/);
}

async function run(networks: OcrNetworks | undefined, payload: Uint8Array<ArrayBuffer>): Promise<readonly Uint8Array[]> {
  if (networks === undefined) throw new LocalLiteError('internal', 'an image came before the model');
  const started = performance.now();
  const { job, images } = unpackJob(payload);
  if (job === 'read') {
    const lines = await readLines(images, networks);
    return packRead(lines, facts(started));
  }
  const found = await findLines(single(images), networks);
  return packFound(found, facts(started));
}

function single([image]: readonly RgbImage[]): RgbImage {
  if (image === undefined) throw new LocalLiteError('internal', 'a page came without an image');
  return image;
}

/** Linux tells the gateway the memory more exactly, for nothing; elsewhere the answer carries it. */
function facts(started: number): { inferMs: number; residentBytes: number } {
  return { inferMs: performance.now() - started, residentBytes: process.platform === 'linux' ? 0 : process.memoryUsage.rss() };
}

function reportFailure(channel: Socket, id: number, error: unknown): void {
  const { code, message } = LocalLiteError.from(error, 'inference_failed');
  writeMessage(channel, id, FRAME.failure, { code, message });
}

main();
