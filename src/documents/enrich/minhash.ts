import { foldedWords } from './words.ts';

/** Words of a shingle. */
const SHINGLE = 3;
/** Numbers of a signature, one byte each. */
const BINS = 128;
/** Rows of signatures that must be the same for two to meet, and how many such rows there are. */
const ROWS = 4;
const BANDS = Math.floor(BINS / ROWS);
/** Scripts without blanks: each character counts as a word. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;

/** Numbers of all stretches of three words of a text (Broder, "On the resemblance and containment of documents", 1997). Empty without words. */
export function shinglesOf(text: string): ReadonlySet<number> {
  const words = units(text).map(numberOf);
  const shingles = new Set<number>();
  const last = Math.max(words.length === 0 ? 0 : 1, words.length - SHINGLE + 1);
  for (let at = 0; at < last; at++) {
    let number = 0;
    for (let index = at; index < Math.min(at + SHINGLE, words.length); index++) number = mix(Math.imul(number, 31) + (words[index] ?? 0));
    shingles.add(number >>> 0);
  }
  return shingles;
}

function units(text: string): readonly string[] {
  const words = foldedWords(text);
  return UNSPACED.test(text) ? words.flatMap((word) => (UNSPACED.test(word) ? [...word] : [word])) : words;
}

/** FNV-1a over UTF-16 units. */
function numberOf(word: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < word.length; index++) hash = Math.imul(hash ^ word.charCodeAt(index), 0x01000193);
  return mix(hash);
}

/** The last step of MurmurHash3: every bit depends on all. */
function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** Share of stretches that two texts have in common, 0 to 1 (Jaccard). */
export function resemblance(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  const [small, large] = a.size < b.size ? [a, b] : [b, a];
  if (small.size === 0) return 0;
  let common = 0;
  for (const shingle of small) if (large.has(shingle)) common++;
  return common / (a.size + b.size - common);
}

/**
 * Signature of a text from which {@link resemblance} can be estimated, hexadecimal; undefined for a text without words. One permutation
 * (Li, Owen and Zhang, 2012) with empty bins filled by optimal densification (Shrivastava, 2017), eight bits a bin (Li and König, 2010).
 */
export function signatureOf(shingles: ReadonlySet<number>): string | undefined {
  if (shingles.size === 0) return undefined;
  const least = new Float64Array(BINS).fill(Number.POSITIVE_INFINITY);
  for (const shingle of shingles) {
    const bin = shingle >>> 25;
    const value = mix(shingle ^ 0x9e3779b9) >>> 0;
    if (value < (least[bin] ?? 0)) least[bin] = value;
  }
  const bytes = Uint8Array.from({ length: BINS }, (_, bin) => mix((least[donorOf(bin, least)] ?? 0) | 0) & 0xff);
  return Buffer.from(bytes).toString('hex');
}

/** The bin itself, or a filled one that depends on nothing but which bins are filled. */
function donorOf(bin: number, least: Float64Array): number {
  let at = bin;
  for (let attempt = 1; least[at] === Number.POSITIVE_INFINITY; attempt++) at = mix(bin * 4096 + attempt) >>> 25;
  return at;
}

/** {@link resemblance} of the texts of two signatures, estimated: off by 0.04 about (standard deviation). */
export function estimate(a: string, b: string): number {
  if (a.length !== b.length || a === '') return 0;
  let same = 0;
  for (let at = 0; at < a.length; at += 2)
    if (a.charCodeAt(at) === b.charCodeAt(at) && a.charCodeAt(at + 1) === b.charCodeAt(at + 1)) same++;
  const share = same / (a.length / 2);
  // One in 256 is the same by chance.
  return Math.max(0, (share - 1 / 256) / (1 - 1 / 256));
}

/**
 * Numbers under which near copies meet: texts that resemble each other by 0.6 or more have one in common with a probability of 0.98 or more,
 * those of less than 0.1 hardly ever (1 - (1 - s⁴)³²; Indyk and Motwani, 1998). Whole numbers below 2³⁷.
 */
export function meetingPoints(signature: string): readonly number[] {
  return Array.from({ length: BANDS }, (_, band) => {
    const from = band * ROWS * 2;
    return band * 2 ** 32 + Number.parseInt(signature.slice(from, from + ROWS * 2), 16);
  });
}

/** From here on two texts count as near copies. */
export const NEAR_COPY = 0.6;
