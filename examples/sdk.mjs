// Finds the sentence that is nearest to a question, through the SDK. The gateway must be running: locallite serve
// usage: node examples/sdk.mjs [address of the gateway]
import { LocalLite, LocalLiteError } from 'locallite/sdk';

const client = new LocalLite({ baseUrl: process.argv[2] ?? 'http://127.0.0.1:11435' });
const sentences = ['A cat meows at the closed door.', 'The train leaves at nine.', 'Water boils at 100 degrees.'];

try {
  const [question, ...passages] = await client.embed(['When does my train go?', ...sentences]);
  // Vectors have length 1, so that the dot product is the cosine of their angle.
  const scores = passages.map((passage) => passage.reduce((sum, value, index) => sum + value * question[index], 0));
  console.log(sentences[scores.indexOf(Math.max(...scores))]);

  const answer = await client.embeddings.create({ input: sentences });
  console.log(`${answer.usage.prompt_tokens} tokens on ${answer.locallite.provider}, ${answer.data[0].embedding.length} numbers each`);
} catch (error) {
  console.error(LocalLiteError.is(error) ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
}
