import { Option } from 'commander';
import { LocalLiteError } from '../../errors.ts';
import type { LocalLite } from '../../sdk/index.ts';
import type { Backend } from '../backend.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { ASK, type VectorKind, type VectorRequest } from '../embed-kinds.ts';
import { printJson } from '../io.ts';
import { named } from '../named-texts.ts';
import { wholeNumber, words } from '../options.ts';
import { inBatches, inOrder, type Numbered, numbered } from '../pipeline.ts';
import { type LineFormat, readRecords, type TextRecord } from '../records.ts';

interface EmbedOptions {
  readonly model?: string;
  readonly file?: string;
  readonly format: LineFormat;
  readonly encoding: 'float' | 'base64';
  readonly inputType?: 'query' | 'passage';
  readonly dimensions?: number;
  readonly truncate?: boolean;
  readonly sparse?: boolean;
  readonly multi?: boolean;
  readonly tokens?: boolean;
}

const BATCH_SIZE = 32;
/** Token vectors are many, and one request may not hold too many of them. */
const MULTI_BATCH_SIZE = 8;
/** Batches under way for each core; enough that no core waits for the next one. */
const AHEAD = 2;
/** Work in bulk would rather wait for a busy gateway than fail. */
const RETRIES = 8;

export const embed: CommandDefinition<EmbedOptions> = {
  arguments: [['[text...]', 'texts; without any they are read from --file or the standard input']],
  options: [
    new Option('-m, --model <name>', 'model (default: the setting default_models.embed, .sparse or .multi)'),
    new Option('--sparse', 'weights of vocabulary terms instead of one vector a text').conflicts(['multi', 'dimensions']),
    new Option('--multi', 'one vector a token, for late interaction').conflicts(['sparse', 'dimensions']),
    new Option('--tokens', 'with --sparse: also write what the vocabulary ids stand for'),
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
    'Writes one JSON object a line, in the order of the texts: `index` (from 0), `text`, `embedding` (with --sparse `indices` and `values`, with --multi `embeddings`), and `truncated_tokens` where something was cut. Other fields of a JSON line are passed through. Blank lines are skipped. Input of any size runs in constant memory.',
  examples: [
    { command: 'locallite embed "a cat meows" "a dog barks"', does: 'Vectors of two texts' },
    {
      command: 'locallite embed --file docs.jsonl --encoding base64 > vectors.jsonl',
      does: 'A file with lines like {"text": "…", "id": 7}',
    },
    { command: 'cat lines.txt | locallite embed -m bge-small-en-v1.5 -t passage | head -n 3', does: 'One text a line' },
    { command: 'locallite embed --sparse --tokens "a cat meows"', does: 'Vocabulary terms and their weights' },
  ],
  run: (invocation) => useBackend(invocation, 'read', (backend) => embedAll(backend, invocation)),
};

async function embedAll({ client, loaded }: Backend, { args, options, io }: Invocation<EmbedOptions>): Promise<void> {
  const kind = kindOf(options);
  const request = requestOf(options, options.model ?? loaded.config.default_models[kind]);
  const records = readRecords({ texts: words(args[0]), file: options.file, format: options.format }, io);
  const results = inOrder(numbered(inBatches(records, kind === 'multi' ? MULTI_BATCH_SIZE : BATCH_SIZE)), {
    ahead: loaded.config.threads * AHEAD,
    signal: io.signal,
    work: (batch, signal) => embedBatch(client, { kind, request }, batch, signal),
  });
  for await (const lines of results) {
    for (const line of lines) await printJson(io, line);
  }
}

function kindOf({ sparse, multi, tokens }: EmbedOptions): VectorKind {
  if (tokens === true && sparse !== true) throw new LocalLiteError('invalid_request', '--tokens needs --sparse', { param: 'tokens' });
  if (multi === true) return 'multi';
  return sparse === true ? 'sparse' : 'embed';
}

function requestOf({ encoding, inputType, dimensions, truncate, tokens }: EmbedOptions, model: string): VectorRequest {
  return {
    model,
    encoding_format: encoding,
    ...(inputType !== undefined && { input_type: inputType }),
    ...(dimensions !== undefined && { dimensions }),
    ...(truncate !== undefined && { truncate }),
    ...(tokens !== undefined && { return_tokens: tokens }),
  };
}

async function embedBatch(
  client: LocalLite,
  { kind, request }: { readonly kind: VectorKind; readonly request: VectorRequest },
  { start, records }: Numbered<TextRecord>,
  signal: AbortSignal,
): Promise<readonly object[]> {
  const input = records.map(({ text }) => text);
  const { values, cut } = await ASK[kind](client, request, input, { signal, retries: RETRIES }).catch((error: unknown) => {
    throw named(error, { field: 'input', noun: 'text', start, hint: '--truncate' });
  });
  return values.map((value, index) => ({
    index: start + index,
    ...(records[index]?.fields ?? {}),
    text: input[index],
    ...value,
    ...(cut[index] ? { truncated_tokens: cut[index] } : {}),
  }));
}
