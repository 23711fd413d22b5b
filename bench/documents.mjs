// Parsing of documents: pages of PDF a second in a warm process beside pypdf, in alternating rounds over the same files, and how like
// docling's own output the text of each kind of document is. `node bench/documents.mjs --help` says how.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { startHelper } from './helper-process.mjs';
import { median } from './statistics.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const WARM_UP = 4;
const PYPDF = 'pypdf==7.1.0';
const HELP = `usage: node bench/documents.mjs [options]

  --documents FOLDER  documents to read (default: ../shared/data/documents beside the repository)
  --peers FOLDER      where pypdf is installed, into a virtual environment of its own (default: bench/.peers)
  --rounds N          rounds of every file by each reader; every figure is the median (default: 5)
  --no-peers          pages a second of our reader alone
  --only LINES        comma-separated: speed, similarity (default: both)
  --each              similarity of every document, not of each kind alone`;

const { values } = parseArgs({
  options: {
    documents: { type: 'string', default: join(HERE, '..', '..', 'shared', 'data', 'documents') },
    peers: { type: 'string', default: join(HERE, '.peers') },
    'no-peers': { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: 'speed,similarity' },
    each: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const folder = resolve(values.documents);
if (!existsSync(folder)) {
  console.error(`bench: there are no documents in ${folder}; --documents names their folder`);
  process.exit(2);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

const only = new Set(values.only.split(','));
const bundle = await bundleParser();
const parser = startHelper('./documents-process.mjs');
try {
  await parser.ask('open', bundle);
  if (only.has('speed')) await measureSpeed();
  if (only.has('similarity')) await measureSimilarity();
} finally {
  parser.stop();
  rmSync(dirname(bundle), { recursive: true, force: true });
}

/** The parser as one file beside the packages that it loads. */
async function bundleParser() {
  const outdir = join(HERE, '..', 'node_modules', '.cache', `locallite-bench-${process.pid}`);
  const outfile = join(outdir, 'parse-document.mjs');
  await build({
    entryPoints: [join(HERE, '..', 'src', 'documents', 'parse-document.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile,
    logLevel: 'error',
  });
  return outfile;
}

function filesBelow(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

async function measureSpeed() {
  const files = filesBelow(folder).filter((path) => path.endsWith('.pdf') && !path.includes('password'));
  const python = values['no-peers'] ? undefined : installPypdf();
  const peer = python === undefined ? undefined : openPeer(python);
  const rounds = [];
  // Readers are compared as they are after some hundred pages: the first rounds warm both up and are not counted.
  for (let round = 1 - WARM_UP; round <= Number(values.rounds); round++) {
    const ours = await parser.ask('read', files);
    const theirs = await peer?.read(files);
    if (round > 0) rounds.push({ ours: ours.pages / ours.seconds, theirs: theirs && theirs.pages / theirs.seconds, pages: ours.pages });
  }
  peer?.stop();
  const ours = median(rounds.map((one) => one.ours));
  console.log(`PDF: ${files.length} files, ${rounds[0].pages} pages, ${rounds.length} rounds`);
  console.log(`  locallite  ${ours.toFixed(1)} pages/s (${rounds.map((one) => one.ours.toFixed(0)).join(', ')})`);
  if (peer === undefined) return;
  console.log(
    `  ${PYPDF}  ${median(rounds.map((one) => one.theirs)).toFixed(1)} pages/s (${rounds.map((one) => one.theirs.toFixed(0)).join(', ')})`,
  );
  console.log(`  ratio      ${median(rounds.map((one) => one.ours / one.theirs)).toFixed(2)} (median of the rounds' ratios)`);
}

function installPypdf() {
  const venv = join(resolve(values.peers), 'documents');
  const python = join(venv, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const done = join(venv, 'pypdf.done');
  if (existsSync(done) && readFileSync(done, 'utf8') === PYPDF) return python;
  mkdirSync(venv, { recursive: true });
  for (const [command, args] of [
    ['python3', ['-m', 'venv', venv]],
    [python, ['-m', 'pip', 'install', '--quiet', PYPDF]],
  ]) {
    const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
    if (status === 0) continue;
    console.error(`bench: pypdf could not be installed and is left out: ${(error?.message ?? stderr).trim().split('\n').at(-1)}`);
    return undefined;
  }
  writeFileSync(done, PYPDF);
  return python;
}

function openPeer(python) {
  const child = spawn(python, [join(HERE, 'peers', 'documents.py')], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async read(files) {
      child.stdin.write(`${JSON.stringify(files)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('pypdf ended by itself');
      return JSON.parse(value);
    },
    stop: () => child.kill(),
  };
}

/** F1 of the words that our text and docling's have in common, and of their pairs of neighbours, which tell of the order. */
async function measureSimilarity() {
  const rows = [];
  for (const path of filesBelow(folder).filter((file) => basename(dirname(file)) === 'sources')) {
    const truth = groundTruth(path);
    if (truth === undefined) continue;
    const kind = basename(dirname(dirname(path)));
    const { text, error } = await parser.ask('text', path).catch((failure) => ({ error: failure.message }));
    const words = text === undefined ? [] : wordsOf(text);
    const expected = wordsOf(readFileSync(truth, 'utf8'));
    rows.push({
      kind,
      name: basename(path),
      words: similarity(words, expected),
      pairs: similarity(pairsOf(words), pairsOf(expected)),
      error,
    });
  }
  console.log("similarity to docling's output: F1 of words / of pairs of words, mean of the documents");
  for (const kind of [...new Set(rows.map((row) => row.kind))].sort()) {
    const own = rows.filter((row) => row.kind === kind && row.error === undefined);
    const mean = (key) => (own.length === 0 ? '-' : meanOf(own, key));
    const failed = rows.filter((row) => row.kind === kind).length - own.length;
    console.log(
      `  ${kind.padEnd(8)} ${mean('words')} / ${mean('pairs')}  (${own.length} documents${failed > 0 ? `, ${failed} refused` : ''})`,
    );
    if (!values.each) continue;
    for (const row of rows.filter((one) => one.kind === kind)) {
      console.log(
        `    ${row.error === undefined ? `${row.words.toFixed(3)} / ${row.pairs.toFixed(3)}` : row.error.split('\n')[0]}  ${row.name}`,
      );
    }
  }
}

function meanOf(rows, key) {
  return (rows.reduce((sum, row) => sum + row[key], 0) / rows.length).toFixed(3);
}

/** docling's Markdown of a source: `name.ext.md`, of a PDF `name.md`. */
function groundTruth(path) {
  const results = join(dirname(dirname(path)), 'groundtruth');
  const candidates = [`${basename(path)}.md`, `${basename(path).replace(/\.[^.]+$/, '')}.md`].map((name) => join(results, name));
  return candidates.find((file) => existsSync(file) && statSync(file).size > 0);
}

/** Words without mark-up, of Chinese and the like single signs. */
function wordsOf(text) {
  const plain = text
    .replaceAll(/<!--.*?-->/gs, ' ')
    .replaceAll(/\]\([^)]*\)/g, ' ')
    .replaceAll(/&(amp|lt|gt);/g, (_, name) => ({ amp: '&', lt: '<', gt: '>' })[name])
    .normalize('NFKC')
    .toLowerCase();
  return plain.match(/\p{Script=Han}|[\p{L}\p{M}\p{N}]+/gu) ?? [];
}

function pairsOf(words) {
  return words.slice(1).map((word, index) => `${words[index]} ${word}`);
}

function similarity(found, expected) {
  const counts = new Map();
  for (const word of expected) counts.set(word, (counts.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of found) {
    const left = counts.get(word) ?? 0;
    if (left > 0) common++;
    counts.set(word, left - 1);
  }
  return found.length + expected.length === 0 ? 1 : (2 * common) / (found.length + expected.length);
}
