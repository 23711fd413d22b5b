import { malformed } from './tokenizer-json.ts';

// What can share a user-perceived character with a neighbour; any other text is handled one code point at a time.
const MAY_CLUSTER = /[\p{M}\p{Cf}\p{Emoji_Modifier}\p{Regional_Indicator}\u0e33\u0eb3\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb]|\r\n/u;
/** Longer user-perceived characters are never looked up as a whole (bytes of UTF-8). */
const LONGEST_CLUSTER = 6;

/**
 * SentencePiece's character map: a double-array trie (Darts) from byte sequences to places in a block of NUL-terminated replacements.
 * Format of the file field: base64 of the trie's size in bytes (uint32, little endian), the trie's units (uint32), the block.
 */
class CharacterMap {
  readonly #units: Uint32Array;
  readonly #replacements: Buffer;

  constructor(base64: string) {
    const bytes = Buffer.from(base64, 'base64');
    const size = bytes.length < 4 ? -1 : bytes.readUInt32LE(0);
    if (size < 4 || size % 4 !== 0 || bytes.length < 4 + size) throw malformed('normalizer.precompiled_charsmap', 'a character map');
    this.#units = Uint32Array.from({ length: size / 4 }, (_, index) => bytes.readUInt32LE(4 + index * 4));
    this.#replacements = Buffer.from(bytes.subarray(4 + size));
  }

  /**
   * The replacement of a whole piece, undefined where there is none. As in the reference the *shortest* prefix that the trie holds
   * decides, and its replacement stands for the whole piece.
   */
  replacement(piece: string): string | undefined {
    const units = this.#units;
    let node = offsetOf(units[0] ?? 0);
    for (const byte of Buffer.from(piece, 'utf8')) {
      if (byte === 0) return undefined;
      node ^= byte;
      const unit = units[node] ?? 0;
      if ((unit & 0x8000_00ff) !== byte) return undefined;
      node ^= offsetOf(unit);
      if (((unit >>> 8) & 1) === 1) return this.#textAt((units[node] ?? 0) & 0x7fff_ffff);
    }
    return undefined;
  }

  #textAt(start: number): string {
    const end = this.#replacements.indexOf(0, start);
    return this.#replacements.toString('utf8', start, end < 0 ? undefined : end);
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

/** Builds the Precompiled normaliser of SentencePiece models from its base64 field; throws `model_load_failed` for a damaged map. */
export function createPrecompiled(base64: string): (text: string) => string {
  if (base64 === '') return (text) => text;
  const map = new CharacterMap(base64);
  const clusters = new Intl.Segmenter('en', { granularity: 'grapheme' });
  const known = new Map<string, string>();
  const byCodePoint = (text: string) => {
    let out = '';
    for (const character of text) {
      let replacement = known.get(character);
      if (replacement === undefined) {
        replacement = map.replacement(character) ?? character;
        known.set(character, replacement);
      }
      out += replacement;
    }
    return out;
  };
  return (text) => {
    if (!MAY_CLUSTER.test(text)) return byCodePoint(text);
    let out = '';
    for (const { segment } of clusters.segment(text)) {
      const whole = Buffer.byteLength(segment) < LONGEST_CLUSTER ? map.replacement(segment) : undefined;
      out += whole ?? byCodePoint(segment);
    }
    return out;
  };
}
