import type { CallOptions, LocalLite } from '../sdk/index.ts';

/** Which vectors are asked for: one a text, weights of vocabulary terms, or one a token. */
export type VectorKind = 'embed' | 'sparse' | 'multi';

/** A request for vectors of any kind, without its texts; what a kind does not know is left out. */
export interface VectorRequest {
  readonly model: string;
  readonly encoding_format: 'float' | 'base64';
  readonly input_type?: 'query' | 'passage';
  readonly dimensions?: number;
  readonly truncate?: boolean;
  readonly return_tokens?: boolean;
}

/** What is written of each text, and how many of its tokens were cut. */
export interface VectorLines {
  readonly values: readonly object[];
  readonly cut: readonly number[];
}

type Ask = (client: LocalLite, request: VectorRequest, input: readonly string[], options: CallOptions) => Promise<VectorLines>;

/** Asks for the vectors of some texts; the answer is in their order. */
export const ASK: Readonly<Record<VectorKind, Ask>> = {
  async embed(client, { return_tokens: _tokens, ...request }, input, options) {
    const { data, locallite } = await client.embeddings.create({ ...request, input }, options);
    return { values: data.map(({ embedding }) => ({ embedding })), cut: locallite.truncated_tokens };
  },
  async sparse(client, { dimensions: _dimensions, ...request }, input, options) {
    const { data, locallite } = await client.embeddings.sparse({ ...request, input }, options);
    return { values: data.map(({ object: _object, index: _index, ...values }) => values), cut: locallite.truncated_tokens };
  },
  async multi(client, { dimensions: _dimensions, return_tokens: _tokens, ...request }, input, options) {
    const { data, locallite } = await client.embeddings.multi({ ...request, input }, options);
    return { values: data.map(({ object: _object, index: _index, ...values }) => values), cut: locallite.truncated_tokens };
  },
};
