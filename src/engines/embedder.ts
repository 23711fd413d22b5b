import { LocalLiteError } from '../errors.ts';
import type { EncoderFacts } from '../models/card.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import type { Batcher } from './batcher.ts';
import { checkDimensions } from './dimensions.ts';
import type { Embedded, EmbedOptions, TextEmbedder, TextInput } from './embedder-types.ts';
import type { EncoderInput } from './encoder-input.ts';
import type { TextKind } from './encoder-protocol.ts';
import { cutDimensions } from './pooling.ts';
import { encodeInput, estimateTokens, promptFor, runTexts } from './text-run.ts';

/** The queues of one head, by what the texts are: the same one twice unless the graph is told. */
export type HeadBatchers<Out> = Readonly<Record<TextKind, Batcher<EncoderInput, Out>>>;

/** Turns texts into vectors with one model: prompt, tokens, queue, batch, cut. */
export class Embedder implements TextEmbedder {
  readonly #facts: EncoderFacts;
  readonly #tokenizer: Tokenizer;
  readonly #batchers: HeadBatchers<Float32Array>;

  constructor(options: { facts: EncoderFacts; tokenizer: Tokenizer; batchers: HeadBatchers<Float32Array> }) {
    if (!options.tokenizer.exact) throw new LocalLiteError('internal', 'an embedder needs the exact tokenizer of its model');
    this.#facts = options.facts;
    this.#tokenizer = options.tokenizer;
    this.#batchers = options.batchers;
  }

  async embed(inputs: readonly TextInput[], options: EmbedOptions): Promise<Embedded> {
    const { maxTokens, normalize, prompts } = this.#facts;
    const dimensions = checkDimensions(options.dimensions, this.#facts);
    const prompt = promptFor(inputs, options.inputType, prompts);
    const rules = { tokenizer: this.#tokenizer, maxTokens, prompt, truncate: options.truncate === true };
    const { results, ...run } = await runTexts(inputs, {
      batcher: this.#batchers[options.inputType ?? 'passage'],
      lane: options.lane,
      signal: options.signal,
      expectedTokens: estimateTokens(inputs, maxTokens),
      encode: (input, index) => encodeInput(input, index, rules),
    });
    const vectors = dimensions === undefined ? results : results.map((vector) => cutDimensions(vector, dimensions, normalize));
    return { vectors, ...run };
  }
}
