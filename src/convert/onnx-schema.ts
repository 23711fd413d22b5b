import { createFileRegistry, type DescMessage, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { LocalLiteError } from '../errors.ts';
import schema from './onnx-schema.json' with { type: 'json' };

const registry = createFileRegistry(fromJson(FileDescriptorProtoSchema, schema), () => undefined);

/**
 * Serialises a message of ONNX's schema that is given in protobuf's JSON form.
 * @param name e.g. `ModelProto`
 * @throws LocalLiteError internal when the value does not fit the schema
 */
export function encodeMessage(name: string, value: JsonValue): Uint8Array {
  const message = messageOf(name);
  try {
    return toBinary(message, fromJson(message, value));
  } catch (cause) {
    throw new LocalLiteError('internal', `no ${name} can be made: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Number of a field in ONNX's schema, e.g. 9 for `raw_data` of `TensorProto`. */
export function fieldNumber(message: string, field: string): number {
  const number = messageOf(message).fields.find(({ name }) => name === field)?.number;
  if (number === undefined) throw new LocalLiteError('internal', `ONNX's schema has no field ${field} in ${message}`);
  return number;
}

function messageOf(name: string): DescMessage {
  const message = registry.getMessage(`onnx.${name}`);
  if (message === undefined) throw new LocalLiteError('internal', `ONNX's schema has no message ${name}`);
  return message;
}
