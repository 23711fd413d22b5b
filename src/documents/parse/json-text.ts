/** Deeper values are left out. */
const MOST_DEPTH = 100;

/** A value as text to read: `key: value` a line, nested values further in, strings as they are. */
export function readable(value: unknown): { readonly text: string; readonly isCut: boolean } {
  const lines: string[] = [];
  let isCut = false;
  const write = (prefix: string, inner: unknown, depth: number): void => {
    const indent = '  '.repeat(depth);
    if (typeof inner !== 'object' || inner === null) {
      lines.push(`${indent}${prefix}${scalar(inner)}`);
      return;
    }
    if (depth >= MOST_DEPTH) {
      isCut = true;
      lines.push(`${indent}${prefix}…`);
      return;
    }
    if (prefix !== '') lines.push(`${indent}${prefix.trimEnd()}`);
    const deeper = prefix === '' ? depth : depth + 1;
    if (Array.isArray(inner)) for (const one of inner) write('- ', one, deeper);
    else for (const [key, one] of Object.entries(inner)) write(`${key}: `, one, deeper);
  };
  write('', value, 0);
  return { text: lines.join('\n'), isCut };
}

/** A number, a truth value or a string on its own. */
export function scalar(value: unknown): string {
  return typeof value === 'string' ? value : String(value);
}

/**
 * Reads JSON without changing what it says: a number that a double cannot hold (a long identifier) comes back as its own digits.
 * @throws SyntaxError
 */
export function parseExactly(text: string): unknown {
  const kept = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]{14,}/g, (token) =>
    token.startsWith('"') || String(Number(token)) === token ? token : `"${token}"`,
  );
  return JSON.parse(kept);
}
