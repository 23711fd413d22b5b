import { deflateRawSync } from 'node:zlib';
import crypto from 'officecrypto-tool';
import { describe, expect, it } from 'vitest';
import type { PageImage, ParsedDocument } from '../../src/documents/document-types.ts';
import { frame, makePptx, picture, references, root, type SlideParts, shape } from '../support/make-ooxml.ts';
import { LIMITS, parseFile } from '../support/parse-file.ts';

const said = ({ blocks }: ParsedDocument): unknown => blocks.map(({ kind, text }) => [kind, text]);
const one = async (slide: SlideParts, parts: Readonly<Record<string, string | Uint8Array>> = {}): Promise<ParsedDocument> =>
  await parseFile(makePptx([slide], parts));
const title = (text: string): string => shape(text, { ph: 'type="title"' });
const item = (text: string, properties = ''): string => `<a:p><a:pPr ${properties}</a:pPr><a:r><a:t>${text}</a:t></a:r></a:p>`;

describe('slides', () => {
  it('are pages in the order of the show, with their titles as headings and outline', async () => {
    const document = await parseFile(
      makePptx([
        { shapes: shape('A body', { ph: 'idx="1"' }) + title('First\nslide') },
        { shapes: shape('Without a title', { at: [0, 0, 10, 10] }) },
        { shapes: title('Third'), attributes: 'show="0"' },
      ]),
    );
    expect(document.blocks.map(({ kind, text, page, path }) => [kind, text, page, path])).toEqual([
      ['heading', 'First slide', 1, []],
      ['list', '- A body', 1, ['First slide']],
      ['heading', 'Slide 2', 2, []],
      ['text', 'Without a title', 2, ['Slide 2']],
      ['heading', 'Third', 3, []],
    ]);
    expect(document.outline).toEqual([
      { title: 'First slide', level: 1, page: 1 },
      { title: 'Third', level: 1, page: 3 },
    ]);
    expect(document.metadata).toMatchObject({ title: 'First slide', pages: 3 });
    expect(document.warnings).toEqual([{ code: 'hidden_slide', page: 3, message: expect.stringContaining('slide 3') }]);
    // The title's place is the master's, the body's the layout's.
    expect(document.blocks.map(({ box }) => box?.y)).toEqual([20, 100, undefined, 0, 20]);
  });

  it('are read by columns and rows, in groups too', async () => {
    const group = (inside: string, [x, y]: readonly [number, number]): string =>
      `<p:grpSp><p:nvGrpSpPr><p:cNvPr id="9" name="g"/></p:nvGrpSpPr><p:grpSpPr><a:xfrm><a:off x="${x * 12_700}" y="${y * 12_700}"/><a:ext cx="1270000" cy="1270000"/><a:chOff x="0" y="0"/><a:chExt cx="2540000" cy="2540000"/></a:xfrm></p:grpSpPr>${inside}</p:grpSp>`;
    const document = await one({
      shapes: [
        shape('footer', { at: [0, 500, 700, 20] }),
        shape('left head', { at: [0, 100, 300, 20] }),
        shape('left text', { at: [0, 130, 300, 300] }),
        shape('right head', { at: [400, 100, 300, 20] }),
        group(shape('low', { at: [0, 100, 50, 50] }) + shape('high', { at: [0, 0, 50, 50] }), [400, 200]),
        shape('12', { ph: 'type="sldNum"' }),
      ].join(''),
    });
    expect(document.blocks.map(({ text }) => text)).toEqual(['left head', 'left text', 'right head', 'high', 'low', 'footer']);
    expect(document.blocks[4]?.box).toEqual({ x: 400, y: 250, width: 25, height: 25 });
  });

  it('have lists by bullets and numbers, which styles give and take away', async () => {
    const numbered = '><a:buAutoNum type="alphaLcParenR"/>';
    const body = [
      item('plain', '><a:buNone/>'),
      item('bullet', '>'),
      item('below', 'lvl="1">'),
      item('first', numbered),
      item('second', numbered),
      item('under it', 'lvl="1"><a:buAutoNum type="romanUcPeriod"/>'),
      item('third', numbered),
      item('anew', '><a:buAutoNum type="arabicPeriod" startAt="4"/>'),
    ].join('');
    const { blocks } = await one({ shapes: shape(body, { ph: 'idx="1"' }) + shape('no list', { at: [0, 450, 9, 9] }) });
    expect(blocks.map(({ kind, text, ordered }) => ({ kind, text, ordered }))).toEqual([
      { kind: 'text', text: 'plain' },
      { kind: 'list', text: '- bullet\n  - below\na) first\nb) second\n  I. under it\nc) third\n4. anew', ordered: false },
      { kind: 'text', text: 'no list' },
    ]);
  });

  it('keep links, line breaks and equations', async () => {
    const runs = (id: string, ...texts: readonly string[]): string =>
      texts.map((text) => `<a:r><a:rPr><a:hlinkClick r:id="${id}"/></a:rPr><a:t>${text}</a:t></a:r>`).join('');
    const text = `<a:p><a:r><a:t>see </a:t></a:r>${runs('web', 'the ', 'site')}<a:br/>${runs('bad', 'script')}<mc:AlternateContent><mc:Choice Requires="a14"><a14:m xmlns:a14="x"><m:oMath><m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath></a14:m></mc:Choice></mc:AlternateContent></a:p>`;
    const { blocks } = await one({
      shapes: shape(text),
      list: [
        ['web', 'hyperlink', 'https://example.org/'],
        ['bad', 'hyperlink', 'javascript:alert(1)'],
      ],
    });
    expect(blocks).toMatchObject([{ text: 'see the site\nscript$x^{2}$', links: [{ text: 'the site', url: 'https://example.org/' }] }]);
  });

  it('have tables with merged cells', async () => {
    const cell = (text: string, attributes = ''): string =>
      `<a:tc ${attributes}><a:txBody><a:p><a:r><a:t>${text}</a:t></a:r></a:p></a:txBody></a:tc>`;
    const rows = [
      cell('name') + cell('values', 'gridSpan="2"') + cell('', 'hMerge="1"'),
      cell('a', 'rowSpan="2"') + cell('1') + cell('2'),
      cell('', 'vMerge="1"') + cell('3') + cell('4'),
    ];
    const table = `<a:tbl><a:tblPr firstRow="1"/>${rows.map((row) => `<a:tr>${row}</a:tr>`).join('')}</a:tbl>`;
    const { blocks } = await one({ shapes: frame(table, { at: [1, 2, 3, 4] }) });
    expect(blocks).toMatchObject([
      {
        kind: 'table',
        headerRows: 1,
        box: { x: 1, y: 2, width: 3, height: 4 },
        rows: [
          ['name', 'values', 'values'],
          ['a', '1', '2'],
          ['a', '3', '4'],
        ],
      },
    ]);
  });

  it('have charts of both ages and diagrams', async () => {
    const values = (name: string, ...texts: readonly string[]): string =>
      `<c:${name}><c:strCache>${texts.map((text, at) => `<c:pt idx="${at}"><c:v>${text}</c:v></c:pt>`).join('')}</c:strCache></c:${name}>`;
    const point = (id: string, text: string): string =>
      `<dgm:pt modelId="${id}"><dgm:t><a:p><a:r><a:t>${text}</a:t></a:r></a:p></dgm:t></dgm:pt>`;
    const hangs = (from: string, to: string, order: number): string => `<dgm:cxn srcId="${from}" destId="${to}" srcOrd="${order}"/>`;
    const dimension = (name: string, ...texts: readonly string[]): string =>
      `<cx:${name}><cx:lvl>${texts.map((text, at) => `<cx:pt idx="${at}">${text}</cx:pt>`).join('')}</cx:lvl></cx:${name}>`;
    const document = await one(
      {
        shapes: frame('<c:chart r:id="c"/>', { alt: 'Sales go up' }) + frame('<dgm:relIds r:dm="d"/>') + frame('<cx:chart r:id="x"/>'),
        list: [
          ['c', 'chart', '../charts/chart1.xml'],
          ['d', 'diagramData', '../diagrams/data1.xml'],
          ['x', 'chartEx', '../charts/chartEx1.xml'],
        ],
      },
      {
        'ppt/charts/chart1.xml': root(
          'c:chartSpace',
          `<c:chart><c:title><a:p><a:r><a:t>Sales</a:t></a:r></a:p></c:title><c:plotArea><c:barChart><c:ser>${values('tx', '2025')}${values('cat', 'Q1', 'Q2')}${values('val', '1', '0.30000000000000004')}</c:ser></c:barChart></c:plotArea></c:chart>`,
        ),
        'ppt/diagrams/data1.xml': root(
          'dgm:dataModel',
          `<dgm:ptLst>${point('0', '')}${point('3', 'Ship')}${point('1', 'Plan')}${point('2', 'Ask users')}</dgm:ptLst><dgm:cxnLst>${hangs('0', '3', 1)}${hangs('0', '1', 0)}${hangs('1', '2', 0)}${hangs('2', '1', 0)}</dgm:cxnLst>`,
        ),
        'ppt/charts/chartEx1.xml': root(
          'cx:chartSpace',
          `<cx:chartData><cx:data id="0">${dimension('strDim', 'in', 'out')}${dimension('numDim', '5', '7')}</cx:data></cx:chartData>`,
        ),
      },
    );
    expect(said(document)).toEqual([
      ['image', 'Sales go up'],
      ['text', 'Sales'],
      ['table', '| 2025\nQ1 | 1\nQ2 | 0.3'],
      ['list', '- Plan\n  - Ask users\n- Ship'],
      ['table', 'in | 5\nout | 7'],
    ]);
  });

  it('have notes and comments of both ages behind them', async () => {
    const document = await parseFile(
      makePptx(
        [
          {
            shapes: title('T') + shape('body', { at: [0, 300, 9, 9] }),
            list: [
              ['n', 'notesSlide', '../notesSlides/n.xml'],
              ['c', 'comments', '../comments/c.xml'],
              ['e', 'comments', '../comments/e.xml'],
            ],
          },
        ],
        {
          'ppt/notesSlides/n.xml': root(
            'p:notes',
            `<p:cSld><p:spTree>${shape('say this\nslowly', { ph: 'type="body" idx="1"' })}${shape('4', { ph: 'type="sldNum"' })}</p:spTree></p:cSld>`,
          ),
          'ppt/comments/c.xml': root('p:cmLst', '<p:cm authorId="0"><p:text>too long</p:text></p:cm>'),
          'ppt/comments/e.xml': root(
            'p188:cmLst',
            '<p188:cm authorId="{A}"><p188:replyLst><p188:reply authorId="0"><p188:txBody><a:p><a:r><a:t>no</a:t></a:r></a:p></p188:txBody></p188:reply></p188:replyLst><p188:txBody><a:p><a:r><a:t>why?</a:t></a:r></a:p></p188:txBody></p188:cm>',
          ),
          'ppt/authors.xml': root('p188:authorLst', '<p188:author id="{A}" name="Ada"/>'),
          'ppt/commentAuthors.xml': root('p:cmAuthorLst', '<p:cmAuthor id="0" name="Bob"/>'),
        },
        [
          ['a', 'authors', 'authors.xml'],
          ['b', 'commentAuthors', 'commentAuthors.xml'],
        ],
      ),
    );
    expect(said(document)).toEqual([
      ['heading', 'T'],
      ['text', 'body'],
      ['footnote', 'Notes: say this\nslowly'],
      ['footnote', 'Comment by Bob: too long'],
      ['footnote', 'Comment by Ada: why?'],
      ['footnote', 'Comment by Bob: no'],
    ]);
  });
});

describe('pictures of slides', () => {
  const image = { 'ppt/media/i.png': new Uint8Array(5000).fill(1), 'ppt/media/small.png': new Uint8Array(10) };
  const list = [
    ['i', 'image', '../media/i.png'],
    ['s', 'image', '../media/small.png'],
    ['web', 'image', 'https://example.org/x.png'],
  ] as const;

  it('say their alternative text; those that stand elsewhere are not fetched', async () => {
    const document = await one(
      {
        shapes: picture('r:embed="i"', { alt: 'A duck' }) + picture('r:link="web"', { alt: 'photo.png' }) + shape('', { alt: 'An arrow' }),
        list,
      },
      image,
    );
    expect(said(document)).toEqual([
      ['image', 'A duck'],
      ['image', 'An arrow'],
    ]);
    expect(document.warnings).toEqual([{ code: 'remote_content', page: 1, message: expect.any(String) }]);
  });

  it('are read where the slide says hardly anything else, or always', async () => {
    const text = shape('A sentence that is long enough to say what there is to say on this slide.', { at: [0, 0, 9, 9] });
    const slides = [
      { shapes: picture('r:embed="i"') + picture('r:embed="s"'), list },
      { shapes: text + picture('r:embed="j"'), list: [['j', 'image', '../media/j.png'] as const] },
    ];
    const file = makePptx(slides, { ...image, 'ppt/media/j.png': new Uint8Array(5000).fill(2) });
    const ocr = async (_: PageImage) => ({ lines: [], rotation: 0, engine: 'none' });
    // These pictures are none that can be opened: what is asked for shows in the warnings.
    const asked = async (mode: 'auto' | 'always' | 'never') =>
      (await parseFile(file, { ocr: mode }, { ocr })).warnings.map(({ part }) => part);
    expect(await asked('auto')).toEqual(['ppt/media/i.png']);
    expect(await asked('always')).toEqual(['ppt/media/i.png', 'ppt/media/j.png']);
    expect(await asked('never')).toEqual([]);
    expect((await parseFile(file)).warnings).toEqual([]);
  });
});

describe('presentations that are damaged or hostile', () => {
  it('a slide that is missing, broken, elsewhere or not named is said, and the others are read', async () => {
    const slide: SlideParts = { shapes: title('x') };
    const document = await parseFile(
      makePptx([slide, slide, slide, { shapes: title('whole') }], {
        'ppt/slides/slide4.xml': '<p:sld',
        'ppt/_rels/presentation.xml.rels': references(
          ['s0', 'slide', 'slides/slide4.xml'],
          ['s1', 'slide', 'slides/none.xml'],
          ['s2', 'slide', 'file:///etc/passwd'],
          ['s3', 'slide', '../../../ppt/slides/slide1.xml'],
        ),
      }),
    );
    expect(said(document)).toEqual([['heading', 'whole']]);
    expect(document.warnings.map(({ code, page }) => [code, page])).toEqual([
      ['part_unreadable', undefined],
      ['page_unreadable', 1],
      ['page_unreadable', 2],
      ['page_unreadable', 3],
    ]);
  });

  it('a missing layout, chart or notes harm nothing else', async () => {
    const slide = {
      shapes: title('T') + frame('<c:chart r:id="c"/>') + frame('<c:chart r:id="none"/>') + picture('r:embed="none"', { alt: 'alt' }),
      list: [
        ['c', 'chart', '../charts/none.xml'],
        ['n', 'notesSlide', '../notesSlides/none.xml'],
      ] as const,
    };
    const parts = { 'ppt/slideLayouts/layout.xml': '', 'ppt/slideMasters/master.xml': '<a>' };
    const document = await one(slide, parts);
    expect(said(document)).toEqual([
      ['heading', 'T'],
      ['image', 'alt'],
    ]);
    expect(document.warnings).toMatchObject([{ code: 'part_unreadable', part: 'ppt/slideLayouts/layout.xml' }]);
  });

  it('has bounds on slides, inflated bytes and depth', async () => {
    const many = makePptx(Array.from({ length: 5 }, (_, at) => ({ shapes: title(`slide ${at}`) })));
    const limits = { ...LIMITS, maxPages: 2 };
    const cut = await parseFile(many, {}, { limits });
    expect({ pages: cut.metadata.pages, warnings: cut.warnings }).toMatchObject({ pages: 2, warnings: [{ code: 'limit_reached' }] });
    await expect(parseFile(many, {}, { limits: { ...LIMITS, maxInflatedBytes: 3000 } })).rejects.toMatchObject({
      code: 'document_too_large',
    });
    const deep = await one({ shapes: `${'<p:grpSp>'.repeat(1000)}${'</p:grpSp>'.repeat(1000)}` });
    expect(deep.warnings).toMatchObject([
      { code: 'part_unreadable', message: expect.stringContaining('nested') },
      { code: 'page_unreadable' },
    ]);
  });

  it.each([50, 300, 1200])('cut off before its last %d bytes ends in a named error or warnings', async (bytes) => {
    const file = makePptx([{ shapes: title('x') }]);
    const read = parseFile(file.subarray(0, file.length - bytes), { name: 'a.pptx' });
    await expect(read).rejects.toMatchObject({ code: expect.stringMatching(/^document_(?:unreadable|unsupported)$/) });
  });
});

describe('presentations with a password', () => {
  const plain = Buffer.from(makePptx([{ shapes: title('Secret plans') }]));

  it.each([
    ['agile', crypto.encrypt(plain, { password: 'open' })],
    ['standard', crypto.encrypt(plain, { password: 'open', type: 'standard' })],
  ])('are opened with it and by no other (%s encryption)', async (_, bytes) => {
    const document = await parseFile(bytes, { password: 'open' });
    expect(said(document)).toEqual([['heading', 'Secret plans']]);
    expect(document.metadata.mediaType).toContain('presentationml');
    for (const options of [{}, { password: '' }, { password: 'shut' }]) {
      await expect(parseFile(bytes, { name: 'plans.pptx', ...options })).rejects.toMatchObject({
        code: 'document_encrypted',
        message: expect.stringMatching(options.password === 'shut' ? /plans\.pptx .*not its own/ : /give its password/),
      });
    }
  });

  it('that are damaged, or whose content is none, are refused by name', async () => {
    const noise = crypto.encrypt(Buffer.concat([Buffer.from('PK\x03\x04'), deflateRawSync(Buffer.alloc(9000, 'x'))]), { password: 'open' });
    await expect(parseFile(noise, { password: 'open' })).rejects.toMatchObject({ code: expect.stringMatching(/^document_/) });
    const whole = crypto.encrypt(plain, { password: 'open' });
    await expect(parseFile(whole.subarray(0, whole.length - 2000), { password: 'open' })).rejects.toMatchObject({
      code: expect.stringMatching(/^document_/),
    });
  });
});
