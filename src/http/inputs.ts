import { LocalLiteError } from '../errors.ts';

/** The limits of a request's inputs, as the settings `limits.inputs` and `limits.input_bytes` give them. */
export interface InputLimits {
  readonly inputs: number;
  readonly input_bytes: number;
}

// A UTF-16 code unit is at most three bytes of UTF-8, so that most texts need no counting.
const MAX_BYTES_A_CODE_UNIT = 3;

/**
 * Holds the inputs of one request against the limits. Token ids are bounded by the model, not here.
 * @throws LocalLiteError invalid_request (too many) or input_too_long (one text), with `param` naming the input.
 */
export function checkInputs(inputs: readonly (string | readonly number[])[], limits: InputLimits): void {
  if (inputs.length > limits.inputs) {
    throw new LocalLiteError('invalid_request', `input: ${inputs.length} inputs in one request; at most ${limits.inputs} are allowed`, {
      param: 'input',
    });
  }
  for (const [index, input] of inputs.entries()) {
    if (typeof input !== 'string' || input.length * MAX_BYTES_A_CODE_UNIT <= limits.input_bytes) continue;
    const bytes = Buffer.byteLength(input);
    if (bytes <= limits.input_bytes) continue;
    throw new LocalLiteError('input_too_long', `input[${index}] has ${bytes} bytes; at most ${limits.input_bytes} are allowed`, {
      param: `input[${index}]`,
    });
  }
}
