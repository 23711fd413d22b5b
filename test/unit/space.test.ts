import { describe, expect, it } from 'vitest';
import { createCatalog } from '../../src/models/catalog.ts';
import { vectorSpace } from '../../src/models/space.ts';

const card = {
  id: 'sentence-transformers/all-MiniLM-L6-v2',
  revision: '1110a243fdf4706b3f48f1d95db1a4f5529b4d41',
  pooling: 'mean',
  normalize: true,
  prompts: { query: '', passage: '' },
  dimensions: 384,
} as const;

describe('vectorSpace', () => {
  // sha256 of {"dimensions":384,"normalize":true,"pooling":"mean","prompts":{"passage":"","query":""},"weights":{"id":…,"revision":…}}.
  // It stands beside stored vectors: if this literal has to change, every stored vector becomes unreadable.
  it('is pinned for the default model', () => {
    expect(vectorSpace(card)).toBe('053252011d43956b9bba557808a936fe27120046e6678ee72ffac605baff5184');
    const shipped = createCatalog().find('all-MiniLM-L6-v2');
    expect(shipped && vectorSpace(shipped)).toBe(vectorSpace(card));
  });

  it('does not depend on the order of keys', () => {
    const { dimensions, prompts, ...rest } = card;
    expect(vectorSpace({ dimensions, ...rest, prompts: { passage: prompts.passage, query: prompts.query } })).toBe(vectorSpace(card));
  });

  it('changes with everything that makes vectors incomparable', () => {
    const others = [
      vectorSpace({ ...card, id: 'sentence-transformers/all-MiniLM-L12-v2' }),
      vectorSpace({ ...card, revision: 'main' }),
      vectorSpace({ ...card, pooling: 'cls' }),
      vectorSpace({ ...card, normalize: false }),
      vectorSpace({ ...card, prompts: { query: 'query: ', passage: '' } }),
      vectorSpace({ ...card, prompts: { query: '', passage: 'query: ' } }),
      vectorSpace(card, 256),
    ];
    expect(new Set([...others, vectorSpace(card)]).size).toBe(others.length + 1);
  });

  it('takes the whole vector when no size is named', () => {
    expect(vectorSpace(card, 384)).toBe(vectorSpace(card));
  });
});
