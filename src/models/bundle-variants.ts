import { unsupported } from './bundle-files.ts';
import { type ModelFile, type ModelVariant, variantSchema } from './card.ts';
import { CONVERTIBLE_MODEL_TYPES, type WeightFiles } from './convertible.ts';
import { WEIGHTS_VARIANT } from './made.ts';

type Kind = Pick<ModelVariant, 'name' | 'dtype' | 'batchInvariant'>;

/** What exporters call their graphs, best first: full precision, then what costs least accuracy, then what depends on the batch. */
const KINDS: readonly (readonly [pattern: RegExp, kind: Omit<Kind, 'name'> & { readonly name?: string }])[] = [
  [/^model$/, { name: 'fp32', dtype: 'fp32', batchInvariant: true }],
  [/^model_fp16$/, { name: 'fp16', dtype: 'fp16', batchInvariant: true }],
  [/^model_q8$/, { name: 'q8', dtype: 'q8', batchInvariant: true }],
  [/^model_q4$/, { name: 'q4', dtype: 'q4', batchInvariant: true }],
  [/^model_q4f16$/, { name: 'q4f16', dtype: 'q4f16', batchInvariant: true }],
  [/^model_bnb4$/, { name: 'bnb4', dtype: 'bnb4', batchInvariant: true }],
  [/^model_o[123]$/, { dtype: 'fp32', batchInvariant: true }],
  [/^model_o4$/, { dtype: 'fp16', batchInvariant: true }],
  [/^model_int8$/, { name: 'int8-dynamic', dtype: 'int8', batchInvariant: false }],
  [/^model_quantized$/, { dtype: 'int8', batchInvariant: false }],
  [/^model_qint8\w*$/, { dtype: 'int8', batchInvariant: false }],
  [/^model_uint8$/, { name: 'uint8', dtype: 'uint8', batchInvariant: false }],
  [/^model_quint8\w*$/, { dtype: 'uint8', batchInvariant: false }],
];

interface Graph {
  readonly path: string;
  readonly rank: number;
  readonly kind: Kind;
}

/** The files that every variant of a model takes along, and the reference they all come from. */
export interface VariantFiles {
  readonly source: string;
  readonly shared: readonly ModelFile[];
  /** Weights that LocalLite makes graphs of, and their paths inside the installed model; undefined where it cannot. */
  readonly weights: (WeightFiles & { readonly installed: (path: string) => ModelFile }) | undefined;
  /** False where published graphs lack steps of the model. */
  readonly graphs: boolean;
  /** `model_type` of config.json, for messages. */
  readonly modelType: string | undefined;
}

/**
 * The variants that a model's list of files offers, best first: weights that LocalLite converts come before published graphs.
 * A single graph of an unknown name is taken as the model in full precision.
 * @throws LocalLiteError model_unsupported when there is neither
 */
export function variantsOf(id: string, paths: readonly string[], files: VariantFiles): ModelVariant[] {
  const { source, shared } = files;
  const graphs = files.graphs ? chooseGraphs(paths) : [];
  const published = graphs.map(({ path, kind }) =>
    variantSchema.parse({ ...kind, onnx: path, sources: [{ ref: source, files: [...shared, { path }, ...dataOf(path, paths)] }] }),
  );
  const variants = [...weightsVariant(files), ...published];
  if (variants.length === 0) throw unsupported(id, noGraph(paths, files.modelType));
  return variants;
}

function weightsVariant({ source, shared, weights }: VariantFiles): ModelVariant[] {
  if (weights === undefined) return [];
  const main = weights.installed(weights.main);
  const variant = {
    name: WEIGHTS_VARIANT,
    kind: 'weights',
    dtype: 'fp32',
    onnx: main.as ?? main.path,
    batchInvariant: true,
    sources: [{ ref: source, files: [...shared, ...weights.all.map(weights.installed)] }],
  };
  return [variantSchema.parse(variant)];
}

function chooseGraphs(paths: readonly string[]): readonly Graph[] {
  const onnx = paths.filter((path) => path.endsWith('.onnx'));
  const known = onnx.flatMap(recognise).sort((a, b) => a.rank - b.rank || folderRank(a.path) - folderRank(b.path));
  const first = new Map<string, Graph>();
  for (const graph of known) if (!first.has(graph.kind.name)) first.set(graph.kind.name, graph);
  const [only] = onnx;
  if (first.size > 0 || only === undefined || onnx.length > 1) return [...first.values()];
  return [{ path: only, rank: 0, kind: { name: 'fp32', dtype: 'fp32', batchInvariant: true } }];
}

function recognise(path: string): Graph[] {
  const stem = stemOf(path).toLowerCase();
  const rank = KINDS.findIndex(([pattern]) => pattern.test(stem));
  const kind = KINDS[rank]?.[1];
  return kind === undefined ? [] : [{ path, rank, kind: { ...kind, name: kind.name ?? stem.slice('model_'.length) } }];
}

/** Exporters put graphs into `onnx/`; a copy elsewhere is the older one. */
function folderRank(path: string): number {
  return path.startsWith('onnx/') ? 0 : path.split('/').length;
}

/** External weights of a graph: `model.onnx_data…`, `model.onnx.data`, and the loose constants that older exporters leave beside it. */
function dataOf(path: string, paths: readonly string[]): ModelFile[] {
  const folder = path.slice(0, path.length - baseOf(path).length);
  const isData = (candidate: string): boolean =>
    candidate.startsWith(`${path}_data`) ||
    candidate.startsWith(`${path}.data`) ||
    (candidate.startsWith(`${folder}Constant_`) && !baseOf(candidate).includes('.'));
  return paths.filter(isData).map((data) => ({ path: data }));
}

function noGraph(paths: readonly string[], modelType: string | undefined): string {
  const weights = paths.filter((path) => /\.(safetensors|bin|gguf|pt|h5)$/.test(path));
  if (weights.some((path) => path.endsWith('.safetensors'))) {
    const type = modelType === undefined ? 'no model_type in its config.json' : `the type ${JSON.stringify(modelType.slice(0, 60))}`;
    return `it has no ONNX graph (found ${weights.slice(0, 3).join(', ')}), and of ${type} LocalLite makes none; it converts ${CONVERTIBLE_MODEL_TYPES.join(', ')}`;
  }
  const found = weights.length > 0 ? ` (found ${weights.slice(0, 3).join(', ')}, which LocalLite does not run)` : '';
  const graphs = paths.filter((path) => path.endsWith('.onnx'));
  if (graphs.length > 0)
    return `none of its graphs (${graphs.slice(0, 3).join(', ')}) has the name of a text encoder (model.onnx, model_q4.onnx, …)`;
  return `it has no ONNX graph, such as onnx/model.onnx${found}`;
}

function baseOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function stemOf(path: string): string {
  return baseOf(path).slice(0, -'.onnx'.length);
}
