import { BYTE_TOKENS, bytesOfToken } from './tokenizer-bytes.ts';
import { arrayAt, flagOf, integerOf, type JsonObject, objectAt, textOf, unsupported } from './tokenizer-json.ts';
import { loadPattern } from './tokenizer-pattern.ts';

/** Turns tokens into pieces of text; joined they are the text. */
export type Decoder = (tokens: readonly string[]) => readonly string[];

type Build = (config: JsonObject, where: string) => Decoder | Promise<Decoder>;

const lossy = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** Spaces that word-wise tokenizers put before signs and contractions. */
const SPACING: readonly (readonly [string, string])[] = [
  [' .', '.'],
  [' ?', '?'],
  [' !', '!'],
  [' ,', ','],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
];

/** Removes the spaces before English signs and contractions, as transformers does where `clean_up_tokenization_spaces` is set. */
export function tidySpaces(text: string): string {
  return SPACING.reduce((tidied, [from, to]) => tidied.replaceAll(from, to), text);
}

/** The clean-up of the WordPiece decoder, which sees one token at a time. */
function tidyToken(token: string): string {
  return tidySpaces(token).replaceAll(' do not', " don't");
}

function wordPiece(config: JsonObject, where: string): Decoder {
  const prefix = textOf(config, 'prefix', where, '##');
  const clean = flagOf(config, 'cleanup', where, true);
  return (tokens) =>
    tokens.map((token, index) => {
      const joined = token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
      const piece = index === 0 ? token : joined;
      return clean ? tidyToken(piece) : piece;
    });
}

const byteLevel: Decoder = (tokens) => [lossy.decode(Buffer.concat(tokens.map(bytesOfToken)))];

function metaspace(config: JsonObject, where: string): Decoder {
  const mark = textOf(config, 'replacement', where, '▁');
  const prepends = config['add_prefix_space'] !== false && textOf(config, 'prepend_scheme', where, 'always') !== 'never';
  return (tokens) => tokens.map((token, index) => token.replaceAll(mark, index === 0 && prepends ? '' : ' '));
}

function bpe(config: JsonObject, where: string): Decoder {
  const suffix = textOf(config, 'suffix', where, '</w>');
  return (tokens) => tokens.map((token, index) => token.replaceAll(suffix, index === tokens.length - 1 ? '' : ' '));
}

function decodeBytes(bytes: readonly number[]): string {
  try {
    return strict.decode(Uint8Array.from(bytes));
  } catch {
    return '\ufffd'.repeat(bytes.length);
  }
}

const byteOf: ReadonlyMap<string, number> = new Map(BYTE_TOKENS.map((token, byte) => [token.toLowerCase(), byte]));

const byteFallback: Decoder = (tokens) => {
  const pieces: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length > 0) pieces.push(decodeBytes(bytes));
    bytes = [];
  };
  for (const token of tokens) {
    const byte = byteOf.get(token.toLowerCase());
    if (byte !== undefined && token.startsWith('<0x')) bytes.push(byte);
    else {
      flush();
      pieces.push(token);
    }
  }
  flush();
  return pieces;
};

function strip(config: JsonObject, where: string): Decoder {
  const content = textOf(config, 'content', where);
  const start = integerOf(config, 'start', where, 0);
  const stop = integerOf(config, 'stop', where, 0);
  return (tokens) =>
    tokens.map((token) => {
      let from = 0;
      let to = token.length;
      while (from < start && from < to && token.charAt(from) === content) from++;
      while (token.length - to < stop && to > from && token.charAt(to - 1) === content) to--;
      return token.slice(from, to);
    });
}

async function replace(config: JsonObject, where: string): Promise<Decoder> {
  const pattern = await loadPattern(config['pattern'], `${where}.pattern`);
  const content = textOf(config, 'content', where);
  return (tokens) => tokens.map((token) => token.replace(pattern, () => content));
}

async function sequence(config: JsonObject, where: string): Promise<Decoder> {
  const list = arrayAt(config['decoders'], `${where}.decoders`);
  const steps = await Promise.all(list.map((step, index) => createDecoder(step, `${where}.decoders[${index}]`)));
  return (input) => steps.reduce((tokens, step) => step(tokens), input);
}

const BUILDERS: Readonly<Record<string, Build>> = {
  WordPiece: wordPiece,
  ByteLevel: () => byteLevel,
  Metaspace: metaspace,
  BPEDecoder: bpe,
  ByteFallback: () => byteFallback,
  Fuse: () => (tokens) => [tokens.join('')],
  Strip: strip,
  Replace: replace,
  Sequence: sequence,
};

/** Builds the `decoder` of a tokenizer.json; null joins the tokens with spaces. Throws `model_unsupported` for an unknown type. */
export async function createDecoder(value: unknown, where = 'decoder'): Promise<Decoder> {
  if (value === null || value === undefined) return (tokens) => [tokens.join(' ')];
  const config = objectAt(value, where);
  const type = textOf(config, 'type', where);
  const build = BUILDERS[type];
  if (build === undefined) throw unsupported(`the decoder "${type}"`);
  return build(config, where);
}
