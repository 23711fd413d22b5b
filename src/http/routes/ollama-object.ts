import { createHash } from 'node:crypto';
import type { LoadedModel, ModelSummary } from '../../gateway/gateway-types.ts';
import type { OllamaDetails, OllamaRunning, OllamaShow, OllamaTag } from '../../wire/ollama.ts';

/** An installed model of a summary. */
export type Installed = NonNullable<ModelSummary['installed']>;
type ModelCard = Installed['card'];

/** Family and architecture of all our models: what is inside does not matter to a client. */
const FAMILY = 'encoder';
/** Ollama has no word for "never". */
const NEVER = '9999-12-31T23:59:59.999Z';
/** Numbers that llama.cpp, and so Ollama, has for ways of pooling. */
const POOLING_TYPES: Readonly<Record<ModelCard['pooling'], number>> = { mean: 1, cls: 2, last: 3 };

/** A model as GET /api/tags lists it. `name`: what requests may call it. */
export function toTag(name: string, installed: Installed): OllamaTag {
  return {
    name,
    model: name,
    modified_at: installed.installedAt,
    size: installed.bytes,
    digest: digestOf(installed),
    details: detailsOf(installed),
    capabilities: capabilitiesOf(installed.card),
  };
}

/** A model as GET /api/ps lists it. */
export function toRunning(name: string, installed: Installed, loaded: LoadedModel): OllamaRunning {
  return {
    name,
    model: name,
    size: loaded.memoryBytes,
    digest: digestOf(installed),
    details: detailsOf(installed),
    expires_at: loaded.expiresInMs === undefined ? NEVER : new Date(Date.now() + loaded.expiresInMs).toISOString(),
    size_vram: loaded.provider === 'cpu' ? 0 : loaded.memoryBytes,
    context_length: installed.card.maxTokens,
  };
}

/** A model as POST /api/show tells it. `card`: with what the settings say of it. */
export function toShow(installed: Installed, card: ModelCard): OllamaShow {
  return {
    license: card.license,
    modelfile: `# A model of LocalLite, taken from ${installed.source}\nFROM ${card.id}#${installed.variant.name}\n`,
    parameters: '',
    template: '',
    details: detailsOf(installed),
    model_info: {
      'general.architecture': FAMILY,
      'general.basename': card.alias,
      'general.license': card.license,
      [`${FAMILY}.context_length`]: card.maxTokens,
      [`${FAMILY}.embedding_length`]: card.dimensions,
      [`${FAMILY}.pooling_type`]: POOLING_TYPES[card.pooling],
    },
    capabilities: capabilitiesOf(card),
    modified_at: installed.installedAt,
  };
}

function detailsOf({ variant }: Installed): OllamaDetails {
  return {
    parent_model: '',
    format: variant.kind === undefined ? 'onnx' : 'safetensors',
    family: FAMILY,
    families: [FAMILY],
    parameter_size: '',
    quantization_level: variant.dtype.toUpperCase(),
  };
}

/** What a model does, the first in Ollama's own word. */
function capabilitiesOf({ task, alsoTasks = [] }: ModelCard): string[] {
  return [task, ...alsoTasks].map((one) => (one === 'embed' ? 'embedding' : one));
}

function digestOf({ files }: Installed): string {
  const lines = files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).toSorted();
  return createHash('sha256').update(lines.join('')).digest('hex');
}
