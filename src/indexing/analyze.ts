import { stemmer } from 'stemmer';

/** Scripts that put no blanks between words: looked up by pairs of characters. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
/** Words, and identifiers such as `foo_bar`, `C++`, `3.14`, `don't`, which are found whole as well as by their parts. */
const WORD = /[\p{L}\p{N}\p{M}]+(?:[._'’@/-][\p{L}\p{N}\p{M}]+)*[+#]*/gu;
const PART = /[\p{L}\p{N}\p{M}]+/gu;
/** Longer ones are noise (encoded data), and cost memory. */
const LONGEST = 64;
/** Stems of frequent words; text repeats itself. */
const stems = new Map<string, string>();
const MOST_STEMS = 50_000;

/**
 * Terms of a text in their order, as they stand in the index: lower case, without diacritics, English words by their stem (Porter's), words
 * of scripts without blanks as pairs of characters.
 */
export function analyze(text: string): string[] {
  const terms: string[] = [];
  for (const [word] of text.matchAll(WORD)) {
    const parts = word.match(PART) ?? [];
    for (const part of parts) addPart(part, terms);
    if (parts.length > 1 || parts[0]?.length !== word.length) addWhole(word, terms);
  }
  return terms;
}

function addPart(part: string, terms: string[]): void {
  const folded = fold(part);
  if (UNSPACED.test(folded)) addPairs(folded, terms);
  else if (folded !== '' && folded.length <= LONGEST) terms.push(stem(folded));
}

/** `don't` is `don` and `t` by its parts, which find nothing; an identifier is worth a term of its own. */
function addWhole(word: string, terms: string[]): void {
  const folded = fold(word).replaceAll('’', "'");
  if (folded.length <= LONGEST) terms.push(folded);
}

function addPairs(text: string, terms: string[]): void {
  const characters = [...text];
  if (characters.length === 1) terms.push(text);
  for (let index = 1; index < characters.length; index++) terms.push(`${characters[index - 1]}${characters[index]}`);
}

function fold(word: string): string {
  // Most words are plain already, and normalising them costs more than all the rest.
  return /^[\x21-\x7e]*$/.test(word) ? word.toLowerCase() : word.normalize('NFKD').replaceAll(/\p{M}/gu, '').toLowerCase();
}

function stem(word: string): string {
  if (!/^[a-z]+$/.test(word)) return word;
  const known = stems.get(word);
  if (known !== undefined) return known;
  if (stems.size >= MOST_STEMS) stems.clear();
  const found = stemmer(word);
  stems.set(word, found);
  return found;
}
