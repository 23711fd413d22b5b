import { startHelper } from './helper-process.mjs';
import { sum } from './statistics.mjs';

export const BATCH_SIZES = [1, 8, 32, 64];

/** The yardstick: as many one-thread processes as cores, doing nothing but inference on texts that were tokenised and sorted before. */
export async function startBareLoop(model, ids, cores) {
  const helpers = Array.from({ length: cores }, () => startHelper('./bare-process.mjs'));
  const askAll = (task, argument) => Promise.all(helpers.map((helper, part) => helper.ask(task, argument(part))));
  try {
    await askAll('load', () => model);
    await askAll('setTexts', (part) => ({ ids, part, parts: cores }));
  } catch (error) {
    for (const helper of helpers) helper.stop();
    throw error;
  }
  return {
    /** Texts and tokens a second of all processes together, over the whole list in batches of `size`. */
    async pass(size) {
      const parts = await askAll('pass', () => ({ size }));
      return {
        texts: sum(parts.map((part) => (part.texts / part.ms) * 1000)),
        tokens: sum(parts.map((part) => (part.tokens / part.ms) * 1000)),
      };
    },
    /** Milliseconds of single texts in one process while the others rest. */
    oneByOne: (count) => helpers[0].ask('oneByOne', { count }),
    /** Vectors of the first `count` texts, each on its own. */
    vectors: (count) => helpers[0].ask('vectors', { count }),
    stop() {
      for (const helper of helpers) helper.stop();
    },
  };
}
