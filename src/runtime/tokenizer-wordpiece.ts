import { integerOf, type JsonObject, malformed, textOf } from './tokenizer-json.ts';
import type { Vocabulary } from './tokenizer-vocabulary.ts';

/** Appends the ids of one pre-tokenized word. */
export type WordModel = (word: string, ids: number[]) => void;

/** True where `text` holds more than `limit` code points; looks at no more than it must. */
function longerThan(text: string, limit: number): boolean {
  if (text.length <= limit) return false;
  if (text.length > 2 * limit) return true;
  return [...text].length > limit;
}

/**
 * WordPiece: the longest vocabulary entry from the left, then the longest continuation, and so on; a word that cannot be
 * covered, or is too long, is one unknown token. Splitting a surrogate pair is harmless: no vocabulary entry holds half of one.
 */
export function createWordPiece(config: JsonObject, vocabulary: Vocabulary): WordModel {
  const unknown = vocabulary.idOf(textOf(config, 'unk_token', 'model', '[UNK]'));
  if (unknown === undefined) throw malformed('model.unk_token', 'a token of the vocabulary');
  const continuation = textOf(config, 'continuing_subword_prefix', 'model', '##');
  const limit = integerOf(config, 'max_input_chars_per_word', 'model', 100);

  const longestPiece = (word: string, start: number): [id: number, end: number] | undefined => {
    for (let end = word.length; end > start; end--) {
      const piece = word.slice(start, end);
      const id = vocabulary.idOf(start === 0 ? piece : continuation + piece);
      if (id !== undefined) return [id, end];
    }
    return undefined;
  };

  return (word, ids) => {
    const before = ids.length;
    for (let start = 0; start < word.length; ) {
      const piece = longerThan(word, limit) ? undefined : longestPiece(word, start);
      if (piece === undefined) {
        ids.length = before;
        ids.push(unknown);
        return;
      }
      ids.push(piece[0]);
      start = piece[1];
    }
  };
}

/** WordLevel: each word is one token, or the unknown one. */
export function createWordLevel(config: JsonObject, vocabulary: Vocabulary): WordModel {
  const unknown = vocabulary.idOf(textOf(config, 'unk_token', 'model', '<unk>'));
  return (word, ids) => {
    const id = vocabulary.idOf(word) ?? unknown;
    if (id !== undefined) ids.push(id);
  };
}
