/** Element types that our graphs use. */
export type ElementType = 'float32' | 'float16' | 'int64' | 'int32' | 'int8' | 'uint8' | 'uint16' | 'bool';

/** Raw numbers of a constant, in the element type's own width; little-endian, row-major. float16 as its bits, bool as 0 and 1. */
export type ElementData = Float32Array | Uint16Array | BigInt64Array | Int32Array | Int8Array | Uint8Array;

/** Name of a tensor that flows between nodes. The empty string stands for an optional input that is left out. */
export type Value = string;

/** An attribute of a node; ONNX tells integers from floats by the field they stand in. */
export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly string: string };

/** A weight or another constant. `data` is called when the file is written, once, so that a large model is never whole in memory. */
export interface Constant {
  readonly name: Value;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: () => ElementData;
}

/** One operator. */
export interface GraphNode {
  readonly op: string;
  /** Empty: ONNX's own operators; `com.microsoft`: ONNX Runtime's. */
  readonly domain: '' | 'com.microsoft';
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** An input or output of the whole graph; a string names a dimension that is known only when it runs. */
export interface Port {
  readonly name: Value;
  readonly type: ElementType;
  readonly dims: readonly (number | string)[];
}

/** A graph while it is built: plain data in the order it was added, which is the order it is written in. */
export class Graph {
  readonly inputs: Port[] = [];
  readonly outputs: Port[] = [];
  readonly constants: Constant[] = [];
  readonly nodes: GraphNode[] = [];
  #named = 0;

  /** Declares an input of the graph. */
  input(name: Value, type: ElementType, dims: readonly (number | string)[]): Value {
    this.inputs.push({ name, type, dims });
    return name;
  }

  /** Names `value` as an output of the graph. */
  output(name: string, value: Value, type: ElementType, dims: readonly (number | string)[]): void {
    this.nodes.push({ op: 'Identity', domain: '', inputs: [value], outputs: [name], attributes: {} });
    this.outputs.push({ name, type, dims });
  }

  /** Adds a constant under a name of its own. */
  constant(name: string, type: ElementType, dims: readonly number[], data: ElementData | (() => ElementData)): Value {
    const unique = this.#unique(name);
    this.constants.push({ name: unique, type, dims, data: typeof data === 'function' ? data : () => data });
    return unique;
  }

  /** A scalar or short list of floats. */
  floats(name: string, values: readonly number[], dims: readonly number[] = [values.length]): Value {
    return this.constant(name, 'float32', dims, Float32Array.from(values));
  }

  /** A list of int64, as shape and axis inputs want; `dims` [] makes a scalar of a single value. */
  ints(name: string, values: readonly number[], dims: readonly number[] = [values.length]): Value {
    return this.constant(name, 'int64', dims, BigInt64Array.from(values, BigInt));
  }

  /** Adds an operator of ONNX's own set with one output. */
  op(op: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    return this.#add(op, '', inputs, attributes, 1)[0] ?? '';
  }

  /** Adds an operator of `com.microsoft` with one output. */
  fused(op: string, inputs: readonly Value[], attributes: Readonly<Record<string, Attribute>> = {}): Value {
    return this.#add(op, 'com.microsoft', inputs, attributes, 1)[0] ?? '';
  }

  /** Adds an operator with several outputs. */
  many(
    op: string,
    domain: GraphNode['domain'],
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>>,
    count: number,
  ): readonly Value[] {
    return this.#add(op, domain, inputs, attributes, count);
  }

  #add(
    op: string,
    domain: GraphNode['domain'],
    inputs: readonly Value[],
    attributes: Readonly<Record<string, Attribute>>,
    count: number,
  ): readonly Value[] {
    const outputs = Array.from({ length: count }, () => this.#unique(op));
    this.nodes.push({ op, domain, inputs, outputs, attributes });
    return outputs;
  }

  #unique(name: string): Value {
    this.#named += 1;
    return `${name}#${this.#named}`;
  }
}
