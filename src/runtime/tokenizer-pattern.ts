import { isJsonObject, malformed, unsupported } from './tokenizer-json.ts';

const SYNTAX = /[.*+?^${}()|[\]\\]/g;

/**
 * Compiles the `pattern` of a Split or Replace step into a global regular expression. Tokenizer files write Oniguruma syntax, which
 * @huggingface/tokenizers translates; that package is loaded only for the tokenizers that need it.
 */
export async function loadPattern(value: unknown, where: string): Promise<RegExp> {
  if (!isJsonObject(value)) throw malformed(where, '{"String": …} or {"Regex": …}');
  const literal = value['String'];
  if (typeof literal === 'string') return new RegExp(literal === '' ? '(?!)' : literal.replace(SYNTAX, '\\$&'), 'gu');
  const source = value['Regex'];
  if (typeof source !== 'string') throw malformed(where, '{"String": …} or {"Regex": …}');
  return translate(source);
}

/** The package's types do not resolve under Node's rules, so its one class is reached by name and its result is checked. */
async function translate(source: string): Promise<RegExp> {
  const library: object = await import('@huggingface/tokenizers');
  const splitter: unknown = Reflect.get(library, 'SplitPreTokenizer');
  try {
    if (typeof splitter === 'function') {
      const split: object = Reflect.construct(splitter, [
        { type: 'Split', pattern: { Regex: source }, behavior: 'Isolated', invert: false },
      ]);
      const pattern: unknown = Reflect.get(split, 'pattern');
      if (pattern instanceof RegExp) return pattern;
    }
  } catch {
    // Reported below with the pattern itself.
  }
  throw unsupported(`the regular expression ${source}`);
}
