import type { LineText } from './ocr-types.ts';

/** The characters of a recognition network by class; class 0 is the blank. */
export type Alphabet = readonly string[];

/** The alphabet of `classes` classes over a dictionary: the blank before it, and a space behind it where one class is left. */
export function alphabetOf(dictionary: readonly string[], classes: number): Alphabet | undefined {
  const alphabet = ['', ...dictionary, ' '].slice(0, classes);
  return alphabet.length === classes && classes >= dictionary.length + 1 ? alphabet : undefined;
}

/**
 * Reads one line greedily (Graves et al. 2006): the best class of each step, repetitions joined, blanks dropped.
 * @param steps probabilities [steps, classes] from `offset` on
 */
export function decodeCtc(
  probabilities: Float32Array,
  { offset, steps, alphabet }: { readonly offset: number; readonly steps: number; readonly alphabet: Alphabet },
): LineText {
  const classes = alphabet.length;
  let text = '';
  let sum = 0;
  let count = 0;
  let before = 0;
  for (let step = 0; step < steps; step++) {
    const from = offset + step * classes;
    const best = largest(probabilities, from, from + classes) - from;
    if (best !== 0 && best !== before) {
      text += alphabet[best] ?? '';
      sum += probabilities[from + best] ?? 0;
      count++;
    }
    before = best;
  }
  const read = text.replace(/\s+/gu, ' ').trim();
  return { text: read, confidence: read === '' ? 0 : Math.min(1, sum / count) };
}

function largest(values: Float32Array, from: number, to: number): number {
  let best = from;
  let most = values[from] ?? 0;
  for (let at = from + 1; at < to; at++) {
    // Probabilities sum to one: nothing can be above more than half.
    if (most > 0.5) return best;
    const value = values[at] ?? 0;
    if (value > most) {
      most = value;
      best = at;
    }
  }
  return best;
}
