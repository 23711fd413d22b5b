/** Where a text stops being JSON, counted from 1, and what is wrong there. */
export interface JsonFault {
  readonly line: number;
  readonly column: number;
  readonly problem: string;
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const SPACE = /[ \t\n\r]*/y;
// Control characters beyond the first 32 are allowed in strings; the scanner lets those pass one by one.
const PLAIN_CHARACTERS = /[^"\\\p{Cc}]*/uy;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/**
 * Finds the first place at which a text breaks the JSON grammar (RFC 8259). To be called when `JSON.parse` has refused the text:
 * its own message gives no position on every version of Node, and quotes the text. Undefined when the text is valid.
 */
export function findJsonFault(text: string): JsonFault | undefined {
  const scanner = new Scanner(text);
  const problem = scanner.scan();
  return problem === undefined ? undefined : { ...positionOf(text, scanner.at), problem };
}

function positionOf(text: string, at: number): { line: number; column: number } {
  const before = text.slice(0, at);
  return { line: before.split('\n').length, column: at - before.lastIndexOf('\n') };
}

type Expecting = 'value' | 'value or ]' | 'key' | 'key or }' | 'colon' | 'comma';

/** Walks the text with an explicit stack, so that deep nesting cannot overflow ours. */
class Scanner {
  at = 0;
  readonly #text: string;
  readonly #open: ('[' | '{')[] = [];
  #expecting: Expecting = 'value';

  constructor(text: string) {
    this.#text = text;
  }

  scan(): string | undefined {
    for (;;) {
      this.#skip(SPACE);
      if (this.#expecting === 'comma' && this.#open.length === 0) {
        return this.at === this.#text.length ? undefined : 'unexpected text after the end of the JSON value';
      }
      if (this.at === this.#text.length) return 'the text ends before the JSON value does';
      const problem = this.#step(this.#text.charAt(this.at));
      if (problem !== undefined) return problem;
    }
  }

  #step(character: string): string | undefined {
    switch (this.#expecting) {
      case 'value':
      case 'value or ]':
        return this.#value(character);
      case 'key':
      case 'key or }':
        if (character === '}' && this.#expecting === 'key or }') return this.#close();
        this.#expecting = 'colon';
        return character === '"' ? this.#string() : 'expected a property name in double quotes';
      case 'colon':
        if (character !== ':') return "expected ':' after a property name";
        this.#expecting = 'value';
        break;
      case 'comma':
        return this.#separator(character);
      default:
        return this.#expecting satisfies never;
    }
    this.at += 1;
    return undefined;
  }

  #value(character: string): string | undefined {
    if (character === ']' && this.#expecting === 'value or ]') return this.#close();
    if (character === '[' || character === '{') {
      this.#open.push(character);
      this.#expecting = character === '[' ? 'value or ]' : 'key or }';
      this.at += 1;
      return undefined;
    }
    this.#expecting = 'comma';
    if (character === '"') return this.#string();
    return this.#skip(NUMBER) || this.#skip(WORD) ? undefined : 'expected a JSON value';
  }

  #separator(character: string): string | undefined {
    const inArray = this.#open.at(-1) === '[';
    if (character === (inArray ? ']' : '}')) return this.#close();
    if (character !== ',') return `expected ',' or '${inArray ? ']' : '}'}'`;
    this.#expecting = inArray ? 'value' : 'key';
    this.at += 1;
    return undefined;
  }

  #close(): undefined {
    this.#open.pop();
    this.#expecting = 'comma';
    this.at += 1;
  }

  #string(): string | undefined {
    this.at += 1;
    for (;;) {
      this.#skip(PLAIN_CHARACTERS);
      const character = this.#text.charAt(this.at);
      if (character === '') return 'the text ends inside a string';
      if (character === '"') break;
      if (character < ' ') return 'a control character inside a string must be escaped';
      if (character !== '\\') this.at += 1;
      else if (!this.#skip(ESCAPE)) return 'not a valid escape sequence';
    }
    this.at += 1;
    return undefined;
  }

  /** Moves past what the (sticky) pattern matches here; false when that is nothing. */
  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    const length = pattern.exec(this.#text)?.[0].length ?? 0;
    this.at += length;
    return length > 0;
  }
}
