import { byteAlphabet } from './tokenizer-bytes.ts';
import { arrayAt, flagOf, integerOf, type JsonObject, malformed, objectAt, textOf, unsupported } from './tokenizer-json.ts';
import { loadPattern } from './tokenizer-pattern.ts';
import { PUNCTUATION } from './tokenizer-unicode.ts';

/** Cuts a normalised piece of text into words for the model; `first` says that the piece begins the text. No empty words. */
export type PreTokenizer = (text: string, first: boolean) => readonly string[];

type Build = (config: JsonObject, where: string) => PreTokenizer | Promise<PreTokenizer>;

/** What becomes of the matches of a pattern. Names as in tokenizer.json. */
type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';
const BEHAVIORS: readonly string[] = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] satisfies Behavior[];

interface Piece {
  readonly text: string;
  readonly match: boolean;
}

const BERT_WORD = new RegExp(`${PUNCTUATION}|[^\\p{White_Space}${PUNCTUATION}]+`, 'gv');
const PUNCTUATION_SIGN = new RegExp(PUNCTUATION, 'gv');
const NUMBER = /\p{N}/gu;
const NUMBERS = /\p{N}+/gu;
const WHITE_SPACE = /\p{White_Space}/gu;
const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';
const WORD_OR_SIGNS = new RegExp(`[${WORD}]+|[^${WORD}\\p{White_Space}]+`, 'gu');
const GPT2_WORD =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

function piecesOf(text: string, pattern: RegExp): Piece[] {
  const pieces: Piece[] = [];
  let done = 0;
  for (const found of text.matchAll(pattern)) {
    if (found.index > done) pieces.push({ text: text.slice(done, found.index), match: false });
    pieces.push({ text: found[0], match: true });
    done = found.index + found[0].length;
  }
  if (done < text.length) pieces.push({ text: text.slice(done), match: false });
  return pieces;
}

function mergeAdjacent(pieces: readonly Piece[], joins: (piece: Piece, previous: Piece) => boolean): string[] {
  const words: string[] = [];
  let previous: Piece | undefined;
  for (const piece of pieces) {
    if (previous !== undefined && joins(piece, previous)) words.push((words.pop() ?? '') + piece.text);
    else words.push(piece.text);
    previous = piece;
  }
  return words;
}

function split(text: string, pattern: RegExp, behavior: Behavior, invert = false): readonly string[] {
  const found = piecesOf(text, pattern);
  const pieces = invert ? found.map((piece) => ({ text: piece.text, match: !piece.match })) : found;
  return join(pieces, behavior).filter((word) => word !== '');
}

function join(pieces: readonly Piece[], behavior: Behavior): string[] {
  switch (behavior) {
    case 'Isolated':
      return pieces.map((piece) => piece.text);
    case 'Removed':
      return pieces.filter((piece) => !piece.match).map((piece) => piece.text);
    case 'Contiguous':
      return mergeAdjacent(pieces, (piece, previous) => piece.match === previous.match);
    case 'MergedWithPrevious':
      return mergeAdjacent(pieces, (piece, previous) => piece.match && !previous.match);
    case 'MergedWithNext':
      return mergeAdjacent(pieces, (piece, previous) => previous.match && !piece.match);
  }
}

function behaviorOf(config: JsonObject, where: string, fallback?: Behavior): Behavior {
  const value = textOf(config, 'behavior', where, fallback);
  const known = BEHAVIORS.find((name): name is Behavior => name === value);
  if (known === undefined) throw malformed(`${where}.behavior`, `one of ${BEHAVIORS.join(', ')}`);
  return known;
}

const matches = (pattern: RegExp): PreTokenizer => {
  return (text) => text.match(pattern) ?? [];
};

function byteLevel(config: JsonObject, where: string): PreTokenizer {
  const addSpace = flagOf(config, 'add_prefix_space', where, true);
  const words = flagOf(config, 'use_regex', where, true) ? matches(GPT2_WORD) : (text: string) => [text];
  return (text, first) => words(addSpace && !text.startsWith(' ') ? ` ${text}` : text, first).map(byteAlphabet);
}

/** SentencePiece's marker for a space; `first` of `prepend_scheme` adds it only where the piece begins the text. */
function metaspace(config: JsonObject, where: string): PreTokenizer {
  const mark = textOf(config, 'replacement', where, '▁');
  const scheme = config['add_prefix_space'] === false ? 'never' : textOf(config, 'prepend_scheme', where, 'always');
  if (!['always', 'first', 'never'].includes(scheme)) throw malformed(`${where}.prepend_scheme`, 'always, first or never');
  const cut = flagOf(config, 'split', where, true);
  return (input, first) => {
    const marked = input.replaceAll(' ', mark);
    const wanted = scheme === 'always' || (scheme === 'first' && first);
    const text = wanted && !marked.startsWith(mark) ? mark + marked : marked;
    return cut ? splitBefore(text, mark) : [text];
  };
}

/** Words that each begin with `mark`; a run of marks gives one word for each, and only the last of them takes the text that follows. */
function splitBefore(text: string, mark: string): string[] {
  const words: string[] = [];
  let start = 0;
  for (let at = text.indexOf(mark, 1); at >= 0; at = text.indexOf(mark, at + mark.length)) {
    words.push(text.slice(start, at));
    start = at;
  }
  if (start < text.length) words.push(text.slice(start));
  return words;
}

async function patternSplit(config: JsonObject, where: string): Promise<PreTokenizer> {
  const pattern = await loadPattern(config['pattern'], `${where}.pattern`);
  const behavior = behaviorOf(config, where);
  const invert = flagOf(config, 'invert', where, false);
  return (text) => split(text, pattern, behavior, invert);
}

function punctuation(config: JsonObject, where: string): PreTokenizer {
  const behavior = behaviorOf(config, where, 'Isolated');
  return (text) => split(text, PUNCTUATION_SIGN, behavior);
}

function digits(config: JsonObject, where: string): PreTokenizer {
  const pattern = flagOf(config, 'individual_digits', where, false) ? NUMBER : NUMBERS;
  return (text) => split(text, pattern, 'Isolated');
}

function delimiter(config: JsonObject, where: string): PreTokenizer {
  const character = textOf(config, 'delimiter', where);
  return (text) => text.split(character).filter((word) => word !== '');
}

function fixedLength(config: JsonObject, where: string): PreTokenizer {
  const length = integerOf(config, 'length', where, 5);
  if (length < 1) throw malformed(`${where}.length`, 'at least 1');
  return (text) => {
    const characters = [...text];
    return Array.from({ length: Math.ceil(characters.length / length) }, (_, index) =>
      characters.slice(index * length, (index + 1) * length).join(''),
    );
  };
}

async function sequence(config: JsonObject, where: string): Promise<PreTokenizer> {
  const list = arrayAt(config['pretokenizers'], `${where}.pretokenizers`);
  const steps = await Promise.all(list.map((step, index) => createPreTokenizer(step, `${where}.pretokenizers[${index}]`)));
  return (input, first) =>
    steps.reduce<readonly string[]>(
      // A word begins the text if it is the first one and nothing was removed before it.
      (words, step) => words.flatMap((word, index) => step(word, first && index === 0 && input.startsWith(word))),
      [input],
    );
}

const BUILDERS: Readonly<Record<string, Build>> = {
  BertPreTokenizer: () => matches(BERT_WORD),
  ByteLevel: byteLevel,
  Metaspace: metaspace,
  Split: patternSplit,
  Whitespace: () => matches(WORD_OR_SIGNS),
  WhitespaceSplit: () => (text) => split(text, WHITE_SPACE, 'Removed'),
  Punctuation: punctuation,
  Digits: digits,
  CharDelimiterSplit: delimiter,
  FixedLength: fixedLength,
  Sequence: sequence,
};

/** Builds the `pre_tokenizer` of a tokenizer.json; null gives the text as one word. Throws `model_unsupported` for an unknown type. */
export async function createPreTokenizer(value: unknown, where = 'pre_tokenizer'): Promise<PreTokenizer> {
  if (value === null || value === undefined) return (text) => [text];
  const config = objectAt(value, where);
  const type = textOf(config, 'type', where);
  const build = BUILDERS[type];
  if (build === undefined) throw unsupported(`the pre-tokenizer "${type}"`);
  return build(config, where);
}
