import { OpenAIEmbeddings } from '@langchain/openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embeddingsResponseSchema } from '../../src/wire/embeddings.ts';
import { tokenizeResponseSchema } from '../../src/wire/tokenize.ts';
import { startTestServer, type TestServer, wordText } from './test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server[Symbol.asyncDispose]());

async function vectorsOf(input: readonly string[], dimensions = 8): Promise<readonly number[][]> {
  return (await server.gateway.embed({ input, dimensions })).vectors.map((vector) => [...vector]);
}

describe("LangChain's OpenAIEmbeddings, as it is published", () => {
  const embeddings = (fields: object = {}) =>
    new OpenAIEmbeddings({ model: 'words', apiKey: 'none', maxRetries: 0, configuration: { baseURL: `${server.url}/v1` }, ...fields });

  it('embeds a query and documents', async () => {
    const texts = ['w1 w2', 'w3', 'w4 w5 w6'];
    const expected = await vectorsOf(texts);
    expect(await embeddings().embedQuery('w1 w2')).toEqual(expected[0]);
    expect(await embeddings().embedDocuments(texts)).toEqual(expected);
    expect(await embeddings({ batchSize: 1 }).embedDocuments(texts)).toEqual(expected);
  });

  it('asks for dimensions and for plain numbers', async () => {
    expect(await embeddings({ dimensions: 4, encodingFormat: 'float' }).embedQuery('w1')).toEqual((await vectorsOf(['w1'], 4))[0]);
  });

  it('fails where a text is too long', async () => {
    await expect(embeddings().embedQuery(wordText(90))).rejects.toMatchObject({ status: 400, code: 'input_too_long' });
  });
});

describe('token ids, as its Python package sends them', () => {
  it("give the text's vector when they are of the model's own tokenizer", async () => {
    const texts = ['w1 w2', 'w3'];
    const tokenized = await server.post('/v1/tokenize', { model: 'words', input: texts });
    const ids = tokenizeResponseSchema.parse(await tokenized.json()).data.map((one) => one.ids);
    for (const encoding_format of ['float', 'base64']) {
      const [fromIds, fromTexts] = await Promise.all(
        [ids, texts].map(async (input) => {
          const answer = await server.post('/v1/embeddings', { model: 'words', input, encoding_format });
          return embeddingsResponseSchema.parse(await answer.json());
        }),
      );
      expect(fromIds?.data).toEqual(fromTexts?.data);
      expect(fromIds?.usage).toEqual(fromTexts?.usage);
    }
  });

  it('are refused when the model has no such ids, as those of another tokenizer mostly are', async () => {
    const answer = await server.post('/v1/embeddings', { model: 'words', input: [[1820, 100257]] });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'invalid_request', message: expect.stringContaining('1820') } });
  });
});
