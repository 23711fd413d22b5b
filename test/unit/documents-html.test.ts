import { describe, expect, it } from 'vitest';
import { parseFile } from '../support/parse-file.ts';

const page = (body: string, head = ''): string => `<!doctype html><html lang="en"><head>${head}</head><body>${body}</body></html>`;
const LONG = 'Sentence after sentence, with commas, that makes this an article of some length. '.repeat(12);

describe('HTML', () => {
  it('main content without navigation, scripts and hidden parts; what the head says', async () => {
    const head = '<title>T &amp; U</title><meta name=author content="Ann"><meta property="article:published_time" content="2026-01-02">';
    const body = `<nav>menu</nav><article><h1>Title</h1><p>${LONG}</p><p>${LONG}</p></article><script>var code = 1</script><div style="display:none">hidden</div><footer role=navigation>foot</footer>`;
    const { text, metadata } = await parseFile(page(body, head));
    expect(metadata).toMatchObject({ title: 'T & U', author: 'Ann', createdAt: '2026-01-02', language: 'en' });
    expect(text).toContain(LONG.trim());
    for (const word of ['menu', 'code', 'hidden', 'foot']) expect(text).not.toContain(word);
  });

  it('a page that is no article is read whole', async () => {
    const { blocks } = await parseFile(page('<div>one</div><div>two <b>bold</b><br>line</div>'));
    expect(blocks.map(({ text }) => text)).toEqual(['one', 'two bold\nline']);
  });

  it('lists, tables, code and images', async () => {
    const body =
      '<ol start=3><li>three<ul><li>inner</li></ul></li><li>four</li></ol><table><tr><th>h</th><th>i</th></tr><tr><td colspan=2>wide</td></tr></table><pre class="language-js"><code>a\n  b</code></pre><p>before <img src=x.png alt="a picture"> after</p>';
    const { blocks } = await parseFile(page(body));
    expect(blocks.map(({ kind, text }) => [kind, text])).toEqual([
      ['list', '3. three\n  - inner\n4. four'],
      ['table', 'h | i\nwide |'],
      ['code', 'a\n  b'],
      ['text', 'before'],
      ['image', 'a picture'],
      ['text', 'after'],
    ]);
    expect(blocks[1]).toMatchObject({ headerRows: 1 });
    expect(blocks[2]).toMatchObject({ language: 'js' });
  });

  it('links lead where they end, and scripts are none', async () => {
    const counted = `https://www.bing.com/ck/a?!&&p=1&u=a1${Buffer.from('https://x.org/a').toString('base64url')}&ntb=1`;
    const body = `<p><a href="${counted}">one</a> <a href="javascript:alert(1)">two</a> <a href="/rel">three</a> <a href="#top">four</a></p>`;
    const { blocks } = await parseFile(page(body));
    expect(blocks[0]?.links).toEqual([
      { text: 'one', url: 'https://x.org/a' },
      { text: 'three', url: '/rel' },
    ]);
  });

  it('a table that only lays out a page is read through', async () => {
    const body = '<table><tr><td><h2>Head</h2><p>words</p></td><td><table><tr><td>1</td><td>2</td></tr></table></td></tr></table>';
    const { blocks } = await parseFile(page(body));
    expect(blocks.map(({ kind }) => kind)).toEqual(['heading', 'text', 'table']);
  });

  it('the encoding that the page itself names', async () => {
    const bytes = Buffer.from(page('<p>Preis: 5 \x80 f\xfcr K\xe4se</p>', '<meta charset="windows-1252">'), 'latin1');
    expect(await parseFile(new Uint8Array(bytes))).toMatchObject({ text: 'Preis: 5 € für Käse', warnings: [] });
  });

  it('a body that comes twice', async () => {
    const { text } = await parseFile(
      '<!doctype html><html><body></body><script></script><head></head><body><p>the real one</p></body></html>',
    );
    expect(text).toBe('the real one');
  });
});

describe('feeds and XML', () => {
  it('RSS: each entry under its heading, HTML in it as blocks', async () => {
    const rss =
      '<?xml version="1.0"?><rss version="2.0" xmlns:content="c"><channel><title>Feed</title><description>About</description><item><title>One</title><link>https://x.org/1</link><pubDate>Thu, 01 Jan 2026 00:00:00 GMT</pubDate><description>short</description><content:encoded><![CDATA[<h1>In</h1><p>long <a href="https://y.org">text</a></p>]]></content:encoded></item></channel></rss>';
    const { blocks, metadata } = await parseFile(rss);
    expect(metadata).toMatchObject({ title: 'Feed', mediaType: 'application/rss+xml' });
    expect(blocks.map(({ kind, level, text }) => [kind, level, text])).toEqual([
      ['heading', 1, 'Feed'],
      ['text', undefined, 'About'],
      ['heading', 2, 'One'],
      ['text', undefined, '2026-01-01T00:00:00.000Z'],
      ['heading', 3, 'In'],
      ['text', undefined, 'long text'],
    ]);
  });

  it('Atom', async () => {
    const atom =
      '<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><entry><title>E</title><link href="https://x.org/e"/><author><name>Ann</name></author><summary type="html">&lt;p&gt;words&lt;/p&gt;</summary></entry></feed>';
    const { blocks } = await parseFile(atom);
    expect(blocks.map(({ text }) => text)).toEqual(['A', 'E', 'Ann', 'words']);
    expect(blocks[1]?.links).toEqual([{ text: 'E', url: 'https://x.org/e' }]);
  });

  it('any other XML: what its elements say', async () => {
    const xml =
      '<?xml version="1.0" encoding="ISO-8859-1"?><order><item name="Käse"><price>5</price></item><note>ei&#233; &amp; so</note></order>';
    const { blocks } = await parseFile(new Uint8Array(Buffer.from(xml, 'latin1')));
    expect(blocks.map(({ text }) => text)).toEqual(['item: Käse\nprice: 5', 'note: eié & so']);
  });
});

describe('a fragment of a page', () => {
  it.each([
    ['<title>T</title><h1>w1</h1><p>w2 w3</p>', 'T\n\nw1\n\nw2 w3'],
    ['<!doctype html><title>T</title><h1>w1</h1><p>w2 w3</p>', 'T\n\nw1\n\nw2 w3'],
    ['<h1>w1</h1><p>w2', 'w1\n\nw2'],
  ])('%s is read to its end', async (html, text) => {
    expect((await parseFile(html, { name: 'a.html' })).text).toBe(text);
  });
});
