import { LocalLiteError } from '../errors.ts';
import type { Tokenizer } from './tokenizer-types.ts';

/** A token of the usual vocabularies covers so many Latin letters, or digits, on average. */
const LETTERS = 5;
const DIGITS = 3;
/** Tokens that frame a text in most models. */
const SPECIAL = 2;
const PIECE = /(?<letters>\p{Script=Latin}+)|(?<digits>\p{Nd}+)|\P{White_Space}/gu;

function estimate(text: string): number {
  let tokens = SPECIAL;
  for (const { 0: piece, groups } of text.matchAll(PIECE)) {
    if (groups?.['letters'] !== undefined) tokens += Math.ceil(piece.length / LETTERS);
    else if (groups?.['digits'] !== undefined) tokens += Math.ceil(piece.length / DIGITS);
    else tokens += 1;
  }
  return tokens;
}

function refuse(): never {
  throw new LocalLiteError('model_load_failed', "the model's tokenizer is not there yet; until then tokens can only be estimated");
}

/**
 * A stand-in until a model's own tokenizer is there: `count` estimates (words and numbers by their length, any other character as a
 * token of its own), everything else throws `model_load_failed`. Never feed a model with it: `exact` is false.
 */
export function createFallbackTokenizer(): Tokenizer {
  return {
    exact: false,
    vocabularySize: 0,
    count: estimate,
    encode: refuse,
    encodeAsync: async () => refuse(),
    content: async () => refuse(),
    frame: refuse,
    encodePair: async () => refuse(),
    framePair: refuse,
    pairSpecials: 0,
    idOf: () => undefined,
    isSpecial: () => false,
    spans: async () => refuse(),
    fromIds: refuse,
    decode: refuse,
  };
}
