// Stands in for the parser process and does what the document says: no document can be trusted to make the real one do it.
// A document is the name of a misdeed; every other text comes back as a document of one word.
import { Socket } from 'node:net';

const out = new Socket({ fd: 3, readable: false, writable: true });
const send = (message) => out.write(`${JSON.stringify(message)}\n`);
const kept = [];

const DEEDS = {
  loop: () => {
    for (;;);
  },
  sleep: () => undefined,
  hog: () => {
    for (;;) kept.push(Buffer.alloc(8 * 2 ** 20, 1));
  },
  heap: () => {
    for (;;) kept.push(Array.from({ length: 100_000 }, (_, index) => ({ index })));
  },
  exit: () => process.exit(3),
  abort: () => process.abort(),
  babble: () => out.write('this is no message\n'),
  keep: () => {
    kept.push(Buffer.alloc(300 * 2 ** 20, 1));
    answer('kept');
  },
  ask: () => send({ ask: 7, bytes: 0, image: { width: 1, height: 1 } }),
};

function answer(text) {
  const metadata = { mediaType: 'text/plain', sha256: String(process.pid), bytes: text.length };
  const document = { metadata, text, blocks: [], outline: [], warnings: [], parser: 'hostile' };
  send({ document, rss: process.memoryUsage.rss() });
}

let pending = Buffer.alloc(0);
process.stdin.on('data', (chunk) => {
  pending = Buffer.concat([pending, chunk]);
  const end = pending.indexOf(10);
  if (end === -1) return;
  const request = JSON.parse(pending.subarray(0, end).toString());
  const bytes = request.bytes ?? 0;
  if (pending.length < end + 1 + bytes) return;
  const text = pending.subarray(end + 1, end + 1 + bytes).toString();
  pending = pending.subarray(end + 1 + bytes);
  if ('answer' in request) answer(JSON.stringify(request.ocr ?? request.fault));
  else (DEEDS[text] ?? (() => answer(text)))();
});
process.stdin.on('end', () => process.exit(0));
send({ ready: true });
