import { LocalLiteError } from '../errors.ts';

/** What must be closed again, in the opposite order of its opening, even when one of the closings fails. */
export class Closing {
  readonly #steps: (() => Promise<unknown>)[] = [];

  /** Notes how `resource` is closed, and returns it. */
  add<T>(resource: T, close: (resource: T) => Promise<unknown>): T {
    this.#steps.push(() => close(resource));
    return resource;
  }

  /** Closes everything once. @throws LocalLiteError the first failure, after all were closed */
  async run(): Promise<void> {
    let failure: unknown;
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw LocalLiteError.from(failure);
  }
}
