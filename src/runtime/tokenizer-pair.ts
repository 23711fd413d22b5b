import { LocalLiteError } from '../errors.ts';
import { checkLimit, idsOfSpecial, specialPart } from './tokenizer-frame.ts';
import { arrayAt, integerOf, isJsonObject, type JsonObject, objectAt, textOf, unsupported } from './tokenizer-json.ts';
import type { Encoding } from './tokenizer-types.ts';

/** One place of a pair's ids: a special token, or all ids of the first text (`A`) or the second (`B`). */
type PairPart = { readonly id: number; readonly typeId: number } | { readonly text: 'A' | 'B'; readonly typeId: number };

/** How two texts become one row of ids, as a cross-encoder reads them. */
export interface PairFrame {
  readonly parts: readonly PairPart[];
  /** Special tokens among the parts. */
  readonly specials: number;
}

/** Texts side by side without special tokens: what Hugging Face's library does where no step frames them. */
const PLAIN: PairFrame = frameOf([
  { text: 'A', typeId: 0 },
  { text: 'B', typeId: 1 },
]);

/** Reads the `post_processor` of a tokenizer.json for a pair of texts. Throws `model_unsupported` for a type it does not know. */
export function readPairFrame(value: unknown, where = 'post_processor'): PairFrame {
  if (value === null || value === undefined) return PLAIN;
  const config = objectAt(value, where);
  const type = textOf(config, 'type', where);
  switch (type) {
    case 'BertProcessing':
      return bertPair(config, where);
    case 'RobertaProcessing':
      return robertaPair(config, where);
    case 'TemplateProcessing':
      return templatePair(config, where);
    case 'ByteLevel':
      return PLAIN; // Moves offsets only.
    case 'Sequence':
      return sequencePair(config, where);
    default:
      throw unsupported(`the post-processor "${type}"`);
  }
}

function frameOf(parts: readonly PairPart[]): PairFrame {
  return { parts, specials: parts.filter((part) => 'id' in part).length };
}

/** `[CLS] A [SEP] B [SEP]`, the second text and its end of type 1. */
function bertPair(config: JsonObject, where: string): PairFrame {
  const sep = specialPart(config, 'sep', where);
  return frameOf([specialPart(config, 'cls', where), { text: 'A', typeId: 0 }, sep, { text: 'B', typeId: 1 }, { ...sep, typeId: 1 }]);
}

/** `<s> A </s></s> B </s>`, all of type 0. */
function robertaPair(config: JsonObject, where: string): PairFrame {
  const sep = specialPart(config, 'sep', where);
  return frameOf([specialPart(config, 'cls', where), { text: 'A', typeId: 0 }, sep, sep, { text: 'B', typeId: 0 }, sep]);
}

function templatePair(config: JsonObject, where: string): PairFrame {
  const specials = objectAt(config['special_tokens'] ?? {}, `${where}.special_tokens`);
  const parts = arrayAt(config['pair'], `${where}.pair`).flatMap((entry, index): PairPart[] => {
    const at = `${where}.pair[${index}]`;
    const piece = objectAt(entry, at);
    if (isJsonObject(piece['Sequence'])) {
      const text = textOf(piece['Sequence'], 'id', at);
      if (text !== 'A' && text !== 'B') throw unsupported(`a pair template with the text "${text}"`);
      return [{ text, typeId: integerOf(piece['Sequence'], 'type_id', at, 0) }];
    }
    const special = objectAt(piece['SpecialToken'], at);
    const typeId = integerOf(special, 'type_id', at, 0);
    return idsOfSpecial(specials, textOf(special, 'id', at), where).map((id) => ({ id, typeId }));
  });
  const texts = parts.flatMap((part) => ('text' in part ? [part.text] : [])).sort();
  if (texts.join() !== 'A,B') throw unsupported('a pair template that does not hold each text once');
  return frameOf(parts);
}

/** Of several steps one at most may frame a pair: the library itself refuses to frame what is framed. */
function sequencePair(config: JsonObject, where: string): PairFrame {
  const frames = arrayAt(config['processors'], `${where}.processors`)
    .map((step, index) => readPairFrame(step, `${where}.processors[${index}]`))
    .filter((frame) => frame !== PLAIN);
  const [first = PLAIN, ...others] = frames;
  if (others.length > 0) throw unsupported('several post-processors that frame a pair');
  return first;
}

/**
 * Puts the ids of two texts into one row. Only the second is cut on its right so that all fit into `maxTokens`.
 * @throws LocalLiteError input_too_long when the first alone does not fit
 */
export function framePair(
  first: readonly number[],
  second: readonly number[],
  { parts, specials }: PairFrame,
  { maxTokens }: { readonly maxTokens?: number },
): Encoding {
  checkLimit(maxTokens);
  const room = (maxTokens ?? Number.POSITIVE_INFINITY) - specials - first.length;
  if (room < 0) {
    throw new LocalLiteError(
      'input_too_long',
      `the query has ${first.length} tokens; with ${specials} special tokens the model takes at most ${maxTokens}`,
      { param: 'query' },
    );
  }
  const kept = Math.min(second.length, room);
  const ids = new Int32Array(specials + first.length + kept);
  const typeIds = new Int32Array(ids.length);
  let at = 0;
  for (const part of parts) {
    const start = at;
    if ('id' in part) ids[at++] = part.id;
    else {
      const [source, count] = part.text === 'A' ? [first, first.length] : [second, kept];
      for (let index = 0; index < count; index++) ids[at++] = source[index] ?? 0;
    }
    if (part.typeId !== 0) typeIds.fill(part.typeId, start, at);
  }
  return { ids, typeIds, dropped: second.length - kept };
}
