import { Option } from 'commander';
import type { ModelObject } from '../../sdk/index.ts';
import { useBackend } from '../backend.ts';
import type { CommandDefinition } from '../command.ts';
import { formatBytes, formatTable } from '../format.ts';
import { note, print, printJson } from '../io.ts';
import { fidelityCell, type InstalledVariant, speedCell } from '../variant-facts.ts';

interface ListOptions {
  readonly all?: boolean;
  readonly names?: boolean;
}

export const list: CommandDefinition<ListOptions> = {
  arguments: [['[text]', 'only models whose id or alias contains this']],
  options: [
    new Option('-a, --all', 'also models of the catalogue that are not installed'),
    new Option('-q, --names', 'names only, one a line'),
  ],
  details: `STATE says what a variant is for: "loaded" is in memory now; "runs" is the one that runs when none is named; "installed" runs when it is named; "weights" are what graphs are made of and run nothing; "not installed" can be pulled (--all).

FIDELITY is the mean cosine to full precision, TOKENS/S what one core of this machine does; both are known of what was made here.`,
  examples: [
    { command: 'locallite list', does: 'What is on this machine' },
    { command: 'locallite list --all bge', does: 'What could be pulled' },
    { command: 'locallite list --json', does: "The API's answer" },
  ],
  run: (invocation) =>
    useBackend(invocation, 'read', async ({ client }) => {
      const { args, options, io, json } = invocation;
      const scope = options.all ? 'catalog' : 'installed';
      const part = String(args[0] ?? '').toLowerCase();
      const models = (await client.models.list({ scope, signal: io.signal })).filter((model) => namesOf(model).includes(part));
      if (json) return printJson(io, { object: 'list', data: models });
      if (options.names) return printNames(models, (text) => print(io, text));
      if (models.length === 0) return note(io, 'no model; `locallite list --all` shows what can be pulled');
      await print(io, formatTable(HEADINGS, models.flatMap(rowsOf)));
    }),
};

const HEADINGS = ['MODEL', 'VARIANT', 'SIZE>', 'FIDELITY>', 'TOKENS/S>', 'DIMENSIONS>', 'MAX TOKENS>', 'LICENCE', 'STATE'];

const namesOf = ({ id, locallite }: ModelObject): string => `${id} ${locallite.alias ?? ''}`.toLowerCase();

async function printNames(models: readonly ModelObject[], write: (text: string) => Promise<void>): Promise<void> {
  for (const { id, locallite } of models) await write(locallite.alias ?? id);
}

/** A row for each variant on the disk, or one for a model that is not there. */
function rowsOf(model: ModelObject): string[][] {
  const { installed_variants: variants } = model.locallite;
  return variants.length === 0 ? [rowOf(model, undefined)] : variants.map((variant) => rowOf(model, variant));
}

function rowOf({ id, locallite: facts }: ModelObject, installed: InstalledVariant | undefined): string[] {
  return [
    facts.alias ?? id,
    installed?.variant ?? facts.variants.join(','),
    installed ? formatBytes(installed.bytes) : '',
    fidelityCell(installed),
    speedCell(installed),
    String(facts.dimensions ?? ''),
    String(facts.max_tokens ?? ''),
    facts.license ?? '',
    stateOf(facts, installed),
  ];
}

function stateOf({ loaded }: ModelObject['locallite'], installed: InstalledVariant | undefined): string {
  if (installed === undefined) return 'not installed';
  if (loaded?.variant === installed.variant) return 'loaded';
  return installed.kind === 'weights' ? 'weights' : installed.pinned ? 'runs' : 'installed';
}
