import { malformed, objectAt } from './tokenizer-json.ts';

/**
 * Token strings and their ids, both ways. Ids may have holes. Tokens that are recognised in the text itself and that the model does not
 * hold have ids too, but a model must not find them inside a word.
 */
export class Vocabulary {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #added = new Map<number, string>();
  #tokens: (string | undefined)[] | undefined;
  #size = 0;

  constructor(ids: ReadonlyMap<string, number>) {
    this.#ids = ids;
    for (const id of ids.values()) this.#size = Math.max(this.#size, id + 1);
  }

  /** Largest id + 1. */
  get size(): number {
    return this.#size;
  }

  /** Id of a token of the model. */
  idOf(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** Token of an id, added ones included; undefined for an id that no token has. */
  tokenOf(id: number): string | undefined {
    // Built on first use: most embedding models never decode.
    this.#tokens ??= this.#byId();
    return this.#tokens[id];
  }

  /** Gives an id to a token that the model does not hold. */
  add(token: string, id: number): void {
    this.#added.set(id, token);
    this.#size = Math.max(this.#size, id + 1);
    this.#tokens = undefined;
  }

  #byId(): (string | undefined)[] {
    const tokens = new Array<string | undefined>(this.#size).fill(undefined);
    for (const [token, id] of this.#ids) tokens[id] = token;
    for (const [id, token] of this.#added) tokens[id] = token;
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
