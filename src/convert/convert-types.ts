import type { Pooling, Task } from '../models/card.ts';

/** Raised whenever the bytes that a conversion writes change; part of a made variant's name (`int8-c1`). */
export const CONVERTER_VERSION = 1;

/** Number formats of the weights. */
export const PRECISIONS = ['fp32', 'fp16', 'int8', 'q4'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** What a graph is laid out for: fused operators, operators that graphics providers place, or static shapes with QDQ. */
export const TARGETS = ['cpu', 'gpu', 'npu'] as const;
export type Target = (typeof TARGETS)[number];

/** What one conversion is to make, and of what. */
export interface ConvertRequest {
  /** Id of the model, for messages and for the statistics that ship with LocalLite. */
  readonly id: string;
  /** Folder with config.json, model.safetensors (or its index and shards), tokenizer.json and the modules' own folders. */
  readonly directory: string;
  /** Existing folder that receives `model.onnx` (and `model.onnx_data` above 1 GB). */
  readonly output: string;
  readonly precision: Precision;
  readonly target: Target;
  /** Heads of the graph. */
  readonly tasks: readonly Task[];
  readonly pooling: Pooling;
  readonly normalize: boolean;
  readonly dimensions: number;
  readonly maxTokens: number;
}

/** Steps of a conversion, with the share of the whole that is done, 0 to 1. */
export interface ConvertProgress {
  readonly phase: 'reading' | 'calibrating' | 'writing' | 'checking';
  readonly done: number;
}

/** What a conversion made and how well it holds to the fp32 graph; kept in the store's manifest. */
export interface ConvertReport {
  readonly converter: number;
  readonly precision: Precision;
  readonly target: Target;
  readonly family: string;
  /** Cosine to the fp32 graph of the same weights on texts that calibration did not see; undefined for fp32 itself. */
  readonly fidelity: { readonly meanCosine: number; readonly worstCosine: number; readonly texts: number } | undefined;
  /** Worst cosine between a text alone and the same text in a batch of mixed lengths. */
  readonly batchInvariance: number | undefined;
  /** Tokens a second of one thread, measured in turns with fp32 where that was there: only the ratio means much. */
  readonly tokensPerSecond: { readonly this: number; readonly fp32: number | undefined } | undefined;
  /** Resident bytes of a process that holds the graph after a batch. */
  readonly memoryBytes: number | undefined;
  /** Layers kept in fp32 because they cost too much fidelity, and the worst of the others. */
  readonly keptInFloat: readonly string[];
  readonly worstLayers: readonly { readonly layer: string; readonly relativeError: number }[];
  readonly seconds: number;
}
