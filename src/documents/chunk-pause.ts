import { setImmediate } from 'node:timers/promises';

/** Text that is worked on before other work of the process gets its turn, UTF-16 units: some 5 ms. */
const UNITS_PER_TURN = 32_768;

/** Lets other work of the process pass now and then. */
export class Pause {
  #units = 0;

  /** Waits a turn when enough text was worked on since the last one. */
  async after(units: number): Promise<void> {
    this.#units += units;
    if (this.#units < UNITS_PER_TURN) return;
    this.#units = 0;
    await setImmediate();
  }
}
