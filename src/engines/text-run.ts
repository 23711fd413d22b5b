import { setImmediate as nextTurn } from 'node:timers/promises';
import { LocalLiteError } from '../errors.ts';
import type { Lane } from '../runtime/slots.ts';
import type { Encoding, Tokenizer } from '../runtime/tokenizer-types.ts';
import type { Batcher, Settled, Ticket } from './batcher.ts';
import type { TextInput, TextRun } from './embedder-types.ts';
import type { EncoderInput } from './encoder-input.ts';

/** A tokenised text as it runs. */
export type EncodedText = Encoding & EncoderInput;

/** How the texts of one request are tokenised and where they run. */
export interface TextRunOptions<Input extends TextInput, Out> {
  readonly batcher: Batcher<EncoderInput, Out>;
  readonly lane: Lane;
  readonly signal: AbortSignal | undefined;
  /** What the queue must have room for, as far as that can be told before anything is tokenised: see {@link estimateTokens}. */
  readonly expectedTokens: number;
  /** Ids of one input: one row, or several where the input is read in windows. */
  readonly encode: (input: Input, index: number) => Promise<EncodedText | readonly EncodedText[]>;
}

/** Texts are tokenised in slices of about this many characters, so that a large request never holds the event loop up for long. */
const SLICE_CHARACTERS = 8_192;
/** English averages four characters a token; three errs on the side of refusing early. */
const CHARACTERS_PER_TOKEN = 3;

/**
 * Runs the texts of one request: admission, tokens, queue, batches. Results are in the order of the rows. When the caller leaves or one
 * text fails, those that still wait give up their places.
 * @throws LocalLiteError overloaded, cancelled, worker_crashed, timed_out, inference_failed, and what `encode` throws
 */
export async function runTexts<Input extends TextInput, Out>(
  inputs: readonly Input[],
  how: TextRunOptions<Input, Out>,
): Promise<TextRun & { readonly results: readonly Out[] }> {
  const { batcher, lane, signal } = how;
  const admission = batcher.admit(how.expectedTokens, lane);
  const tickets: Ticket<Out>[] = [];
  const leave = (): void => {
    for (const ticket of tickets) ticket.leave();
  };
  signal?.addEventListener('abort', leave, { once: true });
  try {
    const encoded = await submitAll(inputs, how, (row) => {
      const { length } = row.ids;
      tickets.push(batcher.submit(row, { length, lane }));
      admission.queued(length);
    });
    admission.end();
    const settled = await Promise.all(tickets.map((ticket) => ticket.settled));
    const { promptTokens, truncatedTokens, tokenizeMs } = encoded;
    return { promptTokens, truncatedTokens, tokenizeMs, ...timesOf(settled), results: settled.map(({ result }) => result) };
  } catch (error) {
    leave();
    await Promise.allSettled(tickets.map((ticket) => ticket.settled));
    throw error;
  } finally {
    admission.end();
    signal?.removeEventListener('abort', leave);
  }
}

/** Tokenises slice by slice and hands each text to the queue at once, so that the workers are busy while the rest is tokenised. */
async function submitAll<Input extends TextInput, Out>(
  inputs: readonly Input[],
  { encode, signal }: TextRunOptions<Input, Out>,
  submit: (row: EncodedText) => void,
): Promise<Pick<TextRun, 'promptTokens' | 'truncatedTokens' | 'tokenizeMs'>> {
  const truncatedTokens: number[] = [];
  let promptTokens = 0;
  let tokenizeMs = 0;
  const add = (row: EncodedText): void => {
    promptTokens += row.ids.length;
    submit(row);
  };
  for (const slice of slices(inputs)) {
    if (truncatedTokens.length > 0) await nextTurn();
    if (signal?.aborted) throw new LocalLiteError('cancelled', 'the caller left before the texts were tokenised');
    const started = performance.now();
    const encodings = await Promise.all(slice.map(({ input, index }) => encode(input, index)));
    tokenizeMs += performance.now() - started;
    for (const encoding of encodings) {
      if ('ids' in encoding) {
        truncatedTokens.push(encoding.dropped);
        add(encoding);
      } else {
        truncatedTokens.push(encoding.reduce((sum, { dropped }) => sum + dropped, 0));
        for (const row of encoding) add(row);
      }
    }
  }
  return { promptTokens, truncatedTokens, tokenizeMs };
}

/** About how many tokens the texts will have, each at most `maxTokens`. */
export function estimateTokens(inputs: readonly TextInput[], maxTokens: number): number {
  let sum = 0;
  for (const input of inputs)
    sum += Math.min(maxTokens, typeof input === 'string' ? Math.ceil(input.length / CHARACTERS_PER_TOKEN) : input.length);
  return sum;
}

function* slices<Input extends TextInput>(inputs: readonly Input[]): Generator<readonly { input: Input; index: number }[]> {
  let slice: { input: Input; index: number }[] = [];
  let size = 0;
  for (const [index, input] of inputs.entries()) {
    slice.push({ input, index });
    size += input.length;
    if (size < SLICE_CHARACTERS) continue;
    yield slice;
    slice = [];
    size = 0;
  }
  if (slice.length > 0) yield slice;
}

function timesOf<Out>(settled: readonly Settled<Out>[]): { queueMs: number; inferMs: number } {
  return {
    queueMs: settled.reduce((longest, { queueMs }) => Math.max(longest, queueMs), 0),
    inferMs: settled.reduce((longest, { inferMs }) => Math.max(longest, inferMs), 0),
  };
}

/** The rules by which one text becomes ids. */
export interface EncodeRules {
  readonly tokenizer: Tokenizer;
  readonly maxTokens: number;
  readonly prompt: string;
  readonly truncate: boolean;
}

/**
 * Ids of one text or of ids that came as they are, prompt before them, checked against the model's limit.
 * @throws LocalLiteError input_too_long (both counts, unless `truncate`), invalid_request (no tokens, wrong ids)
 */
export async function encodeInput(input: TextInput, index: number, rules: EncodeRules): Promise<Encoding> {
  const { tokenizer, maxTokens } = rules;
  const limit = rules.truncate ? { maxTokens } : {};
  const encoding =
    typeof input === 'string' ? await tokenizer.encodeAsync(rules.prompt + input, limit) : encodeIds(input, index, { tokenizer, limit });
  if (encoding.ids.length === 0) {
    throw new LocalLiteError('invalid_request', `input[${index}] has no tokens, and nothing has no vector`, { param: `input[${index}]` });
  }
  if (encoding.ids.length > maxTokens) {
    throw tooLong(`input[${index}]`, `has ${encoding.ids.length} tokens and the model takes at most ${maxTokens}`);
  }
  return encoding;
}

/** The refusal of a text that could have been cut. */
export function tooLong(param: string, why: string): LocalLiteError {
  return new LocalLiteError('input_too_long', `${param} ${why}; shorten it, or send truncate: true to have it cut`, { param });
}

/** Ids that a client made itself. @throws LocalLiteError invalid_request, naming the input */
export function encodeIds(
  ids: readonly number[],
  index: number,
  { tokenizer, limit }: { readonly tokenizer: Tokenizer; readonly limit: { maxTokens?: number } },
): Encoding {
  try {
    return tokenizer.fromIds(ids, limit);
  } catch (error) {
    if (!LocalLiteError.is(error)) throw error;
    throw new LocalLiteError(error.code, `input[${index}]: ${error.message}`, { param: `input[${index}]` });
  }
}

/** The prompt that `inputType` selects. @throws LocalLiteError invalid_request when it would have to go before token ids */
export function promptFor(
  inputs: readonly TextInput[],
  inputType: 'query' | 'passage' | undefined,
  prompts: { readonly query: string; readonly passage: string },
): string {
  const prompt = inputType === undefined ? '' : prompts[inputType];
  if (prompt !== '' && inputs.some((input) => typeof input !== 'string')) {
    throw new LocalLiteError(
      'invalid_request',
      `input_type adds the prompt ${JSON.stringify(prompt)} to texts; token ids are taken as they are, so send texts or leave input_type out`,
      { param: 'input_type' },
    );
  }
  return prompt;
}
