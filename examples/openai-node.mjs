// The official OpenAI client, unchanged but for its address. The gateway must be running: locallite serve
// usage: node examples/openai-node.mjs [address of the gateway]
import OpenAI from 'openai';

const address = process.argv[2] ?? 'http://127.0.0.1:11435';
const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: process.env.LOCALLITE_API_KEY ?? 'unused' });

const { data, usage } = await client.embeddings.create({ model: 'all-MiniLM-L6-v2', input: ['a cat meows', 'a dog barks'] });
console.log(`${data.length} vectors of ${data[0].embedding.length} numbers, ${usage.prompt_tokens} tokens`);
