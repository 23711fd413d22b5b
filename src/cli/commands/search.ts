import { InvalidArgumentError, Option } from 'commander';
import type { SearchRequestObject } from '../../sdk/index.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { printHits } from '../hits.ts';
import { note, printJson } from '../io.ts';
import { wholeNumber, word } from '../options.ts';

interface SearchCommandOptions {
  readonly collection: string;
  readonly limit: number;
  readonly mode?: 'hybrid' | 'dense' | 'text';
  readonly rerank?: string;
  readonly filter?: readonly Comparison[];
  readonly perDocument?: number;
}

type Comparison = { readonly type: 'eq'; readonly key: string; readonly value: string | number | boolean };

export const search: CommandDefinition<SearchCommandOptions> = {
  arguments: [['<question>', 'what to look for; words in double quotes must be there word for word']],
  options: [
    new Option('-c, --collection <name>', 'where to look').default('default'),
    new Option('-k, --limit <number>', 'hits').default(5).argParser(wholeNumber(1, 1000)),
    new Option('--mode <how>', 'by meaning (dense), by words (text) or by both').choices(['hybrid', 'dense', 'text']),
    new Option('--rerank <model>', 'rerank model for the best candidates'),
    new Option('--filter <key=value>', 'only documents with this attribute; may be given several times').argParser(readComparison),
    new Option('--per-document <number>', 'most hits of one document').argParser(wholeNumber(1)),
  ],
  examples: [
    { command: 'locallite search "who stole the tarts?" -c books', does: 'The five best passages' },
    { command: 'locallite search "\\"mad hatter\\" riddle" -c books --json', does: "The API's answer" },
  ],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { args, options, io, json } = invocation;
      const answer = await client.collections.search(options.collection, requestOf(word(args[0]), invocation), { signal: io.signal });
      if (json) return await printJson(io, answer);
      if (answer.data.length === 0) return await note(io, 'nothing was found');
      await printHits(io, answer.data);
      for (const warning of answer.locallite.warnings) await note(io, warning);
    }),
};

function requestOf(query: string, { options }: Invocation<SearchCommandOptions>): SearchRequestObject {
  const { limit, mode, rerank, filter, perDocument } = options;
  return {
    query,
    max_num_results: limit,
    ...(mode !== undefined && { mode }),
    ...(rerank !== undefined && { rerank }),
    ...(filter !== undefined && { filters: { type: 'and' as const, filters: [...filter] } }),
    ...(perDocument !== undefined && { per_document: perDocument }),
  };
}

function readComparison(text: string, before: readonly Comparison[] | undefined): readonly Comparison[] {
  const [, key, raw] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || raw === undefined) throw new InvalidArgumentError('It must look like key=value.');
  const isNumber = raw.trim() !== '' && Number.isFinite(Number(raw));
  const value = raw === 'true' || raw === 'false' ? raw === 'true' : isNumber ? Number(raw) : raw;
  return [...(before ?? []), { type: 'eq', key, value }];
}
