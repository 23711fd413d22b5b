/**
 * The byte alphabet of byte-level BPE: each byte of a text in UTF-8 stands as one visible character, so that vocabularies hold no
 * spaces or controls. Bytes that are visible in Latin-1 stand for themselves, the others for U+0100 and up in order.
 */
const ALPHABET: readonly string[] = (() => {
  const visible = (byte: number) => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(visible(byte) ? byte : next++));
})();

const BYTE_OF: ReadonlyMap<string, number> = new Map(ALPHABET.map((character, byte) => [character, byte]));

const VISIBLE_ASCII = /^[\x21-\x7e]*$/;
const encoder = new TextEncoder();

/** A text in the byte alphabet, one character for each byte of its UTF-8 form. */
export function byteAlphabet(text: string): string {
  if (VISIBLE_ASCII.test(text)) return text;
  let out = '';
  for (const byte of encoder.encode(text)) out += ALPHABET[byte];
  return out;
}

/** The bytes that a token in the byte alphabet stands for; a token with any other character stands for its own UTF-8 bytes. */
export function bytesOfToken(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let index = 0; index < token.length; index++) {
    const byte = BYTE_OF.get(token.charAt(index));
    if (byte === undefined) return encoder.encode(token);
    bytes[index] = byte;
  }
  return bytes;
}

/** The tokens `<0x00>` to `<0xFF>` that byte-fallback vocabularies hold, by byte. */
export const BYTE_TOKENS: readonly string[] = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);
