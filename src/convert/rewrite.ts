import { LocalLiteError } from '../errors.ts';
import { type Constant, type ElementData, Graph, type GraphNode, type Port, type Value } from './graph.ts';

/** A graph on its way into another form, node by node. */
export interface Rewrite {
  /** The new graph. */
  readonly graph: Graph;
  /** What stands for `value` of the old graph; the empty string for an input that is left out. */
  value(value: Value): Value;
  /** The constant of the old graph that `value` names, if it is one. */
  constant(value: Value): Constant | undefined;
  /** Whether anything reads `value` of the old graph. */
  used(value: Value): boolean;
  /** Something made once for several nodes, by a key of its maker. */
  shared(key: string, make: () => Value): Value;
}

/** New values for a node's outputs, in their order; undefined: the node is copied as it is. */
export type NodeRule = (node: GraphNode, rewrite: Rewrite) => readonly Value[] | undefined;

/** A copy of `source` in which `rule` has replaced what it wanted to. Constants are copied only where something reads them. */
export function rewritten(source: Graph, rule: NodeRule, inputs: readonly Port[] = source.inputs): Graph {
  const graph = new Graph();
  for (const { name, type, dims } of inputs) graph.input(name, type, dims);
  const rewrite = rewriteInto(graph, source);
  const ports = new Map(source.outputs.map((port) => [port.name, port]));
  for (const node of source.nodes) {
    const port = ports.get(node.outputs[0] ?? '');
    if (port !== undefined) graph.output(port.name, rewrite.value(node.inputs[0] ?? ''), port.type, port.dims);
    else rewrite.set(node.outputs, rule(node, rewrite) ?? copyNode(node, rewrite));
  }
  return graph;
}

/** The same node in the new graph. */
export function copyNode({ op, domain, inputs, outputs, attributes }: GraphNode, { graph, value }: Rewrite): readonly Value[] {
  return graph.many(op, domain, inputs.map(value), attributes, outputs.length);
}

/** A name without the number that makes it unique in its graph. */
export function plainName(value: Value): string {
  return value.replace(/#\d+$/, '');
}

function rewriteInto(graph: Graph, source: Graph): Rewrite & { set(old: readonly Value[], values: readonly Value[]): void } {
  const constants = new Map(source.constants.map((constant) => [constant.name, constant]));
  const read = new Set(source.nodes.flatMap(({ inputs }) => inputs));
  const values = new Map<Value, Value>([['', ''], ...source.inputs.map(({ name }): [Value, Value] => [name, name])]);
  const made = new Map<string, Value>();
  const copyConstant = (constant: Constant): Value => {
    const copy = graph.constant(plainName(constant.name), constant.type, constant.dims, constant.data);
    values.set(constant.name, copy);
    return copy;
  };
  return {
    graph,
    value(old) {
      const constant = constants.get(old);
      const known = values.get(old) ?? (constant === undefined ? undefined : copyConstant(constant));
      if (known === undefined) throw new LocalLiteError('internal', `the graph reads ${old} before anything makes it`);
      return known;
    },
    constant: (old) => constants.get(old),
    used: (old) => read.has(old),
    shared(key, make) {
      const value = made.get(key) ?? make();
      made.set(key, value);
      return value;
    },
    set(old, made) {
      old.forEach((name, at) => {
        const value = made[at];
        if (value !== undefined && name !== '') values.set(name, value);
      });
    },
  };
}

/** A part of a float32 constant of one dimension, as a constant of its own. */
export function slicedConstant({ graph }: Rewrite, { name, data }: Constant, from: number, to: number): Value {
  return graph.constant(plainName(name), 'float32', [to - from], () => floatsOf(data(), name).slice(from, to));
}

/** @throws LocalLiteError internal where a constant is not float32 */
export function floatsOf(data: ElementData, name: string): Float32Array {
  if (data instanceof Float32Array) return data;
  throw new LocalLiteError('internal', `${name} is not float32`);
}
