import type { ModelCard, ModelVariant } from './card.ts';
import type { OtherName } from './catalog/names.ts';

/** The catalogue as Markdown, for docs/models.md: a table of models, their prompts, and other tools' names. */
export function catalogTable(cards: readonly ModelCard[], otherNames: readonly OtherName[]): string {
  const prompted = cards.filter((card) => card.prompts.query !== '' || card.prompts.passage !== '');
  return [
    '| Model | Short name | Task | Vector | Cut to | Tokens | Pooling | Unit length | Languages | Licence | Variants | Ran here |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...cards.map(modelRow),
    '',
    '## Prompts',
    '',
    'Put before a text by `input_type` (`query` or `passage`); every other model takes texts as they are.',
    '',
    '| Short name | Query | Passage |',
    '|---|---|---|',
    ...prompted.map((card) => row([card.alias, code(card.prompts.query), code(card.prompts.passage)])),
    '',
    '## Names of other tools',
    '',
    'fastembed’s names are the ids above; these differ:',
    '',
    '| Name | Model | Variant |',
    '|---|---|---|',
    ...otherNames.map(({ name, id, variant }) => row([code(name), id, variant ?? ''])),
    '',
  ].join('\n');
}

function modelRow(card: ModelCard): string {
  const sizes = card.matryoshka === undefined ? '' : card.matryoshka === 'any' ? 'any size' : card.matryoshka.slice(1).join(', ');
  return row([
    card.id,
    card.alias,
    card.task,
    // A reranker gives one number and a sparse model one for each of its vocabulary's terms: no vectors to describe.
    ...(card.task === 'embed' || card.task === 'multi' ? [String(card.dimensions), sizes] : ['', '']),
    card.task === 'ocr' ? '' : String(card.maxTokens),
    ...(card.task === 'embed' ? [card.pooling, card.normalize ? 'yes' : 'no'] : ['', '']),
    card.languages ?? '',
    card.license,
    card.variants.map(variantCell).join(', '),
    card.verified === undefined ? '' : card.verified.date,
  ]);
}

/** A star marks a variant whose vectors depend on the batch: it runs only when it is named. */
function variantCell(variant: ModelVariant): string {
  return variant.batchInvariant ? variant.name : `${variant.name}*`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function code(text: string): string {
  return text === '' ? '' : `\`${text.replaceAll('\n', '\\n')}\``;
}
