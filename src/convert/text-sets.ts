import { LocalLiteError } from '../errors.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import type { EncodedText } from './run-graph.ts';
import calibration from './texts/calibration.json' with { type: 'json' };
import heldOut from './texts/held-out.json' with { type: 'json' };

/** Texts of our own that a conversion runs: many languages and scripts, code, notes, odd inputs. */
export interface TextSets {
  /** What int8's ranges are taken from. */
  readonly calibration: readonly EncodedText[];
  /** What the finished graph is checked on; calibration never sees them. */
  readonly heldOut: readonly EncodedText[];
}

/** Texts that are joined into one of the long ones. */
const JOINED = 12;
/** Long texts are cut here: longer ones cost much and show nothing new. */
const LONGEST = 256;

/**
 * Both sets as ids of a model: each text by itself, and runs of neighbouring ones joined into long texts.
 * @param pairs two neighbouring texts a row, as a cross-encoder reads them
 */
export function encodeTextSets(tokenizer: Tokenizer, options: { readonly pairs: boolean; readonly maxTokens: number }): TextSets {
  const limit = { maxTokens: Math.min(options.maxTokens, LONGEST) };
  const encode = (texts: readonly string[]): readonly EncodedText[] => {
    const all = [...texts, ...joinedTexts(texts)];
    if (!options.pairs) return all.map((text) => tokenizer.encode(text, limit));
    return all.map((text, index) => pairOf(tokenizer, all[(index + 1) % all.length] ?? text, text, limit));
  };
  return { calibration: encode(calibration), heldOut: encode(heldOut) };
}

function joinedTexts(texts: readonly string[]): readonly string[] {
  return Array.from({ length: Math.floor(texts.length / JOINED) }, (_, index) =>
    texts.slice(index * JOINED, (index + 1) * JOINED).join(' '),
  );
}

/** A question and a passage; a question that fills the row by itself is cut in half. */
function pairOf(tokenizer: Tokenizer, query: string, passage: string, limit: { readonly maxTokens: number }): EncodedText {
  const ids = (text: string, most: number) => tokenizer.encode(text, { addSpecialTokens: false, maxTokens: Math.max(1, most) }).ids;
  const room = limit.maxTokens - tokenizer.pairSpecials;
  if (room < 2) throw new LocalLiteError('model_unsupported', `the model takes ${limit.maxTokens} tokens, too few for a pair of texts`);
  return tokenizer.framePair([...ids(query, Math.floor(room / 2))], [...ids(passage, room)], limit);
}
