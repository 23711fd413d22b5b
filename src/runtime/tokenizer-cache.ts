import type { WordModel } from './tokenizer-wordpiece.ts';

/** Words remembered at most: two generations of so many. */
const GENERATION = 8192;
/** Longer words are rare and would hold much memory. */
const LONGEST_WORD = 48;
/** V8 keeps short slices as copies, longer ones as views that hold their whole text in memory. */
const VIEW_LENGTH = 13;

/** A copy that shares no memory with the text that the word was cut from. */
function detached(word: string): string {
  return word.length < VIEW_LENGTH ? word : Buffer.from(word, 'utf16le').toString('utf16le');
}

/**
 * Remembers the ids of frequent words: natural text repeats them, and looking one up costs a tenth of computing it.
 * When one generation is full the one before it is forgotten.
 */
export function rememberWords(model: WordModel): WordModel {
  let recent = new Map<string, readonly number[]>();
  let older = new Map<string, readonly number[]>();
  const remember = (word: string, ids: readonly number[]) => {
    if (recent.size >= GENERATION) {
      older = recent;
      recent = new Map();
    }
    recent.set(detached(word), ids);
  };
  return (word, ids) => {
    if (word.length > LONGEST_WORD) return model(word, ids);
    let known = recent.get(word);
    if (known === undefined) {
      known = older.get(word);
      if (known === undefined) {
        const computed: number[] = [];
        model(word, computed);
        known = computed;
      }
      remember(word, known);
    }
    for (const id of known) ids.push(id);
  };
}
