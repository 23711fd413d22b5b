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
  const { SplitPreTokenizer } = await import('@huggingface/tokenizers');
  try {
    const { pattern } = new SplitPreTokenizer({ type: 'Split', pattern: { Regex: source }, behavior: 'Isolated', invert: false });
    if (pattern !== null) return pattern;
  } catch {
    // Reported below with the pattern itself.
  }
  throw unsupported(`the regular expression ${source}`);
}
