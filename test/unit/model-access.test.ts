import { expect, it, vi } from 'vitest';
import type { GatewayParts } from '../../src/gateway/gateway-parts.ts';
import { ModelAccess } from '../../src/gateway/model-access.ts';

it('remembers names of a loaded model, but not without end', async () => {
  const find = vi.fn(async () => ({ card: { id: 'test/m' }, variant: { name: 'int8-c1' }, bytes: 1 }));
  const parts = {
    names: { resolve: (name: string) => ({ id: 'test/m', variant: name.split('#')[1] }) },
    modelSettings: new Map(),
    config: { keep_alive: 1 },
  };
  const works = {
    pool: { has: () => true, acquire: async () => ({}) },
    opener: { workersFor: () => 1 },
    preparation: { find },
    jobs: {},
  };
  const access = new ModelAccess(parts as unknown as GatewayParts, works as unknown as ConstructorParameters<typeof ModelAccess>[1]);
  const lease = (name: string) => access.lease({ name });
  await lease('m#int8');
  await lease('m#int8');
  expect(find).toHaveBeenCalledTimes(1);
  for (let version = 1; version <= 1000; version++) await lease(`m#int8-c${version}`);
  await lease('m#int8');
  expect(find).toHaveBeenCalledTimes(1002);
});
