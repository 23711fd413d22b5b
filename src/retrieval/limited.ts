/** Work that weighs something, for {@link runLimited}. */
export interface Weighed {
  readonly weight: number;
  run(): Promise<void>;
}

/**
 * Runs work as it comes from `items`, at most `most` at a time and at most `capacity` of weight together (one that weighs more runs alone).
 * The next item is asked for only when there is room: that is the back-pressure. The first failure stops it and is thrown once everything
 * that runs has ended.
 */
export async function runLimited(
  items: AsyncIterable<Weighed>,
  limits: { readonly most: number; readonly capacity: number },
): Promise<void> {
  const running = new Set<Promise<void>>();
  let weight = 0;
  let failure: { readonly error: unknown } | undefined;
  for await (const item of items) {
    while (running.size > 0 && (running.size >= limits.most || weight + item.weight > limits.capacity)) await Promise.race(running);
    if (failure !== undefined) break;
    weight += item.weight;
    const work = item
      .run()
      .catch((error: unknown) => {
        failure ??= { error };
      })
      .finally(() => {
        weight -= item.weight;
        running.delete(work);
      });
    running.add(work);
  }
  await Promise.all(running);
  if (failure !== undefined) throw failure.error;
}
