/** How like two texts are: F1 of their words, and of their pairs of neighbouring words, which tell of the order. */
export interface Similarity {
  readonly words: number;
  readonly pairs: number;
}

/** Compares what two texts say; mark-up of Markdown counts for nothing. */
export function textSimilarity(found: string, expected: string): Similarity {
  const [ours, theirs] = [wordsOf(found), wordsOf(expected)];
  return { words: common(ours, theirs), pairs: common(pairsOf(ours), pairsOf(theirs)) };
}

/** Words without mark-up; of Chinese and the like single signs. */
function wordsOf(text: string): readonly string[] {
  const plain = text
    .replaceAll(/<!--.*?-->/gs, ' ')
    .replaceAll(/\]\([^)]*\)/g, ' ')
    .replaceAll(/&(?:amp|lt|gt);/g, ' ')
    .normalize('NFKC')
    .toLowerCase();
  return plain.match(/\p{Script=Han}|[\p{L}\p{M}\p{N}]+/gu) ?? [];
}

function pairsOf(words: readonly string[]): readonly string[] {
  return words.slice(1).map((word, index) => `${words[index]} ${word}`);
}

function common(found: readonly string[], expected: readonly string[]): number {
  if (found.length + expected.length === 0) return 1;
  const left = new Map<string, number>();
  for (const word of expected) left.set(word, (left.get(word) ?? 0) + 1);
  let both = 0;
  for (const word of found) {
    const count = left.get(word) ?? 0;
    if (count > 0) both++;
    left.set(word, count - 1);
  }
  return (2 * both) / (found.length + expected.length);
}
