// Embeds texts in this very process, without a server. The model must be installed: locallite pull all-MiniLM-L6-v2
// usage: node examples/in-process.mjs
import { createGateway } from 'locallite';

const gateway = await createGateway({ settings: { default_models: { embed: 'all-MiniLM-L6-v2' } } });
try {
  const result = await gateway.embed({ input: ['a cat meows', 'a dog barks'] });
  console.log(`${result.vectors.length} vectors of ${result.vectors[0].length} numbers, ${result.promptTokens} tokens`);
  console.log(`${result.model} (${result.variant}) on ${result.provider}`);
} finally {
  await gateway.close();
}
