import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ParsedDocument } from '../../src/documents/document-types.ts';
import { toMarkdown } from '../../src/documents/markdown.ts';
import { parseFile } from './parse-file.ts';

const FOLDER = join(import.meta.dirname, '../../../shared/data/documents/markitdown');

/** True where markitdown's test documents are at hand. */
export const hasMarkitdown = existsSync(join(FOLDER, '_test_vectors.py'));

/** Strings that markitdown's own tests ask of a document. */
export interface Vector {
  readonly filename: string;
  readonly mustInclude: readonly string[];
  readonly mustNotInclude: readonly string[];
}

/**
 * Labels that markitdown writes by itself around what a document says (its words for a mail, an image it names by its file): no reader has
 * to use the same.
 */
const OWN_LABELS: ReadonlySet<string> = new Set(['# Email Message', '## Content', 'data:image/png;base64...']);

/** Bytes of one of its test files. */
export function markitdownFile(filename: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, 'test_files', filename)));
}

/** The vectors of these files, without {@link OWN_LABELS}. Throws for a file that has none. */
export function markitdownVectors(...filenames: readonly string[]): readonly Vector[] {
  const source = readFileSync(join(FOLDER, '_test_vectors.py'), 'utf8').split('DATA_URI_TEST_VECTORS')[0] ?? '';
  const vectors = source.split('FileTestVector(').slice(2).map(vectorOf);
  return filenames.map((filename) => {
    const found = vectors.find((vector) => vector.filename === filename);
    if (found === undefined || found.mustInclude.length === 0) throw new RangeError(`no vector for ${filename}`);
    return found;
  });
}

function vectorOf(source: string): Vector {
  const filename = /filename="([^"]*)"/.exec(source)?.[1] ?? '';
  return {
    filename,
    mustInclude: strings(source, 'must_include').filter((text) => !OWN_LABELS.has(text)),
    mustNotInclude: strings(source, 'must_not_include'),
  };
}

/** Strings of a list in Python: in either kind of quotes, with a comment behind. */
function strings(source: string, name: string): readonly string[] {
  const list = new RegExp(`${name}=\\[([\\s\\S]*?)\\n?\\s*\\],?\\n`).exec(`${source}\n`)?.[1] ?? '';
  return [...list.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/g)].map(([, double, single]) => double ?? single ?? '');
}

/** What is asked and not there, and what is there and must not be: both empty when all is well. */
export interface Missed {
  readonly missing: readonly string[];
  readonly forbidden: readonly string[];
}

/**
 * Reads a file of the vectors and compares. Marks of emphasis, titles of links, signs of bullets and a
 * sender's name before the address count for nothing: ours are others.
 */
export async function missedBy({ filename, mustInclude, mustNotInclude }: Vector): Promise<Missed & { readonly document: ParsedDocument }> {
  const document = await parseFile(markitdownFile(filename), { name: filename });
  const markdown = toMarkdown(document);
  const shown = `${unmarked(markdown)}\n${unmarked(document.text)}`;
  const has = (text: string): boolean => markdown.includes(text) || shown.includes(unmarked(text));
  return {
    document,
    missing: mustInclude.filter((text) => !has(text)),
    forbidden: mustNotInclude.filter((text) => markdown.includes(text)),
  };
}

/** Markdown as it is shown, on one line. */
function unmarked(markdown: string): string {
  return markdown
    .replaceAll(/^((?:From|To|Cc): )[^<\n]*<([^>\n]+)>$/gm, '$1$2')
    .replaceAll(/!?\[((?:[^\]\\]|\\.)*)\]\((?:<[^>]*>|[^()\s]*(?:\([^()]*\)[^()\s]*)*)(?:\s+"[^"]*")?\)/g, '$1')
    .replaceAll(/!?\[([^\]]*)\]/g, '$1')
    .replaceAll(/^[ \t]*(?:#{1,6}|>|[*+-])[ \t]+/gm, '')
    .replaceAll(/\*\*|__|\*|\\(?=[[\]|#>*+.-])/g, '')
    .replaceAll(/[\s\u00a0]+/g, ' ')
    .trim();
}
