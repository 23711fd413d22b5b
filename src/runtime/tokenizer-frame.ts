import { LocalLiteError } from '../errors.ts';
import { arrayAt, integerOf, isJsonObject, type JsonObject, malformed, objectAt, textOf, unsupported } from './tokenizer-json.ts';
import type { Encoding } from './tokenizer-types.ts';

/** Special tokens around the ids of one text, and the type ids of all of them. */
export interface Frame {
  readonly before: readonly FramePart[];
  readonly after: readonly FramePart[];
  /** Type id of the text's own ids. */
  readonly contentType: number;
}

/** A special token and its type. */
export interface FramePart {
  readonly id: number;
  readonly typeId: number;
}

const EMPTY: Frame = { before: [], after: [], contentType: 0 };

/** Reads the `post_processor` of a tokenizer.json for a single text. Throws `model_unsupported` for a type it does not know. */
export function readFrame(value: unknown, where = 'post_processor'): Frame {
  if (value === null || value === undefined) return EMPTY;
  const config = objectAt(value, where);
  const type = textOf(config, 'type', where);
  switch (type) {
    case 'BertProcessing':
    case 'RobertaProcessing':
      return { before: [specialPart(config, 'cls', where)], after: [specialPart(config, 'sep', where)], contentType: 0 };
    case 'TemplateProcessing':
      return templateFrame(config, where);
    case 'ByteLevel':
      return EMPTY; // Moves offsets only.
    case 'Sequence':
      return arrayAt(config['processors'], `${where}.processors`)
        .map((step, index) => readFrame(step, `${where}.processors[${index}]`))
        .reduce(nest, EMPTY);
    default:
      throw unsupported(`the post-processor "${type}"`);
  }
}

function nest(inner: Frame, outer: Frame): Frame {
  return { before: [...outer.before, ...inner.before], after: [...inner.after, ...outer.after], contentType: outer.contentType };
}

/** The special token that `BertProcessing` and `RobertaProcessing` keep under `key`, of type 0. */
export function specialPart(config: JsonObject, key: 'cls' | 'sep', where: string): FramePart {
  const id = arrayAt(config[key], `${where}.${key}`)[1];
  if (typeof id !== 'number' || !Number.isInteger(id)) throw malformed(`${where}.${key}`, '[token, id]');
  return { id, typeId: 0 };
}

function templateFrame(config: JsonObject, where: string): Frame {
  const specials = objectAt(config['special_tokens'] ?? {}, `${where}.special_tokens`);
  const before: FramePart[] = [];
  const after: FramePart[] = [];
  let contentType: number | undefined;
  arrayAt(config['single'], `${where}.single`).forEach((entry, index) => {
    const at = `${where}.single[${index}]`;
    const piece = objectAt(entry, at);
    if (isJsonObject(piece['Sequence'])) {
      if (contentType !== undefined) throw unsupported('a template that repeats the text');
      contentType = integerOf(piece['Sequence'], 'type_id', at, 0);
      return;
    }
    const special = objectAt(piece['SpecialToken'], at);
    const typeId = integerOf(special, 'type_id', at, 0);
    const parts = idsOfSpecial(specials, textOf(special, 'id', at), where).map((id) => ({ id, typeId }));
    (contentType === undefined ? before : after).push(...parts);
  });
  if (contentType === undefined) throw unsupported('a template without the text');
  return { before, after, contentType };
}

/** The ids that a template's special token stands for. */
export function idsOfSpecial(specials: JsonObject, name: string, where: string): readonly number[] {
  const at = `${where}.special_tokens["${name}"]`;
  return arrayAt(objectAt(specials[name], at)['ids'], `${at}.ids`).map((id) => {
    if (typeof id !== 'number' || !Number.isInteger(id)) throw malformed(`${at}.ids`, 'a list of ids');
    return id;
  });
}

/** Refuses a limit that is no whole number from 1. */
export function checkLimit(maxTokens: number | undefined): void {
  if (maxTokens !== undefined && !(Number.isSafeInteger(maxTokens) && maxTokens >= 1)) {
    throw new LocalLiteError('invalid_request', `maxTokens must be a whole number from 1, not ${maxTokens}`, { param: 'maxTokens' });
  }
}

/**
 * Puts special tokens around the ids of a text and cuts the text's ids on the right so that all fit into `maxTokens`, as Hugging
 * Face's truncation of a single sequence does. Throws `invalid_request` where not even the special tokens fit.
 */
export function frameIds(content: readonly number[], frame: Frame, options: { maxTokens?: number; addSpecialTokens?: boolean }): Encoding {
  checkLimit(options.maxTokens);
  const special = options.addSpecialTokens ?? true;
  const before = special ? frame.before : [];
  const after = special ? frame.after : [];
  const room = (options.maxTokens ?? Number.POSITIVE_INFINITY) - before.length - after.length;
  if (room < 0) {
    const needed = before.length + after.length;
    throw new LocalLiteError('invalid_request', `maxTokens must be at least ${needed}: so many special tokens surround a text`, {
      param: 'maxTokens',
    });
  }
  const kept = Math.min(content.length, room);
  const ids = new Int32Array(before.length + kept + after.length);
  const typeIds = new Int32Array(ids.length).fill(frame.contentType, before.length, before.length + kept);
  for (let index = 0; index < kept; index++) ids[before.length + index] = content[index] ?? 0;
  place(before, 0, ids, typeIds);
  place(after, before.length + kept, ids, typeIds);
  return { ids, typeIds, dropped: content.length - kept };
}

function place(parts: readonly FramePart[], start: number, ids: Int32Array, typeIds: Int32Array): void {
  parts.forEach((part, index) => {
    ids[start + index] = part.id;
    typeIds[start + index] = part.typeId;
  });
}
