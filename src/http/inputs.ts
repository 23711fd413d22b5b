import { LocalLiteError } from '../errors.ts';

/** The limits of a request's inputs, as the settings `limits.inputs` and `limits.input_bytes` give them. */
export interface InputLimits {
  readonly inputs: number;
  readonly input_bytes: number;
}

// A UTF-16 code unit is at most three bytes of UTF-8, so that most texts need no counting.
const MAX_BYTES_A_CODE_UNIT = 3;

/**
 * Holds the inputs of one request against the limits. Token ids are bounded by the model, not here. `name`: the field that holds them.
 * @throws LocalLiteError invalid_request (too many) or input_too_long (one text), with `param` naming the input.
 */
export function checkInputs(inputs: readonly (string | readonly number[])[], limits: InputLimits, name = 'input'): void {
  if (inputs.length > limits.inputs) {
    const many = `${inputs.length} ${name === 'input' ? 'inputs' : name}`;
    throw new LocalLiteError('invalid_request', `${name}: ${many} in one request; at most ${limits.inputs} are allowed`, { param: name });
  }
  for (const [index, input] of inputs.entries()) {
    if (typeof input === 'string') checkText(input, limits, `${name}[${index}]`);
  }
}

/** Holds one text against the limits. @throws LocalLiteError input_too_long with `param` as given */
export function checkText(text: string, limits: InputLimits, param: string): void {
  if (text.length * MAX_BYTES_A_CODE_UNIT <= limits.input_bytes) return;
  const bytes = Buffer.byteLength(text);
  if (bytes <= limits.input_bytes) return;
  throw new LocalLiteError('input_too_long', `${param} has ${bytes} bytes; at most ${limits.input_bytes} are allowed`, { param });
}
