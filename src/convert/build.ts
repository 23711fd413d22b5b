import { join } from 'node:path';
import { openWeights } from '../models/safetensors.ts';
import type { Weights } from '../models/weights.ts';
import type { ConvertRequest } from './convert-types.ts';
import { familyOf } from './families.ts';
import type { BuildContext, EncoderInputs, Family } from './family.ts';
import { Graph } from './graph.ts';
import { addHead } from './heads.ts';
import { watchTensors } from './known-tensors.ts';
import { type ModelConfig, modelConfig } from './model-config.ts';
import type { Products } from './products.ts';
import { pruned } from './prune.ts';
import { outerPrefix, prefixOf, scopedWeights } from './scoped-weights.ts';
import { closeModules, readJson, readModules, type SentenceModule } from './sentence-modules.ts';

/** A model's published files, opened for conversion. */
export interface ModelFiles {
  readonly config: ModelConfig;
  readonly weights: Weights;
  /** Steps behind the transformer, from modules.json. */
  readonly modules: readonly SentenceModule[];
  readonly family: Family;
  close(): void;
}

/**
 * Opens a folder with config.json, safetensors and, for sentence-transformers models, modules.json. Keep it open until the graph is written:
 * weights are read only then.
 * @throws LocalLiteError model_unsupported for a family, step or file that LocalLite cannot convert; model_load_failed for broken files
 */
export function openModelFiles(directory: string): ModelFiles {
  const config = modelConfig(readJson(join(directory, 'config.json'), 'config.json'));
  const family = familyOf(config);
  const weights = openWeights(directory);
  try {
    const modules = readModules(directory);
    return {
      config,
      family,
      weights,
      modules,
      close() {
        weights.close();
        closeModules(modules);
      },
    };
  } catch (error) {
    weights.close();
    throw error;
  }
}

/**
 * Builds the graph of a model: `input_ids` and `attention_mask` (int64 [texts, tokens], padded on the right; `token_type_ids` where pairs
 * need them) to the outputs of the requested tasks. Constants read the weights when the graph is written.
 * @throws LocalLiteError model_unsupported, naming what cannot be honoured; model_wrong_task where the weights lack a task's head
 */
export function buildGraph(files: ModelFiles, request: ConvertRequest, products: Products): Graph {
  const { family, config, weights } = files;
  const graph = new Graph();
  const prefix = prefixOf(weights, family.anchor);
  const watched = watchTensors(scopedWeights(weights, prefix));
  const context: BuildContext = {
    graph,
    weights: watched.weights,
    headWeights: scopedWeights(weights, outerPrefix(prefix)),
    config,
    products,
    inputs: addInputs(graph, request.tasks.includes('rerank') && family.usesTypeIds(config)),
    maxTokens: request.maxTokens,
  };
  const encoded = family.encode(context);
  watched.assertLayersUsed(family.name);
  for (const task of request.tasks) addHead(task, { context, family, encoded, request, modules: files.modules });
  return pruned(graph);
}

/** `TensorProto.INT32`, for Cast. */
const INT32 = 6;

function addInputs(graph: Graph, typed: boolean): EncoderInputs {
  const shape = ['texts', 'tokens'];
  const ids = graph.input('input_ids', 'int64', shape);
  const mask = graph.input('attention_mask', 'int64', shape);
  const typeIds = typed ? graph.input('token_type_ids', 'int64', shape) : undefined;
  return { ids, mask, typeIds, keyMask: graph.op('Cast', [mask], { to: { int: INT32 } }) };
}
