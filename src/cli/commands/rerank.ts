import { Option } from 'commander';
import { LocalLiteError } from '../../errors.ts';
import type { LocalLite, RerankRequest } from '../../sdk/index.ts';
import type { Backend } from '../backend.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { formatTable } from '../format.ts';
import { type Io, note, print, printJson, styled } from '../io.ts';
import { named } from '../named-texts.ts';
import { wholeNumber, word, words } from '../options.ts';
import { inBatches, inOrder, type Numbered, numbered } from '../pipeline.ts';
import { type LineFormat, readRecords, type TextRecord } from '../records.ts';

interface RerankOptions {
  readonly model?: string;
  readonly topN?: number;
  readonly format: LineFormat;
  readonly field: string;
  readonly long: 'cut' | 'windows';
  readonly truncate?: boolean;
  readonly raw?: boolean;
}

/** A document and its score. */
interface Ranked {
  /** Its place among all documents, from 0. */
  readonly index: number;
  readonly score: number;
  readonly record: TextRecord;
  readonly cut: number;
}

const BATCH_SIZE = 32;
/** Batches under way for each core; enough that no core waits for the next one. */
const AHEAD = 2;
/** Work in bulk would rather wait for a busy gateway than fail. */
const RETRIES = 8;
/** Documents beyond the best that may pile up before they are sorted out. */
const LEFT_OVERS = 4096;
/** Below this a fixed number of digits would show nothing. */
const SMALL_SCORE = 0.001;
const LEAST_TEXT_WIDTH = 20;

export const rerank: CommandDefinition<RerankOptions> = {
  arguments: [
    ['<query>', 'what the documents are compared with'],
    ['[file...]', 'files with one document a line; - or none is the standard input'],
  ],
  options: [
    new Option('-m, --model <name>', 'model (default: the setting default_models.rerank); late interaction models will do, too'),
    new Option('-n, --top-n <number>', 'only the best so many').argParser(wholeNumber(1)),
    new Option('--format <kind>', 'what a line is: a text, or a JSON object').choices(['auto', 'text', 'jsonl']).default('auto'),
    new Option('--field <name>', 'field of a JSON line that holds the document').default('text'),
    new Option(
      '--long <how>',
      'how a document is read that is too long: cut (with --truncate), or in overlapping windows, of which the best counts',
    )
      .choices(['cut', 'windows'])
      .default('cut'),
    new Option('--truncate', 'cut documents that are too long instead of stopping at them'),
    new Option('--raw', "the model's own scores instead of relevance between 0 and 1"),
  ],
  details:
    "Writes a table of score, index (from 0) and the beginning of each document, the most relevant first. With --json one object a line: `index`, `relevance_score`, the fields of the document's own JSON line or its `text`, and `truncated_tokens` where something was cut. Blank lines are skipped.",
  examples: [
    { command: 'locallite rerank "how do cats talk?" notes.txt --top-n 3', does: 'The three best lines of a file' },
    { command: 'locallite rerank "refund policy" docs.jsonl --field body --json', does: 'JSON lines like {"id": 7, "body": "…"}' },
    { command: 'cat hits.txt | locallite rerank "how do cats talk?" --long windows', does: 'Long documents, all of them read' },
  ],
  run: (invocation) => useBackend(invocation, 'read', (backend) => rerankAll(backend, invocation)),
};

async function rerankAll({ client, loaded }: Backend, { args, options, io, json }: Invocation<RerankOptions>): Promise<void> {
  const request = requestOf(options, word(args[0]), options.model ?? loaded.config.default_models.rerank);
  const documents = numbered(inBatches(readDocuments(words(args[1]), options, io), BATCH_SIZE));
  const results = inOrder(documents, {
    ahead: loaded.config.threads * AHEAD,
    signal: io.signal,
    work: (batch, signal) => rerankBatch(client, request, batch, signal),
  });
  let found: Ranked[] = [];
  for await (const ranked of results) {
    found.push(...ranked);
    // What cannot become one of the best is let go of, so that input of any size runs in constant memory.
    if (options.topN !== undefined && found.length > options.topN + LEFT_OVERS) found = best(found, options.topN);
  }
  if (found.length === 0) throw new LocalLiteError('invalid_request', 'there are no documents to rerank', { param: 'documents' });
  await show(best(found, options.topN), json, io);
}

async function* readDocuments(files: readonly string[], { format, field }: RerankOptions, io: Io): AsyncGenerator<TextRecord> {
  if (files.length === 0 && io.terminal.input) {
    throw new LocalLiteError('invalid_request', 'no documents: name files with one a line, or send them to the standard input');
  }
  for (const file of files.length === 0 ? ['-'] : files) yield* readRecords({ texts: [], file, format, field }, io);
}

function requestOf({ long, truncate, raw }: RerankOptions, query: string, model: string): Omit<RerankRequest, 'documents'> {
  return {
    model,
    query,
    return_documents: false,
    long,
    ...(truncate !== undefined && { truncate }),
    ...(raw !== undefined && { raw_scores: raw }),
  };
}

/** Scores of one batch; a document's score does not depend on the others, so that batches can be put together afterwards. */
async function rerankBatch(
  client: LocalLite,
  request: Omit<RerankRequest, 'documents'>,
  { start, records }: Numbered<TextRecord>,
  signal: AbortSignal,
): Promise<readonly Ranked[]> {
  const documents = records.map(({ text }) => text);
  const answer = await client.rerank({ ...request, documents }, { signal, retries: RETRIES }).catch((error: unknown) => {
    throw named(error, { field: 'documents', noun: 'document', start, hint: '--truncate or --long windows' });
  });
  return answer.results.flatMap(({ index, relevance_score: score }) => {
    const record = records[index];
    return record === undefined ? [] : [{ index: start + index, score, record, cut: answer.locallite.truncated_tokens[index] ?? 0 }];
  });
}

/** The highest scores first, equal ones in the order they came in. */
function best(ranked: readonly Ranked[], topN: number | undefined): Ranked[] {
  return ranked.toSorted((a, b) => b.score - a.score).slice(0, topN);
}

async function show(ranked: readonly Ranked[], json: boolean, io: Io): Promise<void> {
  if (json) {
    for (const one of ranked) await printJson(io, lineOf(one));
    return;
  }
  const rows = ranked.map(({ index, score, record }) => [formatScore(score), String(index), record.text.replaceAll(/\s+/g, ' ').trim()]);
  const [heading = '', ...lines] = formatTable(['SCORE>', 'INDEX>', 'DOCUMENT'], rows).split('\n');
  await print(io, styled(io, 'bold', heading));
  for (const line of lines) await print(io, shortened(line, Math.max(io.width, LEAST_TEXT_WIDTH)));
  const cut = ranked.filter((one) => one.cut > 0).length;
  if (cut > 0) await note(io, `${cut} of these documents ${cut === 1 ? 'was' : 'were'} too long and ${cut === 1 ? 'was' : 'were'} cut`);
}

function lineOf({ index, score, record, cut }: Ranked): object {
  const { fields, text } = record;
  const document = Object.keys(fields).length === 0 ? { text } : fields;
  return { index, relevance_score: score, ...document, ...(cut > 0 ? { truncated_tokens: cut } : {}) };
}

function formatScore(score: number): string {
  return score !== 0 && Math.abs(score) < SMALL_SCORE ? score.toExponential(2) : score.toFixed(4);
}

function shortened(line: string, width: number): string {
  const characters = [...line];
  return characters.length <= width ? line : `${characters.slice(0, width - 1).join('')}…`;
}
