import { malformed, objectAt } from './tokenizer-json.ts';

/** Token strings and their ids, both ways. Ids may have holes. */
export class Vocabulary {
  readonly #ids: Map<string, number>;
  #tokens: (string | undefined)[] | undefined;
  #size = 0;

  /** Takes the map over; it must not be changed afterwards except through {@link add}. */
  constructor(ids: Map<string, number>) {
    this.#ids = ids;
    for (const id of ids.values()) this.#size = Math.max(this.#size, id + 1);
  }

  /** Largest id + 1. */
  get size(): number {
    return this.#size;
  }

  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** Token of an id, undefined for an id that no token has. */
  tokenOf(id: number): string | undefined {
    // Built on first use: most embedding models never decode.
    this.#tokens ??= this.#byId();
    return this.#tokens[id];
  }

  add(token: string, id: number): void {
    this.#ids.set(token, id);
    this.#size = Math.max(this.#size, id + 1);
    this.#tokens = undefined;
  }

  #byId(): (string | undefined)[] {
    const tokens = new Array<string | undefined>(this.#size).fill(undefined);
    for (const [token, id] of this.#ids) tokens[id] = token;
    return tokens;
  }
}

/** Reads a `vocab` object (token -> id); throws `model_load_failed` where an id is not a whole number from 0. */
export function readVocabulary(value: unknown, where: string): Vocabulary {
  const json = objectAt(value, where);
  const ids = new Map<string, number>();
  for (const token in json) {
    const id = json[token];
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > 0x7fff_ffff) throw malformed(`${where}["${token}"]`, 'an id');
    ids.set(token, id);
  }
  return new Vocabulary(ids);
}
