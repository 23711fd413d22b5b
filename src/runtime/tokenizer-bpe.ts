import { BYTE_TOKENS } from './tokenizer-bytes.ts';
import { arrayAt, flagOf, type JsonObject, malformed } from './tokenizer-json.ts';
import type { Vocabulary } from './tokenizer-vocabulary.ts';
import type { WordModel } from './tokenizer-wordpiece.ts';

const encoder = new TextEncoder();
/** Queue keys hold rank * POSITIONS + position in one number: ranks below 2^21, positions below 2^32. */
const POSITIONS = 2 ** 32;

function optionalText(config: JsonObject, key: string): string {
  const value = config[key] ?? '';
  if (typeof value !== 'string') throw malformed(`model.${key}`, 'a string');
  return value;
}

/** Pairs of neighbouring ids that merge: the rank says which goes first, the id what they become. */
class Merges {
  readonly #ranks = new Map<number, number>();
  readonly #results: number[] = [];
  readonly #base: number;

  constructor(list: readonly unknown[], vocabulary: Vocabulary, prefixLength: number) {
    this.#base = vocabulary.size;
    list.forEach((entry, rank) => {
      const [left, right] = typeof entry === 'string' ? splitPair(entry, rank) : arrayAt(entry, `model.merges[${rank}]`);
      if (typeof left !== 'string' || typeof right !== 'string') throw malformed(`model.merges[${rank}]`, 'two tokens');
      const a = vocabulary.idOf(left);
      const b = vocabulary.idOf(right);
      const merged = vocabulary.idOf(left + right.slice(prefixLength));
      if (a === undefined || b === undefined || merged === undefined) throw malformed(`model.merges[${rank}]`, 'tokens of the vocabulary');
      this.#ranks.set(a * this.#base + b, rank);
      this.#results.push(merged);
    });
  }

  /** Undefined where the pair does not merge; lower goes first. */
  rank(left: number, right: number): number | undefined {
    return this.#ranks.get(left * this.#base + right);
  }

  result(rank: number): number {
    return this.#results[rank] ?? 0;
  }
}

function splitPair(entry: string, rank: number): readonly string[] {
  const parts = entry.split(' ');
  if (parts.length !== 2) throw malformed(`model.merges[${rank}]`, 'two tokens with a space between');
  return parts;
}

/** A binary heap of numbers, smallest first. */
class SmallestFirst {
  readonly #heap: number[] = [];

  push(value: number): void {
    const heap = this.#heap;
    let at = heap.push(value) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] ?? 0;
      if (above <= value) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = value;
  }

  pop(): number | undefined {
    const heap = this.#heap;
    const smallest = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return smallest;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if ((heap[child + 1] ?? Number.POSITIVE_INFINITY) < (heap[child] ?? 0)) child++;
      const below = heap[child] ?? 0;
      if (below >= last) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return smallest;
  }
}

/** Merges neighbours in the order of their rank, leftmost first among equals, and appends what is left. */
function mergeInto(ids: number[], symbols: number[], merges: Merges): void {
  const length = symbols.length;
  const next = Int32Array.from({ length }, (_, index) => index + 1);
  const previous = Int32Array.from({ length }, (_, index) => index - 1);
  const queue = new SmallestFirst();
  const gone = -1;
  const offer = (at: number) => {
    const right = at < 0 ? length : (next[at] ?? length);
    if (right >= length) return;
    const rank = merges.rank(symbols[at] ?? 0, symbols[right] ?? 0);
    if (rank !== undefined) queue.push(rank * POSITIONS + at);
  };
  for (let at = 0; at + 1 < length; at++) offer(at);
  for (let top = queue.pop(); top !== undefined; top = queue.pop()) {
    const at = top % POSITIONS;
    const right = next[at] ?? length;
    if (symbols[at] === gone || right >= length) continue;
    const rank = merges.rank(symbols[at] ?? 0, symbols[right] ?? 0);
    const result = merges.result((top - at) / POSITIONS);
    // The pair that was queued may have changed since.
    if (rank === undefined || merges.result(rank) !== result) continue;
    symbols[at] = result;
    symbols[right] = gone;
    const after = next[right] ?? length;
    next[at] = after;
    if (after < length) previous[after] = at;
    offer(previous[at] ?? -1);
    offer(at);
  }
  for (const symbol of symbols) if (symbol !== gone) ids.push(symbol);
}

/** Ids of the characters of a word before any merge; unknown characters become byte tokens or the unknown token. */
function symbolReader(config: JsonObject, vocabulary: Vocabulary): (word: string) => number[] {
  const prefix = optionalText(config, 'continuing_subword_prefix');
  const suffix = optionalText(config, 'end_of_word_suffix');
  const unknownToken = optionalText(config, 'unk_token');
  const unknown = unknownToken === '' ? undefined : vocabulary.idOf(unknownToken);
  const fuse = flagOf(config, 'fuse_unk', 'model', false);
  const bytes = flagOf(config, 'byte_fallback', 'model', false) ? BYTE_TOKENS.map((token) => vocabulary.idOf(token)) : undefined;

  return (word) => {
    const symbols: number[] = [];
    // The reference emits an unknown token only when the next known character comes, so byte tokens overtake it.
    let pending = false;
    let index = 0;
    for (const character of word) {
      const start = index;
      index += character.length;
      const text = (start > 0 ? prefix : '') + character + (index === word.length ? suffix : '');
      const id = vocabulary.idOf(text);
      if (id !== undefined) {
        if (pending && unknown !== undefined) symbols.push(unknown);
        pending = false;
        symbols.push(id);
        continue;
      }
      const fallback = bytes === undefined ? undefined : [...encoder.encode(text)].map((byte) => bytes[byte]);
      if (fallback?.every((byte) => byte !== undefined)) symbols.push(...fallback);
      else {
        if (pending && !fuse && unknown !== undefined) symbols.push(unknown);
        pending = true;
      }
    }
    if (pending && unknown !== undefined) symbols.push(unknown);
    return symbols;
  };
}

/** Byte-pair encoding. Throws `model_load_failed` where a merge names a token that the vocabulary lacks. */
export function createBpe(config: JsonObject, vocabulary: Vocabulary): WordModel {
  const prefixLength = optionalText(config, 'continuing_subword_prefix').length;
  const merges = new Merges(arrayAt(config['merges'], 'model.merges'), vocabulary, prefixLength);
  const wholeWords = flagOf(config, 'ignore_merges', 'model', false);
  const symbolsOf = symbolReader(config, vocabulary);
  return (word, ids) => {
    const whole = wholeWords ? vocabulary.idOf(word) : undefined;
    if (whole !== undefined) ids.push(whole);
    else mergeInto(ids, symbolsOf(word), merges);
  };
}
