import { createRequire } from 'node:module';
import { LocalLiteError } from '../errors.ts';
import type { TokenSpan } from './tokenizer-types.ts';

type Library = typeof import('@anush008/tokenizers');
type Native = InstanceType<Library['Tokenizer']>;

function loadLibrary(): Library {
  try {
    return createRequire(import.meta.url)('@anush008/tokenizers');
  } catch (cause) {
    throw new LocalLiteError(
      'model_unsupported',
      `places of tokens in a text need the native tokenizer, which has no build for ${process.platform}-${process.arch} or is not installed`,
      { cause },
    );
  }
}

/** Hugging Face's own tokenizer library: gives offsets, and works outside the event loop. Costs some 15 MB, so it is loaded on demand. */
export class NativeTokenizer {
  readonly #tokenizer: Native;

  private constructor(tokenizer: Native) {
    this.#tokenizer = tokenizer;
  }

  /**
   * Reads a tokenizer.json; `specialTokens` are added to those of the file. Holds the event loop while it reads.
   * Throws `model_unsupported` where the library is not there, `model_load_failed` where it refuses the file.
   */
  static load(file: string, specialTokens: readonly string[]): NativeTokenizer {
    const { Tokenizer } = loadLibrary();
    try {
      const tokenizer = Tokenizer.fromFile(file);
      tokenizer.disableTruncation();
      tokenizer.disablePadding();
      if (specialTokens.length > 0) tokenizer.addSpecialTokens([...specialTokens]);
      return new NativeTokenizer(tokenizer);
    } catch (cause) {
      throw new LocalLiteError('model_load_failed', `the native tokenizer cannot read ${file}`, { cause });
    }
  }

  /** Ids of a well-formed text without the special tokens that frame it. */
  async contentIds(text: string): Promise<readonly number[]> {
    const encoding = await this.#tokenizer.encode(text, null, { addSpecialTokens: false });
    return encoding.getIds();
  }

  /** Tokens of a well-formed text with UTF-16 offsets. */
  async spans(text: string, addSpecialTokens: boolean): Promise<readonly TokenSpan[]> {
    const encoding = await this.#tokenizer.encode(text, null, { addSpecialTokens });
    const offsets = encoding.getOffsets();
    const tokens = encoding.getTokens();
    const place = utf16Places(text);
    return encoding.getIds().map((id, index) => {
      const [start = 0, end = 0] = offsets[index] ?? [];
      return { id, token: tokens[index] ?? '', start: place(start), end: place(end) };
    });
  }
}

/** The library counts code points, JavaScript UTF-16 units; they differ where a character lies outside the basic plane. */
function utf16Places(text: string): (codePoint: number) => number {
  if (!/[\ud800-\udbff]/.test(text)) return (codePoint) => codePoint;
  const places = new Uint32Array(text.length + 1);
  let count = 0;
  let unit = 0;
  for (const character of text) {
    places[count++] = unit;
    unit += character.length;
  }
  places[count] = unit;
  return (codePoint) => places[codePoint] ?? text.length;
}
