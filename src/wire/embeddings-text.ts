import { encodeVector } from './base64.ts';
import type { EmbeddingsExtension } from './embeddings.ts';

/** Everything an embeddings answer says; `vectors` in the order of the inputs. */
export interface EmbeddingsAnswer {
  /** The model as it was asked for. */
  readonly model: string;
  readonly format: 'float' | 'base64';
  readonly vectors: readonly Float32Array[];
  readonly promptTokens: number;
  readonly extension: EmbeddingsExtension;
}

// About a millisecond of work a slice; base64 costs some fifty times less a number than decimal text.
const NUMBERS_A_SLICE = { float: 8_192, base64: 524_288 } as const;

/**
 * The JSON text of an answer in slices; joined they are the whole body. The caller may do other work between two slices, so that an
 * answer of a million numbers does not hold the event loop up. Decimal text parses back to exactly the same float32.
 */
export function* embeddingsText(answer: EmbeddingsAnswer): Generator<string> {
  const limit = NUMBERS_A_SLICE[answer.format];
  let slice = '{"object":"list","data":[';
  let numbers = 0;
  for (const [index, vector] of answer.vectors.entries()) {
    slice += `${index === 0 ? '' : ','}{"object":"embedding","index":${index},"embedding":${vectorText(vector, answer.format)}}`;
    numbers += vector.length;
    if (numbers < limit) continue;
    yield slice;
    slice = '';
    numbers = 0;
  }
  yield `${slice}]${tail(answer)}`;
}

function vectorText(vector: Float32Array, format: 'float' | 'base64'): string {
  return format === 'base64' ? `"${encodeVector(vector)}"` : JSON.stringify(Array.from(vector));
}

function tail(answer: EmbeddingsAnswer): string {
  const usage = { prompt_tokens: answer.promptTokens, total_tokens: answer.promptTokens };
  return `,"model":${JSON.stringify(answer.model)},"usage":${JSON.stringify(usage)},"locallite":${JSON.stringify(answer.extension)}}`;
}
