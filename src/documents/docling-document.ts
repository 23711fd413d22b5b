import { z } from 'zod';
import type { Box, DraftBlock, ParsedContent } from './document-types.ts';

const reference = z.object({ $ref: z.string() });
const box = z.object({ l: z.number(), t: z.number(), r: z.number(), b: z.number(), coord_origin: z.string().optional() });
const node = z.object({
  label: z.string().optional(),
  children: z.array(reference).default([]),
  content_layer: z.string().optional(),
  prov: z.array(z.object({ page_no: z.number(), bbox: box.nullish() })).default([]),
});
const text = node.extend({
  text: z.string().default(''),
  level: z.number().optional(),
  marker: z.string().nullish(),
  enumerated: z.boolean().nullish(),
  code_language: z.string().nullish(),
  hyperlink: z.string().nullish(),
});
const cell = z.object({ text: z.string().default(''), column_header: z.boolean().default(false) });
const table = node.extend({ captions: z.array(reference).default([]), data: z.object({ grid: z.array(z.array(cell)).default([]) }) });
const picture = node.extend({ captions: z.array(reference).default([]) });

/** What is read of a `DoclingDocument` (JSON, schema 1.x, docling-core); what it has besides is passed over. */
export const doclingDocumentSchema = z.object({
  schema_name: z.literal('DoclingDocument'),
  name: z.string().optional(),
  origin: z.object({ mimetype: z.string() }).partial().nullish(),
  body: node,
  groups: z.array(node).default([]),
  texts: z.array(text).default([]),
  tables: z.array(table).default([]),
  pictures: z.array(picture).default([]),
  pages: z.record(z.string(), z.object({ size: z.object({ height: z.number() }).nullish() })).default({}),
});

/** A checked `DoclingDocument`. */
export type DoclingDocument = z.infer<typeof doclingDocumentSchema>;
type Node = z.infer<typeof node>;
type Text = z.infer<typeof text>;
type Provenance = Node['prov'][number];

/** Deeper groups say nothing more. */
const MOST_DEPTH = 100;

/** Blocks of a document that Docling has read, in its reading order, with pages and boxes. */
export function doclingContent(document: DoclingDocument): ParsedContent {
  const walker = new Walker(document);
  walker.walk(document.body, 0);
  const title = document.texts.find(({ label }) => label === 'title')?.text;
  const pages = Object.keys(document.pages).length;
  return { metadata: { ...(title !== undefined && { title }), ...(pages > 0 && { pages }) }, blocks: walker.blocks };
}

class Walker {
  readonly blocks: DraftBlock[] = [];
  readonly #document: DoclingDocument;
  /** Each item once: a document may refer in circles. */
  readonly #seen = new Set<string>();

  constructor(document: DoclingDocument) {
    this.#document = document;
  }

  walk(parent: Node, depth: number): void {
    if (depth > MOST_DEPTH) return;
    for (const { $ref } of parent.children) {
      if (this.#seen.has($ref)) continue;
      this.#seen.add($ref);
      this.#item($ref, depth);
    }
  }

  #item($ref: string, depth: number): void {
    const { groups, texts, tables, pictures } = this.#document;
    const [, kind = '', index = ''] = /^#\/(groups|texts|tables|pictures)\/(\d+)$/.exec($ref) ?? [];
    const at = Number(index);
    if (kind === 'groups') this.#group(groups[at], depth);
    else if (kind === 'texts') this.#text(texts[at], depth);
    else if (kind === 'tables') this.#table(tables[at]);
    else if (kind === 'pictures') this.#picture(pictures[at]);
  }

  #group(group: Node | undefined, depth: number): void {
    if (group === undefined || isFurniture(group)) return;
    if (group.label === 'list' || group.label === 'ordered_list') this.#list(group);
    else if (group.label === 'inline') this.#inline(group);
    else this.walk(group, depth + 1);
  }

  #text(item: Text | undefined, depth: number): void {
    if (item === undefined || isFurniture(item)) return;
    this.#add(textBlock(item), item);
    this.walk(item, depth + 1);
  }

  #list(group: Node): void {
    const first = this.#textAt(group.children[0]?.$ref);
    const ordered = group.label === 'ordered_list' || first?.enumerated === true;
    const lines = this.#listLines(group, 0);
    this.#add({ kind: 'list', ordered, text: lines.join('\n') }, { prov: first?.prov ?? [] });
  }

  #listLines(group: Node, depth: number): readonly string[] {
    if (depth > MOST_DEPTH) return [];
    return group.children.flatMap(({ $ref }, index) => {
      const isNew = depth === 0 || !this.#seen.has($ref);
      this.#seen.add($ref);
      const item = isNew ? this.#textAt($ref) : undefined;
      const inner = item ?? (isNew ? this.#groupAt($ref) : undefined);
      const mark = item?.enumerated === true ? item.marker || `${index + 1}.` : '-';
      const own = item === undefined || item.text === '' ? [] : [`${'  '.repeat(depth)}${mark} ${item.text.replaceAll('\n', ' ')}`];
      return inner === undefined ? own : [...own, ...this.#listLines(inner, depth + 1)];
    });
  }

  /** Runs of one paragraph. */
  #inline(group: Node): void {
    const runs = group.children.flatMap(({ $ref }) => this.#textAt($ref) ?? []);
    for (const { $ref } of group.children) this.#seen.add($ref);
    const links = runs.flatMap(({ text: label, hyperlink }) => (hyperlink ? [{ text: label, url: hyperlink }] : []));
    const whole = runs.map((run) => run.text).join(' ');
    this.#add({ kind: 'text', text: whole, ...(links.length > 0 && { links }) }, { prov: runs[0]?.prov ?? [] });
  }

  #table(item: DoclingDocument['tables'][number] | undefined): void {
    if (item === undefined || isFurniture(item)) return;
    this.#captions(item.captions);
    const rows = item.data.grid.map((row) => row.map((one) => one.text.replaceAll(/\s*\n\s*/g, ' ')));
    const body = item.data.grid.findIndex((row) => !row.some((one) => one.column_header));
    const headerRows = body === -1 ? rows.length : body;
    this.#add({ kind: 'table', rows, headerRows, text: rows.map((row) => row.join(' | ')).join('\n') }, item);
  }

  #picture(item: DoclingDocument['pictures'][number] | undefined): void {
    if (item === undefined || isFurniture(item)) return;
    const captions = item.captions.flatMap(({ $ref }) => this.#textAt($ref)?.text ?? []);
    for (const { $ref } of item.captions) this.#seen.add($ref);
    this.#add({ kind: 'image', text: captions.join(' ') }, item);
    this.walk(item, 1);
  }

  #captions(captions: readonly { readonly $ref: string }[]): void {
    for (const { $ref } of captions) {
      const item = this.#textAt($ref);
      if (item !== undefined && !this.#seen.has($ref)) this.#add({ kind: 'text', text: item.text }, item);
      this.#seen.add($ref);
    }
  }

  #textAt($ref: string | undefined): Text | undefined {
    const index = /^#\/texts\/(\d+)$/.exec($ref ?? '')?.[1];
    return index === undefined ? undefined : this.#document.texts[Number(index)];
  }

  #groupAt($ref: string): Node | undefined {
    const index = /^#\/groups\/(\d+)$/.exec($ref)?.[1];
    return index === undefined ? undefined : this.#document.groups[Number(index)];
  }

  #add(block: DraftBlock, { prov }: Pick<Node, 'prov'>): void {
    if (block.text.trim() !== '') this.blocks.push({ ...block, ...this.#place(prov[0]) });
  }

  #place(place: Provenance | undefined): { readonly page?: number; readonly box?: Box } {
    if (place === undefined) return {};
    const found = place.bbox === undefined || place.bbox === null ? undefined : this.#box(place.bbox, place.page_no);
    return { page: place.page_no, ...(found !== undefined && { box: found }) };
  }

  /** Docling counts from the bottom where the document does; a box of ours from the top. */
  #box({ l, t, r, b, coord_origin: origin }: z.infer<typeof box>, page: number): Box | undefined {
    const height = this.#document.pages[String(page)]?.size?.height;
    if (origin !== 'BOTTOMLEFT') return { x: l, y: t, width: r - l, height: b - t };
    return height === undefined ? undefined : { x: l, y: height - t, width: r - l, height: t - b };
  }
}

function isFurniture({ content_layer: layer, label }: Node): boolean {
  return (layer !== undefined && layer !== 'body') || label === 'page_header' || label === 'page_footer';
}

function textBlock(item: Text): DraftBlock {
  const links = item.hyperlink ? { links: [{ text: item.text, url: item.hyperlink }] } : {};
  switch (item.label) {
    case 'title':
      return { kind: 'heading', level: 1, text: item.text, ...links };
    case 'section_header':
      // A title stands above all of them.
      return { kind: 'heading', level: Math.min(6, (item.level ?? 1) + 1), text: item.text, ...links };
    case 'code':
      return { kind: 'code', text: item.text, ...(item.code_language && { language: item.code_language.toLowerCase() }) };
    case 'footnote':
      return { kind: 'footnote', text: item.text, ...links };
    case 'list_item':
      return { kind: 'list', ordered: item.enumerated === true, text: `${item.marker || '-'} ${item.text}`, ...links };
    default:
      return { kind: 'text', text: item.text, ...links };
  }
}
