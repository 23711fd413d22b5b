import { deflateSync } from 'node:zlib';

/** A page of a PDF made for a test: operators of its content, and what else it has. */
export interface PageSpec {
  readonly content: string;
  /** Left, bottom, right, top; Letter where absent. */
  readonly box?: readonly [number, number, number, number];
  readonly rotate?: number;
  /** Dictionaries of annotations. */
  readonly annotations?: readonly string[];
  /** Draw a grey image over the whole page before the content. */
  readonly scanned?: boolean;
}

export interface PdfSpec {
  readonly pages: readonly PageSpec[];
  readonly info?: Readonly<Record<string, string>>;
  readonly language?: string;
  /** Titles of bookmarks with the index of their page. */
  readonly outline?: readonly { readonly title: string; readonly page: number }[];
  readonly attachments?: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

const FONTS = { F1: 'Helvetica', F2: 'Helvetica-Bold', F3: 'Courier' };

/** Operators that write one line: place in points from the lower left, font F1 (regular), F2 (bold) or F3 (Courier). */
export function say(x: number, y: number, text: string, size = 10, font: keyof typeof FONTS = 'F1'): string {
  return `BT /${font} ${size} Tf ${x} ${y} Td (${text.replaceAll(/[\\()]/g, '\\$&')}) Tj ET\n`;
}

/** Operators of several lines under each other. */
export function sayLines(x: number, y: number, lines: readonly string[], size = 10, font: keyof typeof FONTS = 'F1'): string {
  return lines.map((line, index) => say(x, y - index * 1.2 * size, line, size, font)).join('');
}

/** A whole PDF. */
export function makePdf({ pages, info = {}, language, outline = [], attachments = [] }: PdfSpec): Uint8Array {
  const objects: string[] = ['', ''];
  const add = (object: string) => objects.push(object);
  const stream = (data: string, dictionary = '') => add(`<< /Length ${data.length} ${dictionary}>>\nstream\n${data}\nendstream`);
  const fonts = Object.entries(FONTS).map(([name, font]) => {
    return `/${name} ${add(`<< /Type /Font /Subtype /Type1 /BaseFont /${font} /Encoding /WinAnsiEncoding >>`)} 0 R`;
  });
  const grey = deflateSync(Buffer.alloc(16, 0xaa)).toString('latin1');
  const image = stream(
    grey,
    '/Type /XObject /Subtype /Image /Width 4 /Height 4 /ColorSpace /DeviceGray /BitsPerComponent 8 /Filter /FlateDecode ',
  );
  const kids = pages.map(({ content, box = [0, 0, 612, 792], rotate = 0, annotations = [], scanned = false }) => {
    const [left, bottom, right, top] = box;
    const background = scanned ? `q ${right - left} 0 0 ${top - bottom} ${left} ${bottom} cm /I1 Do Q\n` : '';
    const contents = stream(background + content);
    const notes = annotations.map((annotation) => `${add(annotation)} 0 R`).join(' ');
    const resources = `/Resources << /Font << ${fonts.join(' ')} >> /XObject << /I1 ${image} 0 R >> >>`;
    return add(
      `<< /Type /Page /Parent 2 0 R /MediaBox [${box.join(' ')}] /Rotate ${rotate} /Contents ${contents} 0 R ${resources} /Annots [${notes}] >>`,
    );
  });
  const files = attachments.map(({ name, bytes }) => {
    const file = stream(Buffer.from(bytes).toString('latin1'), '/Type /EmbeddedFile ');
    return `(${name}) ${add(`<< /Type /Filespec /F (${name}) /UF (${name}) /EF << /F ${file} 0 R >> >>`)} 0 R`;
  });
  const first = objects.length + 1;
  outline.forEach(({ title, page }, index) => {
    const next = index + 1 < outline.length ? `/Next ${first + index + 1} 0 R` : '';
    add(`<< /Title (${title}) /Parent ${first + outline.length} 0 R ${next} /Dest [${kids[page]} 0 R /Fit] >>`);
  });
  const root =
    outline.length > 0
      ? add(`<< /Type /Outlines /First ${first} 0 R /Last ${first + outline.length - 1} 0 R /Count ${outline.length} >>`)
      : 0;
  objects[0] = `<< /Type /Catalog /Pages 2 0 R ${language === undefined ? '' : `/Lang (${language})`} ${root > 0 ? `/Outlines ${root} 0 R` : ''} ${
    files.length > 0 ? `/Names << /EmbeddedFiles << /Names [${files.join(' ')}] >> >>` : ''
  } >>`;
  objects[1] = `<< /Type /Pages /Kids [${kids.map((kid) => `${kid} 0 R`).join(' ')}] /Count ${kids.length} >>`;
  const about = add(
    `<< ${Object.entries(info)
      .map(([key, value]) => `/${key} (${value})`)
      .join(' ')} >>`,
  );
  return written(objects, `/Root 1 0 R /Info ${about} 0 R`);
}

function written(objects: readonly string[], trailer: string): Uint8Array {
  let text = '%PDF-1.7\n';
  const places = objects.map((object, index) => {
    const place = text.length;
    text += `${index + 1} 0 obj\n${object}\nendobj\n`;
    return place;
  });
  const table = places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('');
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer\n<< /Size ${objects.length + 1} ${trailer} >>\nstartxref\n${text.length}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}
