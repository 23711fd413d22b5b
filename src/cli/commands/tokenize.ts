import { Option } from 'commander';
import type { TokenizeResponse } from '../../sdk/index.ts';
import type { Backend } from '../backend.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { type Io, note, print, printJson } from '../io.ts';
import { words } from '../options.ts';
import { inBatches, inOrder } from '../pipeline.ts';
import { type LineFormat, readRecords } from '../records.ts';

interface TokenizeOptions {
  readonly model?: string;
  readonly file?: string;
  readonly format: LineFormat;
  readonly specialTokens: boolean;
  readonly count?: boolean;
}

const BATCH_SIZE = 64;
const AHEAD = 2;

export const tokenize: CommandDefinition<TokenizeOptions> = {
  arguments: [['[text...]', 'texts; without any they are read from --file or the standard input']],
  options: [
    new Option('-m, --model <name>', 'model whose tokenizer runs (default: the setting default_models.embed)'),
    new Option('-f, --file <path>', 'read lines from this file; - is the standard input'),
    new Option('--format <kind>', 'what a line is: a text, or a JSON object with "text"')
      .choices(['auto', 'text', 'jsonl'])
      .default('auto'),
    new Option('--no-special-tokens', 'leave out the tokens that the model puts around a text'),
    new Option('-c, --count', 'numbers of tokens only, one a line'),
  ],
  details: 'Shows each text as its tokens and their ids, just as the model gets them. With --json one object a line, with offsets.',
  examples: [
    { command: 'locallite tokenize "unbelievable"', does: 'Pieces and ids' },
    { command: 'locallite tokenize --count --file book.txt', does: 'Tokens of each line' },
  ],
  run: (invocation) => useBackend(invocation, 'read', (backend) => tokenizeAll(backend, invocation)),
};

async function tokenizeAll({ client, loaded }: Backend, { args, options, io, json }: Invocation<TokenizeOptions>): Promise<void> {
  const model = options.model ?? loaded.config.default_models.embed;
  const records = readRecords({ texts: words(args[0]), file: options.file, format: options.format }, io);
  const work = (batch: readonly { readonly text: string }[], signal: AbortSignal): Promise<TokenizeResponse> =>
    client.tokenize({ model, input: batch.map(({ text }) => text), add_special_tokens: options.specialTokens }, { signal });
  let start = 0;
  for await (const answer of inOrder(inBatches(records, BATCH_SIZE), { ahead: AHEAD, signal: io.signal, work })) {
    if (start === 0 && !answer.exact) await note(io, `the tokenizer of ${answer.model} is not installed; these are estimates`);
    for (const item of answer.data) {
      if (json) await printJson(io, { ...item, index: start + item.index });
      else await printTokens(io, item, options.count ?? false);
    }
    start += answer.data.length;
  }
}

async function printTokens(io: Io, item: TokenizeResponse['data'][number], countOnly: boolean): Promise<void> {
  if (countOnly) return print(io, String(item.count));
  const pieces = item.tokens.map((token, index) => `${token}:${item.ids[index]}`).join(' ');
  await print(io, `${item.count}\t${pieces}`);
}
