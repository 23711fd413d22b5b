import { arrayAt, flagOf, integerOf, objectAt, textOf } from './tokenizer-json.ts';
import type { Normalizer } from './tokenizer-normalize.ts';
import { isWhiteSpace } from './tokenizer-unicode.ts';
import type { Vocabulary } from './tokenizer-vocabulary.ts';

/** A token that is recognised in the text itself, before the model sees the rest. Fields as in tokenizer.json. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Only where no letter or digit touches it. */
  readonly singleWord: boolean;
  /** Takes the white space before it along. */
  readonly lstrip: boolean;
  /** Takes the white space after it along. */
  readonly rstrip: boolean;
  /** Is looked for in the normalised text instead of in the original. */
  readonly normalized: boolean;
  readonly special: boolean;
}

/** Reads `added_tokens` of a tokenizer.json; a token that the vocabulary holds keeps the vocabulary's id, as in the reference. */
export function readAddedTokens(value: unknown, vocabulary: Vocabulary): readonly AddedToken[] {
  const tokens = new Map<string, AddedToken>();
  arrayAt(value ?? [], 'added_tokens').forEach((entry, index) => {
    const where = `added_tokens[${index}]`;
    const json = objectAt(entry, where);
    const content = textOf(json, 'content', where);
    if (content === '' || tokens.has(content)) return;
    const special = flagOf(json, 'special', where, false);
    tokens.set(content, {
      id: vocabulary.idOf(content) ?? integerOf(json, 'id', where),
      content,
      singleWord: flagOf(json, 'single_word', where, false),
      lstrip: flagOf(json, 'lstrip', where, false),
      rstrip: flagOf(json, 'rstrip', where, false),
      normalized: flagOf(json, 'normalized', where, !special),
      special,
    });
  });
  return [...tokens.values()];
}

const WORD_BEFORE = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const WORD_AFTER = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

/** Finds the leftmost, longest added tokens of a text. */
class TokenMatcher {
  readonly #tokens = new Map<string, AddedToken>();
  /** Lengths that occur for each first UTF-16 unit, longest first. */
  readonly #lengths = new Map<number, number[]>();
  /** 1 for an ASCII unit that begins a token; keeps the scan of plain text cheap. */
  readonly #begins = new Uint8Array(0x80);

  constructor(tokens: readonly AddedToken[], patternOf: (token: AddedToken) => string) {
    for (const token of tokens) {
      const pattern = patternOf(token);
      if (pattern === '' || this.#tokens.has(pattern)) continue;
      this.#tokens.set(pattern, token);
      const lengths = this.#lengths.get(pattern.charCodeAt(0)) ?? [];
      if (!lengths.includes(pattern.length)) lengths.push(pattern.length);
      lengths.sort((a, b) => b - a);
      this.#lengths.set(pattern.charCodeAt(0), lengths);
      if (pattern.charCodeAt(0) < 0x80) this.#begins[pattern.charCodeAt(0)] = 1;
    }
  }

  /** Hands the pieces between the tokens and the tokens themselves over, in order; `start` is the place of a piece in `text`. */
  split(text: string, onText: (piece: string, start: number) => void, onToken: (token: AddedToken) => void): void {
    let done = 0;
    const begins = this.#begins;
    for (let at = this.#lengths.size === 0 ? text.length : 0; at < text.length; ) {
      const unit = text.charCodeAt(at);
      const token = unit < 0x80 && begins[unit] === 0 ? undefined : this.#matchAt(text, at);
      if (token === undefined) {
        at++;
        continue;
      }
      const end = at + token.length;
      if (!token.found.singleWord || standsAlone(text, at, end)) {
        const start = token.found.lstrip ? Math.max(spaceBefore(text, at), done) : at;
        if (done < start) onText(text.slice(done, start), done);
        onToken(token.found);
        done = token.found.rstrip ? spaceAfter(text, end) : end;
      }
      at = end;
    }
    if (done < text.length) onText(done === 0 ? text : text.slice(done), done);
  }

  #matchAt(text: string, at: number): { found: AddedToken; length: number } | undefined {
    const lengths = this.#lengths.get(text.charCodeAt(at));
    if (lengths === undefined) return undefined;
    for (const length of lengths) {
      const found = at + length <= text.length ? this.#tokens.get(text.slice(at, at + length)) : undefined;
      if (found !== undefined) return { found, length };
    }
    return undefined;
  }
}

function standsAlone(text: string, start: number, end: number): boolean {
  return !WORD_BEFORE.test(text.slice(Math.max(0, start - 2), start)) && !WORD_AFTER.test(text.slice(end, end + 2));
}

function spaceBefore(text: string, at: number): number {
  let start = at;
  while (start > 0 && isWhiteSpace(text.charCodeAt(start - 1))) start--;
  return start;
}

function spaceAfter(text: string, at: number): number {
  let end = at;
  while (end < text.length && isWhiteSpace(text.charCodeAt(end))) end++;
  return end;
}

/**
 * Cuts a text at its added tokens: first those of the original text, then, in what is left and normalised, the others.
 * Special tokens that a text spells out are recognised too, as Hugging Face's libraries do for embeddings.
 */
export class AddedTokenSplitter {
  readonly #original: TokenMatcher;
  readonly #afterNormalizing: TokenMatcher;
  readonly #normalize: Normalizer;

  constructor(tokens: readonly AddedToken[], normalize: Normalizer) {
    this.#normalize = normalize;
    this.#original = new TokenMatcher(
      tokens.filter((token) => !token.normalized),
      (token) => token.content,
    );
    this.#afterNormalizing = new TokenMatcher(
      tokens.filter((token) => token.normalized),
      (token) => normalize(token.content),
    );
  }

  /** Normalised pieces (`first` where a piece begins the text) and ids of added tokens, in order; `begins` is false for a later chunk. */
  split(text: string, begins: boolean, onText: (piece: string, first: boolean) => void, onId: (id: number) => void): void {
    const onToken = (token: AddedToken) => onId(token.id);
    this.#original.split(
      text,
      (section, start) =>
        this.#afterNormalizing.split(this.#normalize(section), (piece, at) => onText(piece, begins && start + at === 0), onToken),
      onToken,
    );
  }
}
