import type { ProviderName } from './providers.ts';

/** One tensor. `int64` data is held as 32-bit pairs by nobody: it is what ONNX Runtime takes. */
export interface Tensor {
  readonly type: 'int64' | 'int32' | 'float32' | 'float16';
  readonly dims: readonly number[];
  readonly data: BigInt64Array | Int32Array | Float32Array | Uint16Array;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** Name, element type and shape of an input or output; symbolic dimensions are names. */
export interface TensorShape {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

/** An open graph. Lives in a worker process only: `run` may block its event loop. */
export interface InferenceSession {
  readonly inputs: readonly TensorShape[];
  readonly outputs: readonly TensorShape[];
  /** Runs the graph and returns the named outputs. */
  run(feeds: Tensors, outputs: readonly string[]): Promise<Tensors>;
  dispose(): Promise<void>;
}

/** How to open a session. */
export interface SessionRequest {
  /** Absolute path of the graph. */
  readonly path: string;
  readonly provider: ProviderName;
  readonly threads: number;
  /** Another onnxruntime-node build (package name or absolute path); undefined = the one LocalLite depends on. */
  readonly runtimePackage: string | undefined;
  /** Library of a provider that is built separately, e.g. QnnHtp.dll. */
  readonly providerLibrary: string | undefined;
}

/** A session and where its nodes really ran, counted on one run over a tiny input. */
export interface OpenedSession extends InferenceSession {
  /** Ends the profile that was begun at opening: nodes by provider, e.g. `{ cpu: 81 }`; undefined where the runtime does not tell. */
  readonly nodesByProvider: () => Promise<Readonly<Record<string, number>> | undefined>;
}
