import { BYTE_TOKENS } from './tokenizer-bytes.ts';
import { arrayAt, flagOf, type JsonObject, malformed } from './tokenizer-json.ts';
import { Vocabulary } from './tokenizer-vocabulary.ts';
import type { WordModel } from './tokenizer-wordpiece.ts';

/** An unknown character costs this much more than the least likely piece. */
const UNKNOWN_PENALTY = 10;
const encoder = new TextEncoder();

/** Pieces of a Unigram model with the logarithm of their likelihood, by id. */
export interface UnigramPieces {
  readonly vocabulary: Vocabulary;
  readonly scores: Float64Array;
}

/** Reads `model.vocab` of a Unigram model: a list of [piece, score], whose index is the id. */
export function readUnigramPieces(value: unknown): UnigramPieces {
  const list = arrayAt(value, 'model.vocab');
  const scores = new Float64Array(list.length);
  const ids = new Map<string, number>();
  list.forEach((entry, id) => {
    const [piece, score] = arrayAt(entry, `model.vocab[${id}]`);
    if (typeof piece !== 'string' || typeof score !== 'number') throw malformed(`model.vocab[${id}]`, '[piece, score]');
    ids.set(piece, id);
    scores[id] = score;
  });
  return { vocabulary: new Vocabulary(ids), scores };
}

/** Most UTF-16 units of a piece that begins with a given unit: bounds the look-ups for each place in a word. */
function longestByFirstUnit(value: unknown): Map<number, number> {
  const longest = new Map<number, number>();
  for (const entry of arrayAt(value, 'model.vocab')) {
    const piece: unknown = arrayAt(entry, 'model.vocab')[0];
    if (typeof piece !== 'string' || piece === '') continue;
    const first = piece.charCodeAt(0);
    longest.set(first, Math.max(longest.get(first) ?? 0, piece.length));
  }
  return longest;
}

/** The likeliest segmentation of a word (Viterbi), with neighbouring unknown characters joined to one token. */
export function createUnigram(config: JsonObject, { vocabulary, scores }: UnigramPieces): WordModel {
  const unknown = typeof config['unk_id'] === 'number' ? config['unk_id'] : undefined;
  if (unknown !== undefined && vocabulary.tokenOf(unknown) === undefined) throw malformed('model.unk_id', 'an id of the vocabulary');
  const unknownScore = scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY) - UNKNOWN_PENALTY;
  const longest = longestByFirstUnit(config['vocab']);
  const bytes = flagOf(config, 'byte_fallback', 'model', false) ? BYTE_TOKENS.map((token) => vocabulary.idOf(token)) : undefined;

  const append = (piece: string, ids: number[]) => {
    const id = vocabulary.idOf(piece);
    if (id === undefined && bytes !== undefined && appendBytes(piece, bytes, ids)) return;
    const known = id ?? unknown;
    if (known !== undefined) ids.push(known);
  };

  return (word, ids) => {
    for (const piece of bestPieces(word, { vocabulary, scores, longest, unknown: unknown ?? -1, unknownScore })) append(piece, ids);
  };
}

/** Appends the byte tokens of a piece; false, and nothing appended, where the vocabulary lacks one of them. */
function appendBytes(piece: string, bytes: readonly (number | undefined)[], ids: number[]): boolean {
  const before = ids.length;
  for (const byte of encoder.encode(piece)) {
    const id = bytes[byte];
    if (id === undefined) {
      ids.length = before;
      return false;
    }
    ids.push(id);
  }
  return true;
}

interface Lattice {
  readonly vocabulary: Vocabulary;
  readonly scores: Float64Array;
  readonly longest: ReadonlyMap<number, number>;
  readonly unknown: number;
  readonly unknownScore: number;
}

function bestPieces(word: string, lattice: Lattice): string[] {
  const best = new Float64Array(word.length + 1).fill(Number.NEGATIVE_INFINITY);
  const startOf = new Int32Array(word.length + 1);
  const idOf = new Int32Array(word.length + 1);
  best[0] = 0;
  const offer = (start: number, end: number, score: number, id: number) => {
    const total = (best[start] ?? 0) + score;
    if (total <= (best[end] ?? 0)) return;
    best[end] = total;
    startOf[end] = start;
    idOf[end] = id;
  };
  for (let start = 0; start < word.length; ) {
    const characterEnd = start + ((word.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
    const last = Math.min(word.length, start + (lattice.longest.get(word.charCodeAt(start)) ?? 0));
    let single = false;
    for (let end = start + 1; end <= last; end++) {
      const id = lattice.vocabulary.idOf(word.slice(start, end));
      if (id === undefined) continue;
      offer(start, end, lattice.scores[id] ?? 0, id);
      single ||= end === characterEnd;
    }
    if (!single) offer(start, characterEnd, lattice.unknownScore, lattice.unknown);
    start = characterEnd;
  }
  return backtrack(word, startOf, idOf, lattice.unknown);
}

/** Reads the best path from its end; a run of unknown characters becomes one piece. */
function backtrack(word: string, startOf: Int32Array, idOf: Int32Array, unknown: number): string[] {
  const pieces: string[] = [];
  let unknownEnd = -1;
  for (let end = word.length; end > 0; ) {
    const start = startOf[end] ?? 0;
    if (idOf[end] === unknown) {
      if (unknownEnd < 0) unknownEnd = end;
      if (start === 0 || idOf[start] !== unknown) {
        pieces.push(word.slice(start, unknownEnd));
        unknownEnd = -1;
      }
    } else pieces.push(word.slice(start, end));
    end = start;
  }
  return pieces.reverse();
}
