import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { CONVERTER_VERSION } from './convert-types.ts';
import type { Attribute, Constant, ElementType, Graph, GraphNode, Port } from './graph.ts';
import { encodeMessage } from './onnx-schema.ts';

/** Versions that a file declares: of the file format, and of the operators of both domains. */
const IR_VERSION = 10;
const OPSETS = [
  { domain: '', version: 21 },
  { domain: 'com.microsoft', version: 1 },
];

/** Values of `TensorProto.DataType`. */
const DATA_TYPES: Readonly<Record<ElementType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
};

const ELEMENT_BYTES: Readonly<Record<ElementType, number>> = {
  float32: 4,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
  float16: 2,
};

/** Bytes of a constant's raw data. */
export function constantBytes({ type, dims }: Constant): number {
  return dims.reduce((product, size) => product * size, ELEMENT_BYTES[type]);
}

/** `ModelProto` of a graph without its constants, which a file appends one by one. */
export function encodeModel(graph: Graph): Uint8Array {
  return encodeMessage('ModelProto', {
    ir_version: IR_VERSION,
    producer_name: 'locallite',
    producer_version: `c${CONVERTER_VERSION}`,
    opset_import: OPSETS,
    graph: {
      name: 'model',
      node: graph.nodes.map(nodeJson),
      input: graph.inputs.map(portJson),
      output: graph.outputs.map(portJson),
    },
  });
}

/** Where a constant's bytes stand when they are not in the model's own file. */
export interface ExternalPlace {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** `TensorProto` of a constant: without its bytes, or with the place where they stand. */
export function encodeTensor({ name, type, dims }: Constant, place?: ExternalPlace): Uint8Array {
  const tensor: JsonObject = { name, dims: [...dims], data_type: DATA_TYPES[type] };
  if (place === undefined) return encodeMessage('TensorProto', tensor);
  const externalData = Object.entries(place).map(([key, value]) => ({ key, value: String(value) }));
  return encodeMessage('TensorProto', { ...tensor, external_data: externalData, data_location: 'EXTERNAL' });
}

function nodeJson({ op, domain, inputs, outputs, attributes }: GraphNode, index: number): JsonObject {
  return {
    // Profiles count nodes by their names.
    name: `${op}_${index}`,
    op_type: op,
    domain,
    input: [...inputs],
    output: [...outputs],
    attribute: Object.entries(attributes).map(([name, value]) => ({ name, ...attributeJson(value) })),
  };
}

function attributeJson(attribute: Attribute): JsonObject {
  if ('int' in attribute) return { type: 'INT', i: attribute.int };
  if ('float' in attribute) return { type: 'FLOAT', f: floatJson(attribute.float) };
  if ('ints' in attribute) return { type: 'INTS', ints: [...attribute.ints] };
  if ('floats' in attribute) return { type: 'FLOATS', floats: attribute.floats.map(floatJson) };
  return { type: 'STRING', s: Buffer.from(attribute.string).toString('base64') };
}

/** JSON has no infinities; protobuf's form of it writes them as text. */
function floatJson(value: number): JsonValue {
  return Number.isFinite(value) ? value : String(value);
}

function portJson({ name, type, dims }: Port): JsonObject {
  const dim = dims.map((size) => (typeof size === 'number' ? { dim_value: size } : { dim_param: size }));
  return { name, type: { tensor_type: { elem_type: DATA_TYPES[type], shape: { dim } } } };
}
