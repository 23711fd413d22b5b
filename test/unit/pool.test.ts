import { expect, it, vi } from 'vitest';
import type { Engine } from '../../src/gateway/engine-types.ts';
import { EnginePool } from '../../src/gateway/pool.ts';
import { silentTelemetry } from '../../src/telemetry/create-telemetry.ts';

const KEY = { id: 'test/m', variant: 'fp32' };
const STAY = { keepAlive: 60, keepAliveAsked: false, pinned: false, expectedBytes: 1 };

it('opens nothing any more once it is closed, not even for who waited for the model to be unloaded', async () => {
  let letGo = (): void => {};
  const closed = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const engine = { refusal: () => undefined, memoryBytes: () => 1, queuedTokens: () => 0, loadMs: 1, close: () => closed };
  const open = vi.fn(async () => ({ ...engine, variant: { name: 'fp32' } }) as unknown as Engine);
  const pool = new EnginePool({ budgetBytes: 10, telemetry: silentTelemetry() });
  (await pool.acquire(KEY, STAY, open))[Symbol.dispose]();
  const unloading = pool.unload(KEY);
  const waiting = pool.acquire(KEY, STAY, open);
  const refused = expect(waiting).rejects.toMatchObject({ code: 'shutting_down' });
  const closing = pool.close(1000);
  letGo();
  await Promise.all([unloading, closing, refused]);
  expect(open).toHaveBeenCalledTimes(1);
});
