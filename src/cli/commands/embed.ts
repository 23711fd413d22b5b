import { Option } from 'commander';
import { LocalLiteError } from '../../errors.ts';
import type { CreateEmbeddings, LocalLite } from '../../sdk/index.ts';
import type { Backend } from '../backend.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { printJson } from '../io.ts';
import { wholeNumber, words } from '../options.ts';
import { inBatches, inOrder } from '../pipeline.ts';
import { type LineFormat, readRecords, type TextRecord } from '../records.ts';

interface EmbedOptions {
  readonly model?: string;
  readonly file?: string;
  readonly format: LineFormat;
  readonly encoding: 'float' | 'base64';
  readonly inputType?: 'query' | 'passage';
  readonly dimensions?: number;
  readonly truncate?: boolean;
}

/** Texts of one request, and the place of the first of them. */
interface Batch {
  readonly start: number;
  readonly records: readonly TextRecord[];
}

const BATCH_SIZE = 32;
/** Batches under way for each core; enough that no core waits for the next one. */
const AHEAD = 2;
/** Work in bulk would rather wait for a busy gateway than fail. */
const RETRIES = 8;

export const embed: CommandDefinition<EmbedOptions> = {
  arguments: [['[text...]', 'texts; without any they are read from --file or the standard input']],
  options: [
    new Option('-m, --model <name>', 'model (default: the setting default_models.embed)'),
    new Option('-f, --file <path>', 'read lines from this file; - is the standard input'),
    new Option('--format <kind>', 'what a line is: a text, or a JSON object with "text"')
      .choices(['auto', 'text', 'jsonl'])
      .default('auto'),
    new Option('--encoding <kind>', 'how vectors are written').choices(['float', 'base64']).default('float'),
    new Option('-t, --input-type <kind>', "add the model's own prompt").choices(['query', 'passage']),
    new Option('-d, --dimensions <number>', 'cut vectors to this size, for models that allow it').argParser(wholeNumber(1)),
    new Option('--truncate', 'cut texts that are too long instead of stopping at them'),
  ],
  details:
    'Writes one JSON object a line, in the order of the texts: `index` (from 0), `text`, `embedding`, and `truncated_tokens` where something was cut. Other fields of a JSON line are passed through. Blank lines are skipped. Input of any size runs in constant memory.',
  examples: [
    { command: 'locallite embed "a cat meows" "a dog barks"', does: 'Vectors of two texts' },
    {
      command: 'locallite embed --file docs.jsonl --encoding base64 > vectors.jsonl',
      does: 'A file with lines like {"text": "…", "id": 7}',
    },
    { command: 'cat lines.txt | locallite embed -m bge-small-en-v1.5 -t passage | head -n 3', does: 'One text a line' },
  ],
  run: (invocation) => useBackend(invocation, 'read', (backend) => embedAll(backend, invocation)),
};

async function embedAll({ client, loaded }: Backend, { args, options, io }: Invocation<EmbedOptions>): Promise<void> {
  const request = requestOf(options, options.model ?? loaded.config.default_models.embed);
  const records = readRecords({ texts: words(args[0]), file: options.file, format: options.format }, io);
  const results = inOrder(numbered(inBatches(records, BATCH_SIZE)), {
    ahead: loaded.config.threads * AHEAD,
    signal: io.signal,
    work: (batch, signal) => embedBatch(client, request, batch, signal),
  });
  for await (const lines of results) {
    for (const line of lines) await printJson(io, line);
  }
}

type Request = Omit<CreateEmbeddings, 'input'> & { readonly encoding_format: 'float' | 'base64' };

function requestOf({ encoding, inputType, dimensions, truncate }: EmbedOptions, model: string): Request {
  return {
    model,
    encoding_format: encoding,
    ...(inputType !== undefined && { input_type: inputType }),
    ...(dimensions !== undefined && { dimensions }),
    ...(truncate !== undefined && { truncate }),
  };
}

async function* numbered(batches: AsyncIterable<readonly TextRecord[]>): AsyncGenerator<Batch> {
  let start = 0;
  for await (const records of batches) {
    yield { start, records };
    start += records.length;
  }
}

async function embedBatch(client: LocalLite, request: Request, { start, records }: Batch, signal: AbortSignal): Promise<readonly object[]> {
  const input = records.map(({ text }) => text);
  const answer = await client.embeddings.create({ ...request, input }, { signal, retries: RETRIES }).catch((error: unknown) => {
    throw named(error, start);
  });
  const cut = answer.locallite.truncated_tokens;
  return answer.data.map(({ index, embedding }) => ({
    index: start + index,
    ...(records[index]?.fields ?? {}),
    text: input[index],
    embedding,
    ...(cut[index] ? { truncated_tokens: cut[index] } : {}),
  }));
}

/** The gateway counts the texts of one request; the user counts all of them. */
function named(error: unknown, start: number): unknown {
  const place = LocalLiteError.is(error) ? /^input\[(\d+)\]/.exec(error.param ?? '') : null;
  if (!LocalLiteError.is(error) || place === null) return error;
  const hint = error.code === 'input_too_long' ? ' (here: --truncate)' : '';
  const message = error.message.replaceAll(place[0], `text ${start + Number(place[1])}`) + hint;
  return new LocalLiteError(error.code, message, { param: 'text', cause: error });
}
