import { Graph, type GraphNode, type Value } from './graph.ts';

/** The same graph without nodes and constants that no output needs, such as a last layer whose attention alone is asked for. */
export function pruned(graph: Graph): Graph {
  const needed = new Set<Value>(graph.outputs.map(({ name }) => name));
  const nodes: GraphNode[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => needed.has(output))) continue;
    nodes.push(node);
    for (const input of node.inputs) needed.add(input);
  }
  const kept = new Graph();
  kept.inputs.push(...graph.inputs);
  kept.outputs.push(...graph.outputs);
  kept.nodes.push(...nodes.reverse());
  kept.constants.push(...graph.constants.filter(({ name }) => needed.has(name)));
  return kept;
}
