import type { DocumentParser } from '../document-types.ts';
import { decodeText } from '../encoding.ts';
import { languageOf } from '../source-languages.ts';

/** Source code: one block, with its language. */
export const sourceParser: DocumentParser = {
  name: 'source',
  mediaTypes: ['text/x-source'],
  async parse(bytes, context) {
    const text = decodeText(bytes, context);
    const language = languageOf(context.options.name, text);
    return { metadata: {}, blocks: [{ kind: 'code', text, ...(language !== undefined && { language }) }] };
  },
};
