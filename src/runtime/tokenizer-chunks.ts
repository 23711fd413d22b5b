import { isJsonObject } from './tokenizer-json.ts';

/** UTF-16 units after which a place to cut is looked for; one chunk holds the event loop for a few milliseconds at most. */
const CHUNK = 16_384;
/** A longer stretch without such a place would hold the event loop for too long: some 0.1 s at this length. */
const LONGEST_CHUNK = 8 * CHUNK;
const PLACE = /[a-z] [a-z]/;

const LOCAL_NORMALIZERS = ['BertNormalizer', 'NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Precompiled', 'Nmt'];
/** How the patterns of the GPT-2, Llama 3, Qwen and o200k families spell a word: it takes the space before it along. */
const WORD_WITH_SPACE = ['| ?\\p{L}+', '[^\\r\\n\\p{L}\\p{N}]?'];
const CUTS_AT_SPACES = ['BertPreTokenizer', 'Whitespace', 'WhitespaceSplit'];

/**
 * True where a text may be cut before a space that stands between two letters from a to z, and its chunks tokenized one by one, with the
 * same result as the whole: every step must look at no more than the word at hand. Takes the fields of a tokenizer.json and the added
 * tokens; says no where it cannot know, as with a normaliser that adds a prefix or a split by a regular expression.
 */
export function isLocal(normalizer: unknown, preTokenizer: unknown, addedTokens: readonly { readonly content: string }[]): boolean {
  return localNormalizer(normalizer) && cutsAtSpaces(preTokenizer) && !addedTokens.some((token) => PLACE.test(token.content));
}

function localNormalizer(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  if (!isJsonObject(value)) return false;
  if (value['type'] === 'Sequence') return Array.isArray(value['normalizers']) && value['normalizers'].every(localNormalizer);
  if (value['type'] === 'Replace') return isRunOfSpaces(value['pattern']);
  return LOCAL_NORMALIZERS.some((type) => type === value['type']);
}

/** SentencePiece models join runs of spaces; no run reaches over a single space between letters. */
function isRunOfSpaces(pattern: unknown): boolean {
  return isJsonObject(pattern) && (pattern['Regex'] === ' {2,}' || pattern['String'] === '  ');
}

function cutsAtSpaces(value: unknown): boolean {
  if (!isJsonObject(value)) return false;
  if (value['type'] === 'Metaspace') return value['split'] !== false;
  if (value['type'] === 'ByteLevel') return value['use_regex'] !== false;
  if (value['type'] === 'Split') return takesSpaceBefore(value['pattern']);
  if (value['type'] !== 'Sequence') return CUTS_AT_SPACES.some((type) => type === value['type']);
  // The first step decides; the others see its words alone.
  const steps: unknown = value['pretokenizers'];
  return Array.isArray(steps) && cutsAtSpaces(steps[0]);
}

function takesSpaceBefore(pattern: unknown): boolean {
  const source: unknown = isJsonObject(pattern) ? pattern['Regex'] : undefined;
  return typeof source === 'string' && WORD_WITH_SPACE.some((word) => source.includes(word));
}

/**
 * Cuts a long text where its tokenizer allows that ({@link isLocal}). The chunks joined are the text. Undefined where one of them would
 * be too long to be tokenized in one go.
 */
export function chunksOf(text: string, local: boolean): readonly string[] | undefined {
  if (!local) return text.length <= LONGEST_CHUNK ? [text] : undefined;
  const chunks: string[] = [];
  let start = 0;
  while (text.length - start > 2 * CHUNK) {
    const window = text.slice(start + CHUNK, start + LONGEST_CHUNK);
    const found = window.search(PLACE);
    if (found < 0) {
      if (text.length - start > LONGEST_CHUNK) return undefined;
      break;
    }
    const end = start + CHUNK + found + 1;
    chunks.push(text.slice(start, end));
    start = end;
  }
  chunks.push(text.slice(start));
  return chunks;
}
