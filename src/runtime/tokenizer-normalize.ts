import { byteAlphabet } from './tokenizer-bytes.ts';
import { arrayAt, flagOf, type JsonObject, objectAt, textOf, unsupported } from './tokenizer-json.ts';
import { loadPattern } from './tokenizer-pattern.ts';
import { createPrecompiled } from './tokenizer-precompiled.ts';
import {
  CHINESE,
  COMBINING_MARK,
  DROPPED_BY_BERT,
  DROPPED_BY_NMT,
  isWhiteSpace,
  lowerCase,
  NONSPACING_MARK,
  SPACE_TO_NMT,
} from './tokenizer-unicode.ts';

/** Rewrites a text before it is split; the text holds no lone surrogate. */
export type Normalizer = (text: string) => string;

type Build = (config: JsonObject, where: string) => Normalizer | Promise<Normalizer>;

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
const DROPPED = new RegExp(DROPPED_BY_BERT, 'gv');
const NONSPACING = new RegExp(NONSPACING_MARK, 'gv');
const COMBINING = new RegExp(COMBINING_MARK, 'gv');
const CHINESE_CHARACTER = new RegExp(CHINESE, 'gv');
const DROPPED_NMT = new RegExp(DROPPED_BY_NMT, 'gv');
const SPACE_NMT = new RegExp(SPACE_TO_NMT, 'gv');
const ANY_WHITE_SPACE = /\p{White_Space}/gu;
const LEADING_WHITE_SPACE = /^\p{White_Space}+/u;

/** The BERT normaliser: clean, set Chinese apart, strip accents, lower-case, in this order; accents follow `lowercase` where unset. */
function bert(config: JsonObject, where: string): Normalizer {
  const clean = flagOf(config, 'clean_text', where, true);
  const chinese = flagOf(config, 'handle_chinese_chars', where, true);
  const lower = flagOf(config, 'lowercase', where, true);
  const strip = flagOf(config, 'strip_accents', where, lower);
  return (input) => {
    if (PRINTABLE_ASCII.test(input)) return lower ? input.toLowerCase() : input;
    let text = input;
    if (clean) text = text.replace(DROPPED, '').replace(ANY_WHITE_SPACE, ' ');
    if (chinese) text = text.replace(CHINESE_CHARACTER, ' $& ');
    if (strip) text = text.normalize('NFD').replace(NONSPACING, '');
    return lower ? lowerCase(text) : text;
  };
}

function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isWhiteSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(0, end);
}

function strip(config: JsonObject, where: string): Normalizer {
  const left = flagOf(config, 'strip_left', where, true);
  const right = flagOf(config, 'strip_right', where, true);
  return (text) => {
    const start = left ? text.replace(LEADING_WHITE_SPACE, '') : text;
    return right ? trimEnd(start) : start;
  };
}

async function replace(config: JsonObject, where: string): Promise<Normalizer> {
  const pattern = await loadPattern(config['pattern'], `${where}.pattern`);
  const content = textOf(config, 'content', where);
  return (text) => (text === '' ? text : text.replace(pattern, () => content));
}

function prepend(config: JsonObject, where: string): Normalizer {
  const prefix = textOf(config, 'prepend', where);
  return (text) => (text === '' ? text : prefix + text);
}

/** SentencePiece's clean-up apart from its character map: controls go, odd spaces become a space. */
const nmt: Normalizer = (text) => text.replace(DROPPED_NMT, '').replace(SPACE_NMT, ' ');

const unicodeForm = (form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): Build => {
  return () => (text) => text.normalize(form);
};

async function sequence(config: JsonObject, where: string): Promise<Normalizer> {
  const list = arrayAt(config['normalizers'], `${where}.normalizers`);
  const steps = await Promise.all(list.map((step, index) => createNormalizer(step, `${where}.normalizers[${index}]`)));
  return (input) => steps.reduce((text, step) => step(text), input);
}

const BUILDERS: Readonly<Record<string, Build>> = {
  BertNormalizer: bert,
  Strip: strip,
  Replace: replace,
  Prepend: prepend,
  Nmt: () => nmt,
  NFC: unicodeForm('NFC'),
  NFD: unicodeForm('NFD'),
  NFKC: unicodeForm('NFKC'),
  NFKD: unicodeForm('NFKD'),
  Lowercase: () => lowerCase,
  StripAccents: () => (text) => text.replace(COMBINING, ''),
  Precompiled: (config, where) => createPrecompiled(textOf(config, 'precompiled_charsmap', where)),
  ByteLevel: () => byteAlphabet,
  Sequence: sequence,
};

/** Builds the `normalizer` of a tokenizer.json; null gives the identity. Throws `model_unsupported` for a type it does not know. */
export async function createNormalizer(value: unknown, where = 'normalizer'): Promise<Normalizer> {
  if (value === null || value === undefined) return (text) => text;
  const config = objectAt(value, where);
  const type = textOf(config, 'type', where);
  const build = BUILDERS[type];
  if (build === undefined) throw unsupported(`the normaliser "${type}"`);
  return build(config, where);
}
