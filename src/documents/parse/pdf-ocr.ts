import type { PageReading } from './pdf-page.ts';

const FEW_LETTERS = 60;
const LARGE_IMAGE = 0.5;
const MANY_SHAPES = 60;
/** Share of letters without a meaning above which a text layer is of no use. */
const UNMAPPED = 0.3;
const LONG_WORD = 25;
const ENOUGH_WORDS = 200;
const FEWEST_TO_JUDGE = 150;

/** Why the text layer of a page cannot be all that stands on it, or undefined where it is fine (an empty page is fine too). */
export function textLayerFault({ facts, graphics, groups }: PageReading): string | undefined {
  const { letters, unmapped, invisible } = facts;
  if (letters === 0) return graphics.imageShare > 0.05 || graphics.shapes >= MANY_SHAPES ? 'has no text layer' : undefined;
  if (letters < FEW_LETTERS && graphics.imageShare >= LARGE_IMAGE && invisible < letters / 2) return 'has hardly any text beside an image';
  if (unmapped > UNMAPPED * letters) return 'has a text layer without the meaning of its letters';
  const words = groups[0]?.words.slice(0, ENOUGH_WORDS) ?? [];
  if (letters >= FEWEST_TO_JUDGE && isImprobable(words.map(({ text }) => text))) return 'has a text layer that is no text';
  return undefined;
}

/** Latin words without vowels, or without ends. Other scripts are not judged by their letters. */
function isImprobable(words: readonly string[]): boolean {
  const text = words.join('');
  const latin = text.match(/[a-z]/gi)?.length ?? 0;
  if (latin < FEWEST_TO_JUDGE || latin < 0.5 * text.length) return false;
  const vowels = text.match(/[aeiouy]/gi)?.length ?? 0;
  return vowels < 0.12 * latin || text.length > LONG_WORD * words.length;
}
