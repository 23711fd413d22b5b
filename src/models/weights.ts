/** Tensors of a model as published, opened but not read. */
export interface Weights {
  /** Names in the order of the file(s). */
  readonly names: readonly string[];
  /** Row-major shape; undefined where there is no such tensor. */
  shape(name: string): readonly number[] | undefined;
  /**
   * Reads one tensor and widens it to float32. Nothing is kept: two calls read twice.
   * @throws LocalLiteError model_unsupported, naming the tensor that is missing
   */
  read(name: string): Float32Array;
  close(): void;
}
