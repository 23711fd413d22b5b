import type { TextEmbedder } from '../engines/embedder-types.ts';
import type { EncoderInput } from '../engines/encoder-input.ts';
import { cosine } from '../engines/pooling.ts';
import { LocalLiteError } from '../errors.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import type { Engine, EngineRequest } from './engine-types.ts';

/** Quantised kernels round differently from one processor to the next; a wrong pooling or prompt is far below either. */
const SELF_TEST_FLOOR = { fp32: 0.999, other: 0.99 } as const;

/**
 * Runs the variant's golden texts with `embedder`, which must read texts as the card was shipped, and compares. Not done where the settings pool otherwise than the card: then the
 * recorded vectors are of another space.
 * @throws LocalLiteError model_load_failed when the numbers are off
 */
export async function runSelfTest({ model, card, telemetry }: EngineRequest, embedder: TextEmbedder): Promise<Engine['selfTest']> {
  const { golden, dtype, name } = model.variant;
  if (golden.length === 0) return undefined;
  if (card.pooling !== model.card.pooling) {
    telemetry.log.warn('self_test_skipped', {
      model: card.id,
      reason: `the settings pool by ${card.pooling}, the card by ${model.card.pooling}`,
    });
    return undefined;
  }
  const floor = dtype === 'fp32' ? SELF_TEST_FLOOR.fp32 : SELF_TEST_FLOOR.other;
  const cosines = await Promise.all(
    golden.map(async ({ text, inputType, vector }) => {
      // Prompts are only added where the golden vector was made with one.
      const { vectors } = await embedder.embed([text], { inputType, truncate: true, lane: 'bulk' });
      return vectors[0] === undefined ? 0 : cosine(vectors[0], decodeVector(vector));
    }),
  );
  const worstCosine = Math.min(...cosines);
  if (worstCosine >= floor) return { texts: golden.length, worstCosine };
  throw new LocalLiteError(
    'model_load_failed',
    `${card.id} (${name}) failed its self-test: cosine ${worstCosine.toFixed(4)} to its recorded vectors, at least ${floor} is needed. Run "locallite rm ${card.id}" and pull it again; if that does not help, choose another variant.`,
  );
}

/** A limit that the settings raised is tried once: a graph has only so many positions. @throws LocalLiteError model_load_failed */
export async function checkLength(
  { model, card }: EngineRequest,
  tokenizer: Tokenizer,
  runRow: (row: EncoderInput) => Promise<unknown>,
): Promise<void> {
  if (card.maxTokens <= model.card.maxTokens) return;
  const [id = 0] = tokenizer.encode('a').ids;
  const ids = new Int32Array(card.maxTokens).fill(id);
  await runRow({ ids, typeIds: new Int32Array(ids.length) }).catch((cause: unknown) => {
    throw new LocalLiteError(
      'model_load_failed',
      `models."${card.id}".max_tokens is ${card.maxTokens}, and the model could not run a text of that many tokens; its own limit is ${model.card.maxTokens}`,
      { cause },
    );
  });
}

function decodeVector(base64: string): Float32Array {
  const bytes = Uint8Array.from(Buffer.from(base64, 'base64'));
  return new Float32Array(bytes.buffer, 0, Math.floor(bytes.byteLength / 4));
}
