import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HERE = dirname(fileURLToPath(import.meta.url));

const HELP = `usage: npm run bench -- [options]

  --quick            2 rounds of fewer texts (about a minute) instead of 5 (about six)
  --rounds N         rounds; every figure is the median of all rounds
  --only LINES       comma-separated: start, memory, throughput, clients, bulk, idle, mixed, graphs, fidelity, rerank, static, curves
                     (default: all)
  --texts FILE       one text a line, or a .tsv whose last two columns are sentences (default: bench/texts.txt)
  --golden FILE      reference vectors for the fidelity line: JSON { texts, vectors: base64 of float32 }
  --sts FILE         score<TAB>a<TAB>b lines for the fidelity line
  --peers            compare with other projects instead; --peers --help says how
  --model NAME       model to measure (default: the default embedding model)
  --dist FOLDER      the built package to measure (default: dist)
  --results FOLDER   where the JSON and Markdown go (default: bench/results)
  --help`;

export const LINES = [
  'start',
  'memory',
  'throughput',
  'clients',
  'bulk',
  'idle',
  'mixed',
  'graphs',
  'fidelity',
  'rerank',
  'static',
  'curves',
];

/** What a full and a quick run measure. `texts` is the length of the list that every throughput figure goes through. */
const SIZES = {
  full: { rounds: 5, starts: 5, texts: 1024, bulkTexts: 2048, idleTexts: 256 },
  quick: { rounds: 2, starts: 2, texts: 512, bulkTexts: 2048, idleTexts: 128 },
};

/** The options of `npm run bench`; prints the help and ends the process when it was asked for or something is wrong. */
export function readOptions(argv) {
  const { values } = parseOrExit(argv);
  const sizes = values.quick ? SIZES.quick : SIZES.full;
  const rounds = values.rounds === undefined ? sizes.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) stop(`--rounds is ${values.rounds}; it must be a whole number, at least 1`);
  const only = values.only?.split(',') ?? LINES;
  for (const line of only) if (!LINES.includes(line)) stop(`--only: there is no line "${line}"; there are ${LINES.join(', ')}`);
  return {
    ...sizes,
    quick: values.quick,
    rounds,
    only: new Set(only),
    textsFile: values.texts === undefined ? join(HERE, 'texts.txt') : resolve(values.texts),
    golden: values.golden,
    sts: values.sts,
    model: values.model ?? 'all-MiniLM-L6-v2',
    dist: resolve(values.dist ?? join(HERE, '..', 'dist')),
    results: resolve(values.results ?? join(HERE, 'results')),
    cores: availableParallelism(),
  };
}

function parseOrExit(argv) {
  try {
    const parsed = parseArgs({
      args: argv,
      options: {
        quick: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        only: { type: 'string' },
        texts: { type: 'string' },
        golden: { type: 'string' },
        sts: { type: 'string' },
        model: { type: 'string' },
        dist: { type: 'string' },
        results: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    });
    if (!parsed.values.help) return parsed;
    console.log(HELP);
  } catch (error) {
    stop(error.message);
  }
  process.exit(0);
}

function stop(message) {
  console.error(`bench: ${message}\n\n${HELP}`);
  process.exit(2);
}
