import type { CommandEntry } from './command.ts';

/** Every command, in the order of `locallite --help`. */
export const COMMANDS: readonly CommandEntry[] = [
  { name: 'serve', group: 'Serve', summary: 'Start the gateway', load: async () => (await import('./commands/serve.ts')).serve },
  { name: 'pull', group: 'Models', summary: 'Install models', load: async () => (await import('./commands/pull.ts')).pull },
  { name: 'list', group: 'Models', summary: 'List installed models', load: async () => (await import('./commands/list.ts')).list },
  { name: 'show', group: 'Models', summary: 'Show what is known of a model', load: async () => (await import('./commands/show.ts')).show },
  { name: 'rm', group: 'Models', summary: 'Remove models from the disk', load: async () => (await import('./commands/rm.ts')).rm },
  {
    name: 'convert',
    group: 'Models',
    summary: "Make a variant of a model's published weights",
    load: async () => (await import('./commands/convert.ts')).convert,
  },
  {
    name: 'distill',
    group: 'Models',
    summary: 'Make a static model of an encoder, for bulk work',
    load: async () => (await import('./commands/distill.ts')).distill,
  },
  { name: 'pin', group: 'Models', summary: 'Choose the variant that runs', load: async () => (await import('./commands/pin.ts')).pin },
  { name: 'ps', group: 'Models', summary: 'List models in memory', load: async () => (await import('./commands/ps.ts')).ps },
  {
    name: 'alias',
    group: 'Models',
    summary: 'Give models names of your own',
    load: async () => (await import('./commands/alias.ts')).alias,
  },
  { name: 'embed', group: 'Use', summary: 'Turn texts into vectors', load: async () => (await import('./commands/embed.ts')).embed },
  {
    name: 'rerank',
    group: 'Use',
    summary: 'Order texts by their relevance to a query',
    load: async () => (await import('./commands/rerank.ts')).rerank,
  },
  {
    name: 'tokenize',
    group: 'Use',
    summary: 'Show the tokens of texts',
    load: async () => (await import('./commands/tokenize.ts')).tokenize,
  },
  {
    name: 'ingest',
    group: 'Documents',
    summary: 'Put documents into a collection',
    load: async () => (await import('./commands/ingest.ts')).ingest,
  },
  {
    name: 'search',
    group: 'Documents',
    summary: 'Find the passages that answer a question',
    load: async () => (await import('./commands/search.ts')).search,
  },
  {
    name: 'collections',
    group: 'Documents',
    summary: 'List, check, move and delete collections',
    load: async () => (await import('./commands/collections.ts')).collections,
  },
  {
    name: 'reindex',
    group: 'Documents',
    summary: 'Index a collection anew, with another model',
    load: async () => (await import('./commands/reindex.ts')).reindex,
  },
  {
    name: 'jobs',
    group: 'Documents',
    summary: 'Look at long work, or stop it',
    load: async () => (await import('./commands/jobs.ts')).jobs,
  },
  { name: 'parse', group: 'Documents', summary: 'Read a document', load: async () => (await import('./commands/parse.ts')).parse },
  {
    name: 'bench',
    group: 'Use',
    summary: 'Measure a model on this machine',
    load: async () => (await import('./commands/bench.ts')).bench,
  },
  { name: 'keys', group: 'Access', summary: 'Make and revoke access keys', load: async () => (await import('./commands/keys.ts')).keys },
  {
    name: 'doctor',
    group: 'Look after',
    summary: 'Check the machine, the models and the settings',
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    name: 'config',
    group: 'Look after',
    summary: 'Show each setting and where its value comes from',
    load: async () => (await import('./commands/config.ts')).config,
  },
  {
    name: 'completion',
    group: 'Look after',
    summary: 'Print a completion script for your shell',
    load: async () => (await import('./commands/completion.ts')).completion,
  },
];
