import { LocalLiteError } from '../errors.ts';
import type { ModelCard, Task } from '../models/card.ts';
import type { Tokenizer } from '../runtime/tokenizer-types.ts';
import type { GatewayParts } from './gateway-parts.ts';

/** What a model of each task does, for messages. */
const DOES: Readonly<Record<Task, string>> = {
  embed: 'makes embeddings',
  rerank: 'reranks documents',
  sparse: 'makes sparse vectors',
  multi: 'makes one vector a token',
  chat: 'chats',
  ocr: 'reads text in images',
};
/** Names of other models in one message. */
const MOST_NAMES = 4;

/** Whether a model does a task; late interaction compares documents with queries, too. */
export function doesTask(card: ModelCard, task: Task): boolean {
  if (card.task === task || card.alsoTasks?.includes(task) === true) return true;
  return task === 'rerank' && doesTask(card, 'multi');
}

/** The error of a model that does something else: says what it does, and which models do what was asked. */
export async function wrongTask(card: ModelCard, task: Task, parts: Pick<GatewayParts, 'store' | 'catalog'>): Promise<LocalLiteError> {
  const does = [card.task, ...(card.alsoTasks ?? [])].map((own) => DOES[own]).join(' and ');
  return new LocalLiteError('model_wrong_task', `${card.id} ${does}; it is not a model that ${DOES[task]}. ${await others(task, parts)}`, {
    param: 'model',
  });
}

/** The tokenizer of a model in memory. @throws LocalLiteError model_wrong_task for a model that reads no text */
export function tokenizerOf({ card, tokenizer }: { readonly card: ModelCard; readonly tokenizer: Tokenizer | undefined }): Tokenizer {
  if (tokenizer !== undefined) return tokenizer;
  throw new LocalLiteError('model_wrong_task', `${card.id} ${DOES[card.task]}; it has no tokens`, { param: 'model' });
}

/** The error of a variant whose graph lacks what the model's card promises. */
export function missingHead(card: ModelCard, variant: string, task: Task): LocalLiteError {
  return new LocalLiteError(
    'model_wrong_task',
    `the variant ${variant} of ${card.id} has no output that ${DOES[task]}; choose another variant`,
    {
      param: 'model',
    },
  );
}

async function others(task: Task, { store, catalog }: Pick<GatewayParts, 'store' | 'catalog'>): Promise<string> {
  const installed = (await store.list()).map(({ card }) => card).filter((card) => doesTask(card, task));
  if (installed.length > 0) return `Installed models that do: ${namesOf(installed)}`;
  const known = catalog.list().filter((card) => doesTask(card, task));
  return known.length === 0 ? 'No model of the catalogue does' : `Models that do, to be pulled first: ${namesOf(known)}`;
}

function namesOf(cards: readonly ModelCard[]): string {
  const names = [...new Set(cards.map(({ alias }) => alias))];
  const rest = names.length - MOST_NAMES;
  return `${names.slice(0, MOST_NAMES).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}
