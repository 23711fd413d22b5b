import { type ErrorCode, LocalLiteError } from '../errors.ts';

/** Equal as plain data: keys in any order; an absent one is the same as undefined. @throws LocalLiteError internal */
export function expectSame(found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(sorted(found)), JSON.stringify(sorted(wanted))];
  expectTrue(a === b, `${a} instead of ${b}`);
}

/** @throws LocalLiteError internal, where it does not hold */
export function expectTrue(holds: boolean, what: string): asserts holds {
  if (!holds) throw new LocalLiteError('internal', `the contract is broken: ${what}`);
}

/** The call fails with this code. @throws LocalLiteError internal, where it does not */
export async function expectRejects(call: Promise<unknown>, code: ErrorCode): Promise<void> {
  const found = await call.then(
    () => 'an answer',
    (error: unknown) => (LocalLiteError.is(error) ? error.code : String(error)),
  );
  expectTrue(found === code, `${found} instead of the error ${code}`);
}

function sorted(value: unknown): unknown {
  if (value instanceof Float32Array) return [...value];
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, sorted(one)]));
}
