import type { EmbeddedTexts, Inference } from './inference.ts';

/** Texts of one request. Enough for full batches, little enough that a request in progress does not hold others up. */
const TEXTS = 64;
/** Requests in flight: one runs on each core while the next waits, so that no worker idles between two. */
const IN_FLIGHT = 4;

interface Waiting {
  readonly text: string;
  readonly settle: (vector: Float32Array) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Gathers the passages of many documents into requests of one size, so that the embedder is as busy with a thousand notes as with one book.
 * Passages are embedded in the order in which they come.
 */
export class EmbedFeeder {
  readonly #embed: (texts: readonly string[]) => Promise<EmbeddedTexts>;
  readonly #check: (made: EmbeddedTexts) => Promise<void>;
  readonly #waiting: Waiting[] = [];
  #running = 0;

  /** `check` refuses vectors that do not belong into the collection; its error fails their documents. */
  constructor(options: {
    readonly inference: Pick<Inference, 'embed'>;
    readonly model: string;
    readonly check: (made: EmbeddedTexts) => Promise<void>;
    readonly signal: AbortSignal;
  }) {
    const { model, signal } = options;
    this.#embed = (texts) => options.inference.embed(texts, { model, inputType: 'passage', priority: 'bulk', signal });
    this.#check = options.check;
  }

  /** Vectors in the order of the texts. */
  embed(texts: readonly string[]): Promise<readonly Float32Array[]> {
    const vectors = texts.map((text) => new Promise<Float32Array>((settle, fail) => this.#waiting.push({ text, settle, fail })));
    // Others that are ready in this turn share the request.
    setImmediate(() => this.#start());
    return Promise.all(vectors);
  }

  #start(): void {
    while (this.#running < IN_FLIGHT && this.#waiting.length > 0) {
      this.#running++;
      void this.#run(this.#waiting.splice(0, TEXTS));
    }
  }

  async #run(taken: readonly Waiting[]): Promise<void> {
    try {
      const made = await this.#embed(taken.map(({ text }) => text));
      await this.#check(made);
      for (const [index, { settle }] of taken.entries()) settle(made.vectors[index] ?? new Float32Array());
    } catch (error) {
      for (const { fail } of taken) fail(error);
    } finally {
      this.#running--;
      this.#start();
    }
  }
}
