import { InferenceClient, InferenceClientProviderApiError } from '@huggingface/inference';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer, wordText } from './test-server.ts';

/* The official client, as it is published, against the real API. */

const client = new InferenceClient();

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

async function vectorsOf(texts: readonly string[]): Promise<readonly Float32Array[]> {
  return (await server.gateway.embed({ input: texts })).vectors;
}

/** What the client makes of a refusal: status and the message of the answer. */
async function refusal(work: Promise<unknown>): Promise<{ status: number; error: unknown }> {
  const error: unknown = await work.catch((reason: unknown) => reason);
  if (!(error instanceof InferenceClientProviderApiError)) throw new RangeError('it should have failed with an error of the client');
  const { status, body } = error.httpResponse;
  return { status, error: body };
}

describe('featureExtraction', () => {
  it('gives the vectors of texts, from the bare address and from /embed', async () => {
    const inputs = ['w1 w2', 'w3'];
    const expected = (await vectorsOf(inputs)).map((vector) => [...vector]);
    for (const path of ['', '/', '/embed']) {
      expect(await client.featureExtraction({ endpointUrl: server.url + path, inputs })).toEqual(expected);
    }
    expect(await client.featureExtraction({ endpointUrl: server.url, inputs: 'w3' })).toEqual([expected[1]]);
  });

  it('sends its options, and they have their effect', async () => {
    const text = wordText(90);
    const [cut] = await vectorsOf([wordText(62)]);
    const options = { normalize: true, truncate: true, truncation_direction: 'right', dimensions: 8, encoding_format: 'float' } as const;
    expect(await client.featureExtraction({ endpointUrl: server.url, inputs: text, ...options })).toEqual([[...(cut ?? [])]]);
    const [asked] = (await server.gateway.embed({ input: ['w1'], inputType: 'query' })).vectors;
    expect(await client.featureExtraction({ endpointUrl: server.url, inputs: 'w1', prompt_name: 'query' })).toEqual([[...(asked ?? [])]]);
  });

  it('fails with what is wrong', async () => {
    const work = client.featureExtraction({ endpointUrl: server.url, inputs: ['w1', wordText(90)], truncate: false });
    expect(await refusal(work)).toEqual({
      status: 422,
      error: { error: expect.stringMatching(/^inputs\[1\] has 92 tokens/), error_type: 'Validation' },
    });
  });
});

it('sentenceSimilarity gives the cosine of each sentence', async () => {
  const sentences = ['w1 w2', 'w7'];
  const inputs = { source_sentence: 'w1 w2', sentences };
  const [, other] = await vectorsOf(sentences);
  const [source] = await vectorsOf(['w1 w2']);
  const cosine = [...(source ?? [])].reduce((sum, value, place) => sum + value * (other?.[place] ?? 0), 0);
  for (const path of ['', '/similarity']) {
    const [same, far] = await client.sentenceSimilarity({ endpointUrl: server.url + path, inputs });
    expect(same).toBeCloseTo(1, 6);
    expect(far).toBeCloseTo(cosine, 6);
  }
});

it('textClassification gives the score of a pair, as it does of TEI: the pair in an array of its own', async () => {
  // The client's types know texts only; it sends whatever it is given and wants the labels in an array of arrays.
  const inputs: unknown = [['w1 w2', 'w2 w1']];
  const args: Parameters<typeof client.textClassification>[0] = Object.assign(
    { endpointUrl: `${server.url}/predict`, inputs: '' },
    { inputs },
  );
  expect(await client.textClassification(args)).toEqual([{ label: 'LABEL_0', score: Math.fround(1 / (1 + Math.exp(-0.5))) }]);
  const lone = await refusal(client.textClassification({ endpointUrl: `${server.url}/predict`, inputs: 'w1' }));
  expect(lone).toEqual({ status: 422, error: { error: expect.stringContaining('[query, text]'), error_type: 'Validation' } });
});
