/**
 * For constants of one layer that are made together: made when the first of them is written, let go of with the last.
 * @param uses how often the result is called for
 */
export function together<T>(make: () => T, uses: number): () => T {
  let held: { readonly value: T } | undefined;
  let left = uses;
  return () => {
    held ??= { value: make() };
    const { value } = held;
    left -= 1;
    if (left === 0) {
      held = undefined;
      left = uses;
    }
    return value;
  };
}
