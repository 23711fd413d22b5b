import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { LocalLiteError } from '../errors.ts';
import { type AddedToken, AddedTokenSplitter, readAddedTokens } from './tokenizer-added.ts';
import { createBpe } from './tokenizer-bpe.ts';
import { rememberWords } from './tokenizer-cache.ts';
import { chunksOf, isLocal } from './tokenizer-chunks.ts';
import { createDecoder, type Decoder, tidySpaces } from './tokenizer-decode.ts';
import { checkLimit, type Frame, frameIds, readFrame } from './tokenizer-frame.ts';
import { isJsonObject, type JsonObject, malformed, objectAt, textOf, unsupported } from './tokenizer-json.ts';
import { NativeTokenizer } from './tokenizer-native.ts';
import { createNormalizer } from './tokenizer-normalize.ts';
import { framePair, type PairFrame, readPairFrame } from './tokenizer-pair.ts';
import { createPreTokenizer, type PreTokenizer } from './tokenizer-split.ts';
import type { Encoding, Tokenizer, TokenSpan } from './tokenizer-types.ts';
import { createUnigram, readUnigramPieces } from './tokenizer-unigram.ts';
import { readVocabulary, type Vocabulary } from './tokenizer-vocabulary.ts';
import { createWordLevel, createWordPiece, type WordModel } from './tokenizer-wordpiece.ts';

/** `encodeAsync` tokenizes a text of more UTF-16 units without holding the event loop. */
const LONG_TEXT = 32_768;

/** What the steps of one tokenizer.json were built into. */
interface Parts {
  readonly file: string;
  readonly vocabulary: Vocabulary;
  readonly splitter: AddedTokenSplitter;
  readonly preTokenize: PreTokenizer;
  readonly model: WordModel;
  readonly frame: Frame;
  /** The step that frames texts, for pairs: read when a pair is asked for, since most models never see one. */
  readonly postProcessor: unknown;
  /** Long texts may be cut into chunks. */
  readonly local: boolean;
  readonly decode: Decoder;
  /** English spacing is tidied after decoding. */
  readonly tidy: boolean;
  readonly specialIds: ReadonlySet<number>;
  /** Special tokens that only the files beside tokenizer.json name. */
  readonly extraSpecials: readonly string[];
}

type EncodeOptions = { readonly maxTokens?: number; readonly addSpecialTokens?: boolean };

class ExactTokenizer implements Tokenizer {
  readonly exact = true;
  readonly #parts: Parts;
  #native: NativeTokenizer | LocalLiteError | undefined;
  #pairFrame: PairFrame | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get vocabularySize(): number {
    return this.#parts.vocabulary.size;
  }

  encode(text: string, options: EncodeOptions = {}): Encoding {
    return frameIds(this.#contentIds(text), this.#parts.frame, options);
  }

  async encodeAsync(text: string, options: EncodeOptions = {}): Promise<Encoding> {
    if (text.length <= LONG_TEXT) return this.encode(text, options);
    return frameIds(await this.#longContentIds(text.toWellFormed()), this.#parts.frame, options);
  }

  async content(text: string): Promise<readonly number[]> {
    return text.length <= LONG_TEXT ? this.#contentIds(text) : this.#longContentIds(text.toWellFormed());
  }

  frame(content: readonly number[], options: { readonly maxTokens?: number } = {}): Encoding {
    return frameIds(content, this.#parts.frame, options);
  }

  async encodePair(query: string, passage: string, options: { readonly maxTokens?: number } = {}): Promise<Encoding> {
    return this.framePair(await this.content(query), await this.content(passage), options);
  }

  framePair(query: readonly number[], passage: readonly number[], options: { readonly maxTokens?: number } = {}): Encoding {
    return framePair(query, passage, this.#pairs(), options);
  }

  get pairSpecials(): number {
    return this.#pairs().specials;
  }

  idOf(token: string): number | undefined {
    return this.#parts.vocabulary.idOf(token);
  }

  isSpecial(id: number): boolean {
    return this.#parts.specialIds.has(id);
  }

  async spans(text: string, options: { readonly addSpecialTokens?: boolean } = {}): Promise<readonly TokenSpan[]> {
    const native = this.#nativeTokenizer();
    if (!(native instanceof NativeTokenizer)) throw native;
    return native.spans(text.toWellFormed(), options.addSpecialTokens ?? true);
  }

  fromIds(ids: readonly number[], options: { readonly maxTokens?: number } = {}): Encoding {
    checkLimit(options.maxTokens);
    this.#checkIds(ids);
    const kept = Math.min(ids.length, options.maxTokens ?? ids.length);
    const out = Int32Array.from(ids.slice(0, kept));
    const last = ids[ids.length - 1];
    if (kept > 0 && kept < ids.length && last !== undefined && this.#parts.specialIds.has(last)) out[kept - 1] = last;
    return { ids: out, typeIds: new Int32Array(kept), dropped: ids.length - kept };
  }

  decode(ids: readonly number[], options: { readonly skipSpecialTokens?: boolean } = {}): string {
    this.#checkIds(ids);
    const { vocabulary, specialIds, decode, tidy } = this.#parts;
    const wanted = options.skipSpecialTokens === true ? ids.filter((id) => !specialIds.has(id)) : ids;
    const tokens = wanted.map((id) => vocabulary.tokenOf(id)).filter((token) => token !== undefined);
    const text = decode(tokens).join('');
    return tidy ? tidySpaces(text) : text;
  }

  count(text: string): number {
    const { before, after } = this.#parts.frame;
    return before.length + this.#contentIds(text).length + after.length;
  }

  #contentIds(text: string): number[] {
    const ids: number[] = [];
    this.#append(text.isWellFormed() ? text : text.toWellFormed(), true, ids);
    return ids;
  }

  #append(text: string, begins: boolean, ids: number[]): void {
    const { splitter, preTokenize, model } = this.#parts;
    splitter.split(
      text,
      begins,
      (piece, first) => {
        for (const word of preTokenize(piece, first)) model(word, ids);
      },
      (id) => ids.push(id),
    );
  }

  /** In chunks that let other work pass between them; where a text cannot be cut, by the native library outside the event loop. */
  async #longContentIds(text: string): Promise<readonly number[]> {
    const chunks = chunksOf(text, this.#parts.local);
    if (chunks === undefined) {
      const native = this.#nativeTokenizer();
      return native instanceof NativeTokenizer ? native.contentIds(text) : this.#contentIds(text);
    }
    const ids: number[] = [];
    for (const [index, chunk] of chunks.entries()) {
      if (index > 0) await setImmediate();
      this.#append(chunk, index === 0, ids);
    }
    return ids;
  }

  #pairs(): PairFrame {
    this.#pairFrame ??= readPairFrame(this.#parts.postProcessor);
    return this.#pairFrame;
  }

  #checkIds(ids: readonly number[]): void {
    const size = this.#parts.vocabulary.size;
    ids.forEach((id, index) => {
      if (Number.isInteger(id) && id >= 0 && id < size) return;
      throw new LocalLiteError(
        'invalid_request',
        `token id at index ${index} is ${id}; ids of this model are whole numbers from 0 to ${size - 1}`,
      );
    });
  }

  /** Loads the native library once; a failure is remembered and handed back, so that only those who need the library report it. */
  #nativeTokenizer(): NativeTokenizer | LocalLiteError {
    if (this.#native === undefined) {
      try {
        this.#native = NativeTokenizer.load(this.#parts.file, this.#parts.extraSpecials);
      } catch (error) {
        this.#native = LocalLiteError.from(error, 'model_load_failed');
      }
    }
    return this.#native;
  }
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (isJsonObject(cause) && cause['code'] === 'ENOENT') return undefined;
    throw new LocalLiteError('model_load_failed', `cannot read ${file}`, { cause });
  }
}

async function readJson(file: string): Promise<JsonObject | undefined> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  try {
    return objectAt(JSON.parse(text), path.basename(file));
  } catch (cause) {
    throw new LocalLiteError('model_load_failed', `${file} is not a JSON object`, { cause });
  }
}

/** The vocabulary and the model that cuts a word into its tokens; caching pays for all but whole-word models. */
function readModel(value: unknown): { vocabulary: Vocabulary; model: WordModel } {
  const config = objectAt(value, 'model');
  const type = textOf(config, 'type', 'model', guessType(config));
  if (type === 'Unigram') {
    const pieces = readUnigramPieces(config['vocab']);
    return { vocabulary: pieces.vocabulary, model: rememberWords(createUnigram(config, pieces)) };
  }
  const vocabulary = readVocabulary(config['vocab'], 'model.vocab');
  if (type === 'WordPiece') return { vocabulary, model: rememberWords(createWordPiece(config, vocabulary)) };
  if (type === 'BPE') return { vocabulary, model: rememberWords(createBpe(config, vocabulary)) };
  if (type === 'WordLevel') return { vocabulary, model: createWordLevel(config, vocabulary) };
  throw unsupported(`the model "${type}"`);
}

/** Old files do not name the type of their model. */
function guessType(config: JsonObject): string {
  if (Array.isArray(config['vocab'])) return 'Unigram';
  if (Array.isArray(config['merges'])) return 'BPE';
  return 'continuing_subword_prefix' in config ? 'WordPiece' : 'WordLevel';
}

const SPECIAL_KEYS = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/** Special tokens that the files beside tokenizer.json name, that the vocabulary holds and tokenizer.json does not list. */
function extraSpecials(files: readonly (JsonObject | undefined)[], vocabulary: Vocabulary, added: readonly AddedToken[]): string[] {
  const found = new Set<string>();
  for (const file of files) {
    const list = file?.['additional_special_tokens'];
    const values = [...SPECIAL_KEYS.map((key) => file?.[key]), ...(Array.isArray(list) ? list : [])];
    for (const value of values) {
      const content: unknown = isJsonObject(value) ? value['content'] : value;
      if (typeof content === 'string' && content !== '' && vocabulary.idOf(content) !== undefined) found.add(content);
    }
  }
  for (const token of added) found.delete(token.content);
  return [...found];
}

function plainSpecial(content: string, vocabulary: Vocabulary): AddedToken {
  const id = vocabulary.idOf(content);
  if (id === undefined) throw malformed('special tokens', `in the vocabulary: ${content}`);
  return { id, content, singleWord: false, lstrip: false, rstrip: false, normalized: false, special: true };
}

/**
 * Loads the tokenizer of a model folder: tokenizer.json, and the special tokens that tokenizer_config.json and special_tokens_map.json
 * name. Truncation and padding inside tokenizer.json are ignored: limits come with each call.
 *
 * Special tokens that a text spells out ("[SEP]", "</s>") count as special tokens, as with Hugging Face's libraries. Lone surrogates
 * count as U+FFFD.
 *
 * Throws `model_load_failed` (no file, damaged file) or `model_unsupported` (a step this version does not know; the step is named).
 */
export async function loadTokenizer(directory: string): Promise<Tokenizer> {
  const file = path.join(directory, 'tokenizer.json');
  const [json, ...beside] = await Promise.all([
    readJson(file),
    readJson(path.join(directory, 'tokenizer_config.json')),
    readJson(path.join(directory, 'special_tokens_map.json')),
  ]);
  if (json === undefined) throw new LocalLiteError('model_load_failed', `${file} is not there; a tokenizer needs this file`);
  return new ExactTokenizer(await buildParts(file, json, beside));
}

async function buildParts(file: string, json: JsonObject, beside: readonly (JsonObject | undefined)[]): Promise<Parts> {
  const { vocabulary, model } = readModel(json['model']);
  const listed = readAddedTokens(json['added_tokens'], vocabulary);
  const extra = extraSpecials(beside, vocabulary, listed);
  const added = [...listed, ...extra.map((content) => plainSpecial(content, vocabulary))];
  for (const token of added) if (vocabulary.idOf(token.content) === undefined) vocabulary.add(token.content, token.id);
  const normalize = await createNormalizer(json['normalizer']);
  return {
    file,
    vocabulary,
    splitter: new AddedTokenSplitter(added, normalize),
    preTokenize: await createPreTokenizer(json['pre_tokenizer']),
    model,
    frame: readFrame(json['post_processor']),
    postProcessor: json['post_processor'],
    local: isLocal(json['normalizer'], json['pre_tokenizer'], added),
    decode: await createDecoder(json['decoder']),
    tidy: beside[0]?.['clean_up_tokenization_spaces'] === true,
    specialIds: new Set(added.filter((token) => token.special).map((token) => token.id)),
    extraSpecials: extra,
  };
}
