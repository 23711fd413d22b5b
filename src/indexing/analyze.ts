/** Scripts that put no blanks between words (and Korean, whose words are sentences in small): looked up by pairs of characters. */
const PAIRED = ['Han', 'Hiragana', 'Katakana', 'Hangul', 'Thai', 'Lao', 'Khmer', 'Myanmar']
  .map((script) => `\\p{Script=${script}}`)
  .join('');
const PAIRED_START = new RegExp(`^[${PAIRED}]`, 'u');
/** Words, and identifiers such as `foo_bar`, `C++`, `3.14`, `a@b.org`, `e-mail`, which are found whole as well as by their parts. */
const WORD = /[\p{L}\p{N}\p{M}]+(?:[._'’@/-][\p{L}\p{N}\p{M}]+)*(?:[+#]+(?![\p{L}\p{N}]))?/gu;
const PART = new RegExp(`[${PAIRED}ー\\p{M}]+|(?:(?![${PAIRED}])[\\p{L}\\p{N}\\p{M}])+`, 'gu');
const PLAIN = /^[a-z]+$/;
/** Longer ones are noise (encoded data), and cost memory. */
const LONGEST = 64;

/** Words of a text. */
export interface Words {
  /** In their order: folded words, pairs of characters where a script puts no blanks. */
  readonly words: string[];
  /** Identifiers as a whole, and what else is worth finding besides the words; they have no place in the order. */
  readonly extras: string[];
}

/** Takes a text apart into lower-case words without diacritics, which are not stemmed yet. */
export function analyze(text: string): Words {
  const found: Words = { words: [], extras: [] };
  for (const match of text.match(WORD) ?? []) {
    const lower = match.toLowerCase();
    if (PLAIN.test(lower)) addPlain(match, lower, found);
    else addOther(match, found);
  }
  return found;
}

function addPlain(word: string, lower: string, { words, extras }: Words): void {
  if (lower.length <= LONGEST) words.push(lower);
  addHumps(word, extras);
}

/** `getUserName` is found by `user` too. */
function addHumps(word: string, extras: string[]): void {
  if (!/\p{Ll}\p{Lu}/u.test(word)) return;
  for (const hump of word.split(/(?<=\p{Ll})(?=\p{Lu})/u)) if (hump.length > 1 && hump.length <= LONGEST) extras.push(fold(hump));
}

function addOther(match: string, { words, extras }: Words): void {
  const parts = match.match(PART) ?? [];
  // `don't` and `l'homme`: single letters beside an apostrophe say nothing.
  const isElided = /['’]/.test(match);
  for (const part of parts) {
    const folded = fold(part);
    if (PAIRED_START.test(folded)) addPairs(folded, words);
    else if (folded !== '' && folded.length <= LONGEST && !(isElided && parts.length > 1 && folded.length === 1)) words.push(folded);
    addHumps(part, extras);
  }
  const whole = wholeOf(match);
  if (whole !== undefined && whole.length <= LONGEST) extras.push(whole);
}

/** What a word with signs in it is called as a whole: `e-mail` as `email` is, others as they are written. */
function wholeOf(match: string): string | undefined {
  if (/^[\p{L}\p{N}\p{M}]+$/u.test(match) || /['’]/.test(match)) return undefined;
  return fold(/[._@/+#]/.test(match) ? match : match.replaceAll('-', ''));
}

function addPairs(text: string, words: string[]): void {
  const characters = [...text];
  if (characters.length === 1) words.push(text);
  for (let index = 1; index < characters.length; index++) words.push(`${characters[index - 1]}${characters[index]}`);
}

/** Lower case without the marks that Latin and Greek letters carry; the Cyrillic short i and the vowel signs of other scripts stay. */
function fold(word: string): string {
  const lower = word.toLowerCase();
  if (/^[\x21-\x7e]*$/.test(lower)) return lower;
  return lower
    .normalize('NFKD')
    .replaceAll(/(?<!и)\u0306|[\u0300-\u0305\u0307-\u036f]/gu, '')
    .normalize('NFKC')
    .replaceAll('ß', 'ss');
}
