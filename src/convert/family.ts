import type { Weights } from '../models/weights.ts';
import type { Graph, Value } from './graph.ts';
import type { ModelConfig } from './model-config.ts';
import type { Products, SelfAttentionLayer } from './products.ts';

/** Inputs of the graph as the blocks want them. */
export interface EncoderInputs {
  /** `input_ids`, int64 [texts, tokens], padded on the right. */
  readonly ids: Value;
  /** `attention_mask`, int64 [texts, tokens], 1 where a token is real. */
  readonly mask: Value;
  /** The same as int32, for fused attention. */
  readonly keyMask: Value;
  /** `token_type_ids`, int64 [texts, tokens]; undefined where the graph takes every token for type 0. */
  readonly typeIds: Value | undefined;
}

/** What a family builds with. */
export interface BuildContext {
  readonly graph: Graph;
  /** The encoder's own tensors: names without whatever prefix the file puts before them (`bert.`, `0.auto_model.`, `model.`). */
  readonly weights: Weights;
  /** Tensors beside the encoder (classifier, masked-LM head, projections): names without the prefix's outer part. */
  readonly headWeights: Weights;
  /** The model's config.json. */
  readonly config: ModelConfig;
  readonly products: Products;
  readonly inputs: EncoderInputs;
  /** The longest text that the graph will see, special tokens included: enough rows for tables of positions. */
  readonly maxTokens: number;
}

/** What the encoder's layers give. */
export interface EncoderStates {
  /** `last_hidden_state`, float32 [texts, tokens, hidden]; rows of padding hold anything finite. */
  readonly states: Value;
  /** Input and projections of the last layer's attention; absent where the family's attention is not the plain kind. */
  readonly lastAttention?: { readonly input: Value; readonly layer: SelfAttentionLayer };
}

/** Heads that come with a family's published weights. All read `states` as {@link EncoderStates} gives them. */
export interface FamilyHeads {
  /** Cross-encoder: float32 [texts, labels]. */
  readonly classify?: (context: BuildContext, states: Value) => Value;
  /** Masked language model over `states` of any leading shape: float32 [..., vocabulary]. Rows are independent of one another. */
  readonly predictVocabulary?: (context: BuildContext, states: Value) => Value;
  /** A tensor beside the encoder that only files with a masked-LM head have, e.g. `vocab_transform.weight`. */
  readonly vocabularyAnchor?: string;
}

/** One family of encoders: how its layers are laid out and named. Add one to `families` in families.ts and it is supported. */
export interface Family extends FamilyHeads {
  /** For reports and messages, e.g. `bert`. */
  readonly name: string;
  /** Values of config.json's `model_type` that it serves. */
  readonly modelTypes: readonly string[];
  /** A tensor that every file of the family has, as the family names it; what stands before it in a file is the prefix. */
  readonly anchor: string;
  /** Length of a token's state. */
  hiddenSize(config: ModelConfig): number;
  /** Whether pairs of texts need `token_type_ids`. */
  usesTypeIds(config: ModelConfig): boolean;
  /** Whether values between layers grow beyond float16 (65,504), so that graphs for graphics processors compute in float32. */
  readonly outgrowsHalf?: boolean;
  /**
   * Builds embeddings and layers.
   * @throws LocalLiteError model_unsupported, naming the setting of config.json or the tensor that cannot be honoured
   */
  encode(context: BuildContext): EncoderStates;
}
