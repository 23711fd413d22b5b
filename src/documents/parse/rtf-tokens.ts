/** A piece of a file in Rich Text Format: a brace, a control word with its number, a control sign, or bytes of text as Latin-1 characters. */
export type RtfToken =
  | { readonly kind: 'open' }
  | { readonly kind: 'close' }
  | { readonly kind: 'word'; readonly word: string; readonly value: number | undefined }
  | { readonly kind: 'sign'; readonly sign: string }
  | { readonly kind: 'text'; readonly text: string };

const TOKEN = /\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([\da-f]{2})|\\([^a-z])|([{}])|[\r\n\0]+|([^\\{}\r\n\0]+)/giy;

/**
 * Cuts a file of Rich Text Format (1.9.1) into its pieces. Binary data (`\bin`) is passed over, whatever its length says.
 * @param source the bytes as Latin-1 characters
 */
export function* rtfTokens(source: string): Generator<RtfToken> {
  const pattern = new RegExp(TOKEN);
  for (let found = pattern.exec(source); found !== null; found = pattern.exec(source)) {
    const [, word, number, hex, sign, brace, text] = found;
    if (text !== undefined) yield { kind: 'text', text };
    else if (brace !== undefined) yield brace === '{' ? { kind: 'open' } : { kind: 'close' };
    else if (hex !== undefined) yield { kind: 'text', text: String.fromCharCode(Number.parseInt(hex, 16)) };
    else if (sign !== undefined) yield { kind: 'sign', sign };
    else if (word !== undefined) {
      const value = number === undefined ? undefined : Number(number);
      if (word === 'bin') pattern.lastIndex = Math.min(source.length, pattern.lastIndex + Math.max(0, value ?? 0));
      else yield { kind: 'word', word, value };
    }
  }
}
