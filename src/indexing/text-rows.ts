import { LANGUAGES, type Language } from './languages.ts';
import { WordLists } from './word-lists.ts';

/** Slots that were given up carry no chunk. */
const NOBODY = -1;
const LEAST_SHARE = 0.02;

/** What is known of each slot of a text index: its chunk, its language, its words in their order and what is found besides them. */
export class TextRows {
  #chunks = new Float64Array(1024);
  #lengths = new Int32Array(1024);
  #languages = new Uint8Array(1024);
  #count = 0;
  readonly #slots = new Map<number, number>();
  /** List 2n holds the words of slot n, list 2n + 1 the extras. */
  readonly #lists = new WordLists();
  readonly #perLanguage = new Map<Language, number>();
  #totalLength = 0;

  /** Slots that were ever taken. */
  get count(): number {
    return this.#count;
  }

  /** Chunks that are here. */
  get size(): number {
    return this.#slots.size;
  }

  /** Words of a slot on average; at least 1. */
  get averageLength(): number {
    return this.size === 0 ? 1 : Math.max(1, this.#totalLength / this.size);
  }

  get memoryBytes(): number {
    return this.#lists.memoryBytes + this.#chunks.length * 13 + this.size * 40;
  }

  /** Languages of the chunks that are here, the most frequent first; without those of so few that they may well be a mistake. */
  get languages(): readonly Language[] {
    return [...this.#perLanguage]
      .filter(([, count]) => count >= this.size * LEAST_SHARE)
      .sort((a, b) => b[1] - a[1])
      .map(([language]) => language);
  }

  slotOf(chunk: number): number | undefined {
    return this.#slots.get(chunk);
  }

  chunkAt(slot: number): number | undefined {
    const chunk = this.#chunks[slot] ?? NOBODY;
    return chunk === NOBODY ? undefined : chunk;
  }

  lengthAt(slot: number): number {
    return this.#lengths[slot] ?? 0;
  }

  languageAt(slot: number): Language {
    return LANGUAGES[this.#languages[slot] ?? 0] ?? 'none';
  }

  wordsAt(slot: number): readonly number[] {
    return this.#lists.read(2 * slot);
  }

  extrasAt(slot: number): readonly number[] {
    return this.#lists.read(2 * slot + 1);
  }

  add(
    chunk: number,
    language: Language,
    { words, extras }: { readonly words: readonly number[]; readonly extras: readonly number[] },
  ): number {
    if (this.#count === this.#chunks.length) this.#grow();
    const slot = this.#count++;
    this.#chunks[slot] = chunk;
    this.#lengths[slot] = words.length;
    this.#languages[slot] = LANGUAGES.indexOf(language);
    this.#slots.set(chunk, slot);
    this.#lists.add(words);
    this.#lists.add(extras);
    this.#tally(language, 1);
    this.#totalLength += words.length;
    return slot;
  }

  remove(slot: number): void {
    const chunk = this.chunkAt(slot);
    if (chunk === undefined) return;
    this.#slots.delete(chunk);
    this.#chunks[slot] = NOBODY;
    this.#tally(this.languageAt(slot), -1);
    this.#totalLength -= this.lengthAt(slot);
  }

  #tally(language: Language, by: number): void {
    const count = (this.#perLanguage.get(language) ?? 0) + by;
    if (count === 0) this.#perLanguage.delete(language);
    else this.#perLanguage.set(language, count);
  }

  #grow(): void {
    const length = this.#chunks.length * 2;
    const chunks = new Float64Array(length);
    const lengths = new Int32Array(length);
    const languages = new Uint8Array(length);
    chunks.set(this.#chunks);
    lengths.set(this.#lengths);
    languages.set(this.#languages);
    this.#chunks = chunks;
    this.#lengths = lengths;
    this.#languages = languages;
  }
}
