import { InvalidArgumentError } from 'commander';

/** Parses a whole number of at least `minimum`, for commander's `argParser`. */
export function wholeNumber(minimum: number, maximum = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(
      maximum === Number.MAX_SAFE_INTEGER
        ? `It must be a whole number, ${minimum} or more.`
        : `It must be a whole number from ${minimum} to ${maximum}.`,
    );
  };
}

/** The texts of a variadic or single argument; an absent one gives none. */
export function words(argument: unknown): readonly string[] {
  if (Array.isArray(argument)) return argument.map(String);
  return argument === undefined ? [] : [String(argument)];
}

/** The text of an argument that commander has made sure of. */
export function word(argument: unknown): string {
  return String(argument);
}
