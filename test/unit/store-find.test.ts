import { expect, it } from 'vitest';
import type { Manifest } from '../../src/models/manifest.ts';
import { byPreference } from '../../src/models/store-find.ts';

it('prefers what was made for another device to nothing but weights', () => {
  const variants = [{ name: 'fp32' }, { name: 'weights', kind: 'weights' }];
  const manifest = (variant: string, target?: string) =>
    ({
      variant,
      pinned: false,
      card: { variants },
      ...(target === undefined ? {} : { made: { recipe: { converter: 1, target } } }),
    }) as unknown as Manifest;
  const all = [manifest('weights'), manifest('fp16-gpu-c1', 'gpu'), manifest('fp32'), manifest('int8-c1', 'cpu')];
  expect(byPreference(all).map(({ variant }) => variant)).toEqual(['int8-c1', 'fp32', 'fp16-gpu-c1', 'weights']);
});
