/**
 * Chunks of a body. Ends the connection when the consumer leaves; throws what `onIdle` returns when nothing arrives for `idleMs`
 * milliseconds, because a connection may die without a word. Not the stream's own iterator: some browsers have none.
 */
export async function* readChunks(body: ReadableStream<Uint8Array>, idleMs: number, onIdle: () => Error): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), idleMs, onIdle);
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function within<T>(work: Promise<T>, ms: number, onIdle: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(onIdle()), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
