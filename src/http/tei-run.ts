import { LocalLiteError } from '../errors.ts';
import type { InputType, TaskResult } from '../gateway/gateway-types.ts';
import { inputTypeOf } from '../wire/sparse.ts';
import { teiError } from '../wire/tei-error.ts';
import type { TeiInput } from '../wire/tei-inputs.ts';
import { checkInputs, type InputLimits } from './inputs.ts';
import type { Reply } from './route.ts';
import { taskReply } from './task-reply.ts';

/** The fields that say how TEI's inputs are read. */
export interface TeiReading {
  readonly truncate?: boolean | null | undefined;
  readonly truncation_direction: 'Right' | 'right' | 'Left' | 'left';
  readonly prompt_name?: 'query' | 'passage' | 'document' | null | undefined;
}

/** The same in the gateway's words. Texts are cut on the right only, so that whoever wants the left gets no cut at all. */
export function readingOptions(reading: TeiReading, autoTruncate: boolean): { truncate: boolean; inputType?: InputType } {
  const truncate = !cutsLeft(reading) && (reading.truncate ?? autoTruncate);
  const { prompt_name: name } = reading;
  return { truncate, ...(name === undefined || name === null ? {} : { inputType: inputTypeOf(name) }) };
}

function cutsLeft({ truncation_direction: direction }: TeiReading): boolean {
  return direction === 'Left' || direction === 'left';
}

/** Holds the number of inputs against the limits. @throws LocalLiteError a TEI error */
export function checkBatch(size: number, limits: InputLimits, field: string): void {
  if (size > limits.inputs) throw teiError('too_many', `${field}: the batch has ${size} and at most ${limits.inputs} are allowed`);
}

/** Holds inputs against the limits. @throws LocalLiteError as {@link checkBatch}; input_too_long for one that is */
export function checkTeiInputs(inputs: readonly TeiInput[], limits: InputLimits, field: string): void {
  checkBatch(inputs.length, limits, field);
  checkInputs(inputs, limits, field);
}

/** TEI makes no vector of an empty text. @throws LocalLiteError a TEI error */
export function requireTexts(inputs: readonly TeiInput[], nameOf: (index: number) => string): void {
  const empty = inputs.indexOf('');
  if (empty !== -1) throw teiError('empty', `${nameOf(empty)} cannot be empty`);
}

/** How a request was read, and what it calls the gateway's `input[index]` or `documents[index]`. */
export interface TeiNames {
  readonly reading: TeiReading;
  nameOf(index: number): string;
}

/** {@link TeiNames.nameOf} for a field that holds the inputs, or is the only one. */
export function namesIn(field: string, single = false): TeiNames['nameOf'] {
  return (index) => (single ? field : `${field}[${index}]`);
}

/** What `work` gives; its errors name the fields as they were sent. */
export async function inTeiWords<T>(work: Promise<T>, names: TeiNames): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw LocalLiteError.is(error) ? renamed(error, names) : error;
  }
}

function renamed(error: LocalLiteError, { reading, nameOf }: TeiNames): LocalLiteError {
  const message = error.message.replaceAll(/\b(?:input|documents)\[(\d+)\]/g, (_all, index: string) => nameOf(Number(index)));
  const wantsLeft = cutsLeft(reading) && reading.truncate !== false && error.code === 'input_too_long';
  const { retryAfterSeconds } = error;
  return new LocalLiteError(error.code, wantsLeft ? withoutLeftCut(message) : message, {
    cause: error,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

/** The gateway advises `truncate: true`, which was said. */
function withoutLeftCut(message: string): string {
  const problem = message.replace(/;.*$/, '');
  return `${problem}; it can be cut on its right side only: send truncation_direction "Right", or cut it yourself`;
}

/** The reply of a task with the headers in which TEI tells what was computed: times are whole milliseconds. */
export async function teiReply(
  slices: Iterable<string>,
  result: TaskResult,
  inputs: readonly TeiInput[],
  signal: AbortSignal,
): Promise<Reply> {
  const reply = await taskReply(slices, result, signal);
  const { tokenizeMs, queueMs, inferMs, totalMs } = result.timings;
  const milliseconds = (value: number): string => String(Math.round(value));
  return {
    ...reply,
    headers: {
      ...reply.headers,
      'x-compute-type': result.provider,
      'x-compute-time': milliseconds(totalMs),
      'x-compute-characters': String(inputs.reduce((sum, input) => sum + characters(input), 0)),
      'x-compute-tokens': String(result.promptTokens),
      'x-total-time': milliseconds(totalMs),
      'x-tokenization-time': milliseconds(tokenizeMs),
      'x-queue-time': milliseconds(queueMs),
      'x-inference-time': milliseconds(inferMs),
    },
  };
}

/** Code points of a text; ids count one each. */
function characters(input: TeiInput): number {
  return typeof input === 'string' ? input.length - (input.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0) : input.length;
}
