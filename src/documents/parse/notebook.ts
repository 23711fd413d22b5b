import { z } from 'zod';
import { LocalLiteError } from '../../errors.ts';
import type { DocumentParser, DraftBlock } from '../document-types.ts';
import { decodeText } from '../encoding.ts';
import { markdownBlocks } from './markdown.ts';

const lines = z.union([z.string(), z.array(z.string())]).transform((value) => (typeof value === 'string' ? value : value.join('')));
const outputSchema = z.object({ text: lines.optional(), data: z.record(z.string(), z.unknown()).optional() });
/** nbformat 4, as far as it is read. */
const notebookSchema = z.object({
  cells: z.array(z.object({ cell_type: z.string(), source: lines, outputs: z.array(outputSchema).optional() })),
  metadata: z
    .object({
      title: z.string().optional(),
      kernelspec: z.object({ language: z.string().optional() }).optional(),
      language_info: z.object({ name: z.string().optional() }).optional(),
    })
    .optional(),
});

/** Jupyter notebooks: text, code and the text of outputs. */
export const notebookParser: DocumentParser = {
  name: 'notebook',
  mediaTypes: ['application/x-ipynb+json'],
  async parse(bytes, context) {
    const notebook = notebookSchema.safeParse(readJson(decodeText(bytes, context)));
    if (!notebook.success) throw new LocalLiteError('document_unreadable', 'the file is not a notebook of format 4');
    const { cells, metadata } = notebook.data;
    const language = metadata?.language_info?.name ?? metadata?.kernelspec?.language ?? 'python';
    const blocks = cells.flatMap((cell) => cellBlocks(cell, language));
    const title = metadata?.title ?? blocks.find(({ kind, level }) => kind === 'heading' && level === 1)?.text;
    return { metadata: title === undefined ? {} : { title }, blocks };
  },
};

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LocalLiteError('document_unreadable', 'the notebook is not valid JSON', { cause });
  }
}

function cellBlocks(cell: z.infer<typeof notebookSchema>['cells'][number], language: string): readonly DraftBlock[] {
  if (cell.cell_type === 'markdown') return markdownBlocks(cell.source);
  if (cell.cell_type !== 'code') return [{ kind: 'text', text: cell.source }];
  const outputs = (cell.outputs ?? []).map(outputText).filter((text) => text !== '');
  return [{ kind: 'code', language, text: cell.source }, ...outputs.map((text): DraftBlock => ({ kind: 'code', text }))];
}

function outputText({ text, data }: z.infer<typeof outputSchema>): string {
  const plain = lines.safeParse(data?.['text/plain']);
  return text ?? (plain.success ? plain.data : '');
}
