import { makeZip } from '../servers/archives.ts';

/** Parts of a package by their names; text is UTF-8. */
export type Parts = Readonly<Record<string, string | Uint8Array>>;
/** Identifier, last word of the type, target; external where it is an address. */
export type Reference = readonly [id: string, type: string, target: string];

const OFFICE = 'http://schemas.openxmlformats.org';
const NAMESPACES = [
  `xmlns:w="${OFFICE}/wordprocessingml/2006/main"`,
  `xmlns:p="${OFFICE}/presentationml/2006/main"`,
  `xmlns:a="${OFFICE}/drawingml/2006/main"`,
  `xmlns:r="${OFFICE}/officeDocument/2006/relationships"`,
  `xmlns:m="${OFFICE}/officeDocument/2006/math"`,
  `xmlns:wp="${OFFICE}/drawingml/2006/wordprocessingDrawing"`,
  `xmlns:pic="${OFFICE}/drawingml/2006/picture"`,
  `xmlns:c="${OFFICE}/drawingml/2006/chart"`,
  `xmlns:dgm="${OFFICE}/drawingml/2006/diagram"`,
  `xmlns:mc="${OFFICE}/markup-compatibility/2006"`,
  'xmlns:v="urn:schemas-microsoft-com:vml"',
  'xmlns:p188="http://schemas.microsoft.com/office/powerpoint/2018/8/main"',
  'xmlns:cx="http://schemas.microsoft.com/office/drawing/2014/chartex"',
].join(' ');

/** An element with all namespaces that office files use. */
export function root(name: string, content: string, attributes = ''): string {
  return `<?xml version="1.0" encoding="UTF-8"?><${name} ${NAMESPACES} ${attributes}>${content}</${name}>`;
}

/** A list of references, as it stands in `_rels/`. */
export function references(...list: readonly Reference[]): string {
  const one = ([id, type, target]: Reference): string =>
    `<Relationship Id="${id}" Type="${OFFICE}/officeDocument/2006/relationships/${type}" Target="${target}"${/^[a-z]+:/.test(target) ? ' TargetMode="External"' : ''}/>`;
  return `<Relationships xmlns="${OFFICE}/package/2006/relationships">${list.map(one).join('')}</Relationships>`;
}

/** A package of exactly these parts. */
export function officePackage(parts: Parts): Uint8Array {
  return new Uint8Array(makeZip(Object.entries(parts).map(([path, data]) => ({ path, data: Buffer.from(data) }))));
}

const contentTypes = (kind: string): string =>
  `<Types xmlns="${OFFICE}/package/2006/content-types"><Override PartName="/main.xml" ContentType="application/vnd.openxmlformats-officedocument.${kind}.main+xml"/></Types>`;

/** A Word document; `parts` are added or take the place of those made here. */
export function makeDocx(body: string, list: readonly Reference[] = [], parts: Parts = {}): Uint8Array {
  return officePackage({
    '[Content_Types].xml': contentTypes('wordprocessingml.document'),
    '_rels/.rels': references(['rId1', 'officeDocument', 'word/document.xml']),
    'word/document.xml': root('w:document', `<w:body>${body}</w:body>`),
    'word/_rels/document.xml.rels': references(['styles', 'styles', 'styles.xml'], ...list),
    'word/styles.xml': root(
      'w:styles',
      ['1', '2', '3']
        .map((at) => `<w:style w:type="paragraph" w:styleId="H${at}"><w:name w:val="heading ${at}"/></w:style>`)
        .concat('<w:style w:type="paragraph" w:styleId="Code"><w:name w:val="Source Code"/></w:style>')
        .join(''),
    ),
    ...parts,
  });
}

/** A paragraph of Word; `properties` inside of `w:pPr`. */
export function para(content: string, properties = ''): string {
  const inner = content.startsWith('<') ? content : `<w:r><w:t>${content}</w:t></w:r>`;
  return `<w:p>${properties === '' ? '' : `<w:pPr>${properties}</w:pPr>`}${inner}</w:p>`;
}

/** A slide: the content of its tree of shapes, what it refers to, and attributes of `p:sld`. */
export interface SlideParts {
  readonly shapes: string;
  readonly list?: readonly Reference[];
  readonly attributes?: string;
}

/** A presentation whose slides are stored in the reverse of the order that they are shown in. */
export function makePptx(slides: readonly SlideParts[], parts: Parts = {}, list: readonly Reference[] = []): Uint8Array {
  const file = (index: number): number => slides.length - index;
  const own = slides.flatMap(({ shapes, list: refers = [], attributes = '' }, index): [string, string][] => [
    [`ppt/slides/slide${file(index)}.xml`, root('p:sld', `<p:cSld><p:spTree>${shapes}</p:spTree></p:cSld>`, attributes)],
    [`ppt/slides/_rels/slide${file(index)}.xml.rels`, references(['layout', 'slideLayout', '../slideLayouts/layout.xml'], ...refers)],
  ]);
  const ids = slides.map((_, index) => `<p:sldId id="${300 + index}" r:id="s${index}"/>`).join('');
  return officePackage({
    '[Content_Types].xml': contentTypes('presentationml.presentation'),
    '_rels/.rels': references(['rId1', 'officeDocument', 'ppt/presentation.xml']),
    'ppt/presentation.xml': root('p:presentation', `<p:sldIdLst>${ids}</p:sldIdLst>`),
    'ppt/_rels/presentation.xml.rels': references(
      ...slides.map((_, index): Reference => [`s${index}`, 'slide', `slides/slide${file(index)}.xml`]),
      ...list,
    ),
    'ppt/slideLayouts/layout.xml': root(
      'p:sldLayout',
      `<p:cSld><p:spTree>${shape('', { ph: 'idx="1"', at: [50, 100, 600, 300] })}</p:spTree></p:cSld>`,
    ),
    'ppt/slideLayouts/_rels/layout.xml.rels': references(['m', 'slideMaster', '../slideMasters/master.xml']),
    'ppt/slideMasters/master.xml': root(
      'p:sldMaster',
      `<p:cSld><p:spTree>${shape('', { ph: 'type="title"', at: [50, 20, 600, 60] })}</p:spTree></p:cSld><p:txStyles><p:bodyStyle>${[1, 2, 3].map((at) => `<a:lvl${at}pPr><a:buChar char="•"/></a:lvl${at}pPr>`).join('')}</p:bodyStyle></p:txStyles>`,
    ),
    ...Object.fromEntries(own),
    ...parts,
  });
}

const place = (name: string, [x, y, width, height]: readonly [number, number, number, number]): string =>
  `<${name}><a:off x="${x * 12_700}" y="${y * 12_700}"/><a:ext cx="${width * 12_700}" cy="${height * 12_700}"/></${name}>`;

interface ShapeTerms {
  /** Attributes of `p:ph`. */
  readonly ph?: string;
  /** Left, top, width and height in points. */
  readonly at?: readonly [number, number, number, number];
  readonly alt?: string;
}

const named = (kind: string, { ph, alt = '' }: ShapeTerms): string =>
  `<p:nv${kind}Pr><p:cNvPr id="2" name="x" descr="${alt}"/><p:cNv${kind}Pr/><p:nvPr>${ph === undefined ? '' : `<p:ph ${ph}/>`}</p:nvPr></p:nv${kind}Pr>`;

/** A shape; text that is no mark-up becomes paragraphs, one a line. */
export function shape(text: string, terms: ShapeTerms = {}): string {
  const lines = text.split('\n').map((line) => `<a:p><a:r><a:t>${line}</a:t></a:r></a:p>`);
  const body = text.startsWith('<') ? text : lines.join('');
  return `<p:sp>${named('Sp', terms)}<p:spPr>${terms.at === undefined ? '' : place('a:xfrm', terms.at)}</p:spPr><p:txBody>${body}</p:txBody></p:sp>`;
}

/** A picture that refers to a part or an address by `attribute`, e.g. `r:embed="i"`. */
export function picture(attribute: string, terms: ShapeTerms = {}): string {
  return `<p:pic>${named('Pic', terms)}<p:blipFill><a:blip ${attribute}/></p:blipFill><p:spPr>${terms.at === undefined ? '' : place('a:xfrm', terms.at)}</p:spPr></p:pic>`;
}

/** A frame with a table, chart or diagram in it. */
export function frame(content: string, terms: ShapeTerms = {}): string {
  return `<p:graphicFrame>${named('GraphicFrame', terms)}${terms.at === undefined ? '' : place('p:xfrm', terms.at)}<a:graphic><a:graphicData>${content}</a:graphicData></a:graphic></p:graphicFrame>`;
}
