import { LocalLiteError } from '../errors.ts';
import { bert } from './families/bert.ts';
import { debertaV2 } from './families/deberta-v2.ts';
import { distilbert } from './families/distilbert.ts';
import { gemma3 } from './families/gemma3.ts';
import { modernbert } from './families/modernbert.ts';
import { mpnet } from './families/mpnet.ts';
import { nomicBert } from './families/nomic-bert.ts';
import { qwen3 } from './families/qwen3.ts';
import { roberta } from './families/roberta.ts';
import type { Family } from './family.ts';
import type { ModelConfig } from './model-config.ts';

/** Every family of encoders that LocalLite converts. */
const FAMILIES: readonly Family[] = [bert, roberta, distilbert, mpnet, modernbert, nomicBert, debertaV2, qwen3, gemma3];

/**
 * The family of a model, by config.json's `model_type`.
 * @throws LocalLiteError model_unsupported with the list of those that are supported
 */
export function familyOf(config: ModelConfig): Family {
  const type = config.text('model_type', '');
  const family = FAMILIES.find(({ modelTypes }) => modelTypes.includes(type));
  if (family !== undefined) return family;
  const supported = FAMILIES.flatMap(({ modelTypes }) => modelTypes).join(', ');
  throw new LocalLiteError(
    'model_unsupported',
    `LocalLite cannot convert ${type === '' ? 'a model whose config.json has no model_type' : `models of the type ${JSON.stringify(type.slice(0, 60))}`}. ` +
      `It converts ${supported}; others run from their published ONNX file`,
  );
}
