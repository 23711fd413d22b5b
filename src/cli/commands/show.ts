import type { ModelObject } from '../../sdk/index.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition } from '../command.ts';
import { formatBytes, formatFacts } from '../format.ts';
import { print, printJson } from '../io.ts';
import { word } from '../options.ts';
import { variantLine } from '../variant-facts.ts';

export const show: CommandDefinition = {
  arguments: [['<model>', 'id, alias or reference; need not be installed']],
  examples: [
    { command: 'locallite show all-MiniLM-L6-v2', does: 'Dimensions, limits, pooling, prompts, variants, licence' },
    { command: 'locallite show bge-m3 --json', does: "The API's answer" },
  ],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { io, json, args } = invocation;
      const model = await client.models.retrieve(word(args[0]), { scope: 'catalog', signal: io.signal });
      await (json ? printJson(io, model) : print(io, describe(model)));
    }),
};

function describe({ id, locallite: facts }: ModelObject): string {
  const { installed, loaded, prompts } = facts;
  return formatFacts([
    ['id', id],
    ['alias', facts.alias],
    ['task', facts.task],
    ['dimensions', facts.dimensions],
    ['matryoshka', facts.matryoshka === 'any' ? 'any smaller size' : facts.matryoshka?.join(', ')],
    ['max tokens', facts.max_tokens],
    ['pooling', facts.pooling],
    ['normalised', facts.normalize === null ? undefined : String(facts.normalize)],
    ['query prompt', prompts?.query ? JSON.stringify(prompts.query) : undefined],
    ['passage prompt', prompts?.passage ? JSON.stringify(prompts.passage) : undefined],
    ['languages', facts.languages],
    ['licence', facts.license],
    ['variants', facts.variants.join(', ')],
    ...Object.entries(facts.scores).map(([name, score]) => [name, score] as const),
    ['verified', facts.verified ? `${facts.verified.date}: ${facts.verified.how}` : undefined],
    ['installed', installed ? undefined : `no; locallite pull ${facts.alias ?? id}`],
    ...facts.installed_variants.map((variant) => [`installed ${variant.variant}`, variantLine(variant)] as const),
    ['runs', runs(facts)],
    ['warning', facts.warning],
    ['loaded', loaded ? `${loaded.provider}, ${loaded.workers} workers, ${formatBytes(loaded.memory_bytes)}` : undefined],
  ]);
}

function runs({ installed }: ModelObject['locallite']): string | undefined {
  return installed?.kind === 'weights' ? 'what is made of the weights when it is first used' : installed?.variant;
}
