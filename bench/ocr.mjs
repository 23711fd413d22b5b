// Text in images: character error rate and seconds a page of our default engine beside the system's tesseract and RapidOCR, page by page
// in turn over the same images. `node bench/ocr.mjs --help` says how.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { encode } from 'fast-png';
import { GOALS, verdictOf } from './goals.mjs';
import { drawPage, editDistance, pageLooks, paragraphsOf, plainText } from './ocr-pages.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const BOOKS = ["Alice's Adventures in Wonderland.md", 'Pride and Prejudice.md'];
const RAPIDOCR = ['rapidocr==3.10.0', 'onnxruntime==1.30.0'];
const DPI = 150;
const HELP = `usage: node bench/ocr.mjs [options]

  --books FOLDER   texts of the pages (default: ../shared/data/corpora/books beside the repository)
  --peers FOLDER   where RapidOCR is installed, into a virtual environment of its own (default: bench/.peers)
  --home FOLDER    LocalLite's folder (default: one of its own, the model is fetched into it: bench/.ocr-home)
  --no-peers       our engine alone
  --each           every page, not only the sums`;

const { values } = parseArgs({
  options: {
    books: { type: 'string', default: join(HERE, '..', '..', 'shared', 'data', 'corpora', 'books') },
    peers: { type: 'string', default: join(HERE, '.peers') },
    home: { type: 'string', default: join(HERE, '.ocr-home') },
    'no-peers': { type: 'boolean', default: false },
    each: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
if (!existsSync(values.books)) {
  console.error(`bench: there are no books in ${values.books}; --books names their folder`);
  process.exit(2);
}
const looks = pageLooks();
if (looks.length === 0) {
  console.error('bench: none of the fonts is installed (e.g. apt install fonts-liberation fonts-dejavu fonts-freefont-ttf)');
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const folder = mkdtempSync(join(tmpdir(), 'locallite-ocr-bench-'));
const readers = [];
try {
  const pages = makePages();
  readers.push(await openOurs());
  if (!values['no-peers']) readers.push(...[openTesseract(), await openRapidOcr()].filter((reader) => reader !== undefined));
  await measure(pages);
} finally {
  for (const { close } of readers) await close();
  rmSync(folder, { recursive: true, force: true });
}

function makePages() {
  const books = BOOKS.map((name) => paragraphsOf(join(values.books, name)));
  const next = books.map(() => 10);
  return looks.map((look, index) => {
    const book = (index + (index >> 1)) % books.length;
    const page = drawPage(books[book], next[book], look, { seed: index + 1 });
    next[book] = page.next;
    const path = join(folder, `${index}.png`);
    const png = encode({ width: page.width, height: page.height, data: page.data, channels: 3, depth: 8 });
    writeFileSync(path, png);
    return { look, path, png, text: plainText(page.lines.join('\n')) };
  });
}

async function openOurs() {
  const { createGateway } = await import('../dist/index.js');
  const gateway = await createGateway({ settings: { home: resolve(values.home), log: { level: 'error' } } });
  return {
    name: 'locallite',
    read: async ({ png }) => (await gateway.documents.parse(png, { name: 'page.png' })).text,
    close: () => gateway.close(),
  };
}

/** One thread, as LocalLite starts it too: with more it takes several times as long on two cores. */
function openTesseract() {
  if (spawnSync('tesseract', ['--version']).status !== 0) return missing('tesseract', 'install it: e.g. apt install tesseract-ocr');
  const env = { ...process.env, OMP_THREAD_LIMIT: '1' };
  return {
    name: 'tesseract',
    read: ({ path }) => spawnSync('tesseract', [path, '-', '--dpi', String(DPI)], { env, encoding: 'utf8' }).stdout,
    close: () => undefined,
  };
}

async function openRapidOcr() {
  const environment = join(resolve(values.peers), 'rapidocr');
  const python = join(environment, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  if (!existsSync(python)) {
    mkdirSync(environment, { recursive: true });
    const made = spawnSync('python3', ['-m', 'venv', environment]).status === 0;
    if (!made || spawnSync(python, ['-m', 'pip', 'install', '-q', ...RAPIDOCR], { stdio: 'inherit' }).status !== 0) {
      rmSync(environment, { recursive: true, force: true });
      return missing('rapidocr', 'Python, or its package, cannot be had here');
    }
  }
  const child = spawn(python, [join(HERE, 'peers', 'ocr.py')], { stdio: ['pipe', 'pipe', 'ignore'] });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name: 'rapidocr',
    read: async ({ path }) => {
      child.stdin.write(`${JSON.stringify(path)}\n`);
      const { value } = await answers.next();
      return JSON.parse(value);
    },
    close: () => child.kill(),
  };
}

function missing(name, reason) {
  console.error(`bench: without ${name}: ${reason}`);
  return undefined;
}

async function measure(pages) {
  const sums = readers.map(() => ({ edits: 0, letters: 0, seconds: 0, worst: 0 }));
  for (const reader of readers) await reader.read(pages[0]);
  for (const [index, page] of pages.entries()) {
    for (const [at, reader] of readers.entries()) {
      const started = performance.now();
      const text = plainText(await reader.read(page));
      const seconds = (performance.now() - started) / 1000;
      const edits = editDistance(page.text, text);
      const sum = sums[at];
      sum.edits += edits;
      sum.letters += page.text.length;
      sum.seconds += seconds;
      sum.worst = Math.max(sum.worst, edits / page.text.length);
      if (values.each) {
        const { font, degrees, noise } = page.look;
        const look = `${font}, ${degrees} degrees${noise > 0 ? ', noise' : ''}`;
        console.log(
          `${String(index).padStart(2)}  ${reader.name.padEnd(10)}  ${percent(edits / page.text.length)}  ${seconds.toFixed(2)} s  ${look}`,
        );
      }
    }
  }
  report(pages.length, sums);
}

function report(pages, sums) {
  console.log(`${pages} pages in ${pages / 2} fonts, half of them turned up to 2 degrees with noise`);
  console.log('engine      characters wrong  worst page  s/page');
  for (const [at, { name }] of readers.entries()) {
    const { edits, letters, seconds, worst } = sums[at];
    console.log(
      `${name.padEnd(10)}  ${percent(edits / letters).padStart(16)}  ${percent(worst).padStart(10)}  ${(seconds / pages).toFixed(2).padStart(6)}`,
    );
  }
  const [{ edits, letters, seconds }] = sums;
  const figures = { ocrErrors: (100 * edits) / letters, ocrSeconds: seconds / pages };
  for (const goal of GOALS.filter(({ id }) => id in figures)) {
    const figure = figures[goal.id];
    console.log(`${goal.label}: ${figure.toFixed(3)} ${goal.unit} (goal ${goal.goal}, floor ${goal.floor}): ${verdictOf(goal, figure)}`);
  }
}

function percent(share) {
  return `${(100 * share).toFixed(3)} %`;
}
