import { type Constant, Graph, type GraphNode, type Value } from './graph.ts';
import { toHalf } from './half.ts';
import { copyNode, floatsOf, plainName, type Rewrite, rewritten } from './rewrite.ts';

/** Values of `TensorProto.DataType`, for Cast. */
const FLOAT = 1;
const HALF = 10;

/** How a plain graph is brought to float16. */
export interface HalfOptions {
  /** Constants by name (without the number that makes it unique) whose products stay in float32. */
  readonly precise: ReadonlySet<string>;
  /**
   * `half`: products, attention and activations in float16; norms' squares, growing sums and finished vectors in float32. `float`: weights
   * are kept in float16, but everything is computed in float32, for models whose values outgrow float16.
   */
  readonly activations: 'half' | 'float';
}

type Float = 'float32' | 'float16';

/** A plain graph (see plainGraph) brought to float16. Inputs stay as they are; so do outputs, in float32. */
export function halfGraph(source: Graph, options: HalfOptions): Graph {
  const graph = castOutputs(source);
  const facts = factsOf(graph);
  const types = new Map<Value, Float>();
  return rewritten(graph, (node, rewrite) => convert(node, { rewrite, facts, types, options }));
}

/** What is known of the values of the graph that is read. */
interface Facts {
  readonly constants: ReadonlyMap<Value, Constant>;
  readonly makers: ReadonlyMap<Value, GraphNode>;
  /** Values of floats. */
  readonly floats: ReadonlySet<Value>;
  /** Values that follow from the inputs' contents, not from constants and shapes alone. */
  readonly dependent: ReadonlySet<Value>;
}

interface Conversion {
  readonly rewrite: Rewrite;
  readonly facts: Facts;
  /** Types of the values that depend on inputs, by their old names. */
  readonly types: Map<Value, Float>;
  readonly options: HalfOptions;
}

/** Every float output behind a cast, which becomes one to float32. */
function castOutputs(source: Graph): Graph {
  const floats = new Set(source.outputs.filter(({ type }) => type === 'float32').map(({ name }) => name));
  const graph = new Graph();
  graph.inputs.push(...source.inputs);
  graph.outputs.push(...source.outputs);
  graph.constants.push(...source.constants);
  for (const node of source.nodes) {
    const [output = ''] = node.outputs;
    if (!floats.has(output)) graph.nodes.push(node);
    else {
      const cast = `${output}.float32`;
      graph.nodes.push({ op: 'Cast', domain: '', inputs: node.inputs, outputs: [cast], attributes: { to: { int: FLOAT } } });
      graph.nodes.push({ ...node, inputs: [cast] });
    }
  }
  return graph;
}

/** Operators that give no floats, whatever they read. */
const NOT_FLOATS = new Set(['Shape', 'Size', 'Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'And', 'Or', 'Not']);

function factsOf(graph: Graph): Facts {
  const constants = new Map(graph.constants.map((constant) => [constant.name, constant]));
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output): [Value, GraphNode] => [output, node])));
  const floats = new Set(graph.constants.filter(({ type }) => type === 'float32').map(({ name }) => name));
  const dependent = new Set(graph.inputs.map(({ name }) => name));
  for (const node of graph.nodes) {
    const follows = node.op !== 'Shape' && node.inputs.some((input) => dependent.has(input));
    for (const output of node.outputs) {
      if (givesFloats(node, floats)) floats.add(output);
      if (follows) dependent.add(output);
    }
  }
  return { constants, makers, floats, dependent };
}

function givesFloats({ op, inputs, attributes }: GraphNode, floats: ReadonlySet<Value>): boolean {
  if (op === 'Cast') return attributes['to'] !== undefined && 'int' in attributes['to'] && attributes['to'].int === FLOAT;
  return !NOT_FLOATS.has(op) && floats.has(inputs[op === 'Where' ? 1 : 0] ?? '');
}

function convert(node: GraphNode, conversion: Conversion): readonly Value[] | undefined {
  const { facts, rewrite, types } = conversion;
  const [first = ''] = node.outputs;
  if (!facts.floats.has(first)) {
    const natural = node.inputs.map((input) =>
      facts.floats.has(input) ? operand(input, types.get(input) ?? 'float32', conversion) : rewrite.value(input),
    );
    return rewrite.graph.many(node.op, node.domain, natural, node.attributes, node.outputs.length);
  }
  // Made when something reads it, in the type that it is read in.
  if (!facts.dependent.has(first)) return [];
  const type = typeOf(node, conversion);
  for (const output of node.outputs) types.set(output, type);
  if (node.op === 'Cast') return castToFloat(node, conversion);
  return emit(node, type, conversion);
}

function castToFloat(node: GraphNode, conversion: Conversion): readonly Value[] {
  const [input = ''] = node.inputs;
  if (!conversion.facts.floats.has(input)) return copyNode(node, conversion.rewrite);
  return [operand(input, 'float32', conversion)];
}

function emit(node: GraphNode, type: Float, conversion: Conversion): readonly Value[] {
  const { facts, rewrite } = conversion;
  const inputs = node.inputs.map((input) => (facts.floats.has(input) ? operand(input, type, conversion) : rewrite.value(input)));
  return rewrite.graph.many(node.op, node.domain, inputs, node.attributes, node.outputs.length);
}

/** In which type a node computes. */
function typeOf(node: GraphNode, { facts, types, options }: Conversion): Float {
  if (node.op === 'Cast') return 'float32';
  const floats = node.inputs.filter((input) => facts.floats.has(input));
  const read = floats.filter((input) => facts.dependent.has(input)).map((input) => types.get(input) ?? 'float32');
  // A table's rows: as the table is kept.
  if (read.length === 0) return 'float16';
  const weights = floats.filter((input) => !facts.dependent.has(input));
  if (options.activations === 'float' || weights.some((weight) => options.precise.has(plainName(weight)))) return 'float32';
  if ((node.op === 'MatMul' || node.op === 'Gemm') && weights.length > 0) return 'float16';
  return read.every((type) => type === 'float16') ? 'float16' : 'float32';
}

/** A value of the old graph in the new one, in the type that its reader computes in. */
function operand(old: Value, type: Float, conversion: Conversion): Value {
  const { facts, rewrite, types } = conversion;
  const { graph, shared } = rewrite;
  const constant = facts.constants.get(old);
  if (constant !== undefined) return shared(`${old} ${type}`, () => constantOf(constant, type, conversion));
  if (!facts.dependent.has(old)) return shared(`${old} ${type}`, () => independent(old, type, conversion));
  if ((types.get(old) ?? 'float32') === type) return rewrite.value(old);
  return shared(`${old} ${type}`, () => graph.op('Cast', [rewrite.value(old)], { to: { int: type === 'float16' ? HALF : FLOAT } }));
}

/** Matrices are kept in float16 even where they are computed with in float32. */
function constantOf({ name, dims, data }: Constant, type: Float, { rewrite, options }: Conversion): Value {
  const { graph } = rewrite;
  const plain = plainName(name);
  const matrix = dims.length === 2 && (dims[0] ?? 0) > 1 && !options.precise.has(plain);
  if (type === 'float32' && !(matrix && options.activations === 'float')) return graph.constant(plain, 'float32', dims, data);
  const half = graph.constant(plain, 'float16', dims, () => toHalf(floatsOf(data(), name)));
  return type === 'float16' ? half : graph.op('Cast', [half], { to: { int: FLOAT } });
}

/** A value that follows from constants and shapes alone, made anew in this type. */
function independent(old: Value, type: Float, conversion: Conversion): Value {
  const maker = conversion.facts.makers.get(old);
  const at = maker?.outputs.indexOf(old) ?? -1;
  return maker === undefined ? '' : (emit(maker, type, conversion)[at] ?? '');
}
