import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TermWeights } from '../engines/embedder-types.ts';
import { LocalLiteError } from '../errors.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';

/** Looking words up goes on for so many milliseconds before others get a turn. */
const TURN_MS = 8;

/** What each vector's vocabulary ids stand for; each id is looked up once. @throws LocalLiteError cancelled */
export async function termTexts(
  vectors: readonly TermWeights[],
  tokenizer: Pick<Tokenizer, 'decode'>,
  signal: AbortSignal | undefined,
): Promise<readonly (readonly string[])[]> {
  const known = new Map<number, string>();
  const textOf = (id: number): string => {
    const text = known.get(id) ?? tokenizer.decode([id], { skipSpecialTokens: false });
    known.set(id, text);
    return text;
  };
  const texts: string[][] = [];
  let turn = performance.now();
  for (const { indices } of vectors) {
    texts.push(Array.from(indices, textOf));
    if (performance.now() - turn < TURN_MS) continue;
    await nextTurn();
    if (signal?.aborted) throw new LocalLiteError('cancelled', 'the caller left before all terms were looked up');
    turn = performance.now();
  }
  return texts;
}
