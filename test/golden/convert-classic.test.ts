import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { convertAndRun, readTensors, relativeError, tinyModel, tinyRequest } from '../support/tiny-models.ts';

/** Of the expected values' spread, as the reference's figures are given. */
const TOLERANCE = 1e-4;

describe('fp32 graphs of the classic families', () => {
  for (const name of ['bert', 'roberta', 'xlm-roberta', 'distilbert', 'mpnet']) {
    const directory = tinyModel(name);
    test.skipIf(directory === undefined)(`${name}: token states`, async () => {
      const expected = readTensors(join(directory ?? '', 'expected.safetensors'));
      const outputs = await convertAndRun(tinyRequest(directory ?? ''), expected);
      expect(relativeError(outputs['last_hidden_state'], expected['last_hidden_state'], expected['attention_mask'])).toBeLessThan(
        TOLERANCE,
      );
    });
  }

  for (const name of ['bert-cross-encoder', 'xlm-roberta-cross-encoder']) {
    const directory = tinyModel(name);
    test.skipIf(directory === undefined)(`${name}: logits`, async () => {
      const expected = readTensors(join(directory ?? '', 'expected.safetensors'));
      const outputs = await convertAndRun(tinyRequest(directory ?? '', { tasks: ['rerank'] }), expected);
      expect(relativeError(outputs['logits'], expected['logits'])).toBeLessThan(TOLERANCE);
    });
  }

  const directory = tinyModel('bert-masked-lm');
  test.skipIf(directory === undefined)('bert-masked-lm: weights of the vocabulary', async () => {
    const expected = readTensors(join(directory ?? '', 'expected.safetensors'));
    const outputs = await convertAndRun(tinyRequest(directory ?? '', { tasks: ['sparse'] }), expected);
    expect(relativeError(outputs['vocabulary_weights'], expected['splade'])).toBeLessThan(TOLERANCE);
  });
});
