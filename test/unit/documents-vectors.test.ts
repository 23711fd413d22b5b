import { describe, expect, it } from 'vitest';
import { hasMarkitdown, markitdownFile, markitdownVectors, missedBy } from '../support/markitdown-vectors.ts';
import { parseFile } from '../support/parse-file.ts';

const FILES = [
  'test_blog.html',
  'test_wikipedia.html',
  'test_serp.html',
  'test_mskanji.csv',
  'test.json',
  'test_rss.xml',
  'test_notebook.ipynb',
  'test_outlook_msg.msg',
  'test.docx',
  'test.pptx',
  'test.xls',
  'test.xlsx',
  'test.pdf',
];

describe.skipIf(!hasMarkitdown)('documents with known content (skipped without ../shared/data)', () => {
  it.each(hasMarkitdown ? markitdownVectors(...FILES) : [])('$filename says what it must and nothing it must not', async (vector) => {
    const { missing, forbidden, document } = await missedBy(vector);
    expect({ missing, forbidden }).toEqual({ missing: [], forbidden: [] });
    for (const { text, start, end } of document.blocks) expect(document.text.slice(start, end)).toBe(text);
  });

  it('an archive holds what its pages hold', async () => {
    const document = await parseFile(markitdownFile('test_files.zip'), { name: 'test_files.zip' });
    expect(document.text).toContain('Microsoft entered the operating system (OS) business in 1980 with its own version of Unix');
    expect(document.blocks.find(({ text }) => text === 'test_wikipedia.html')).toMatchObject({ kind: 'heading', level: 1 });
  });

  it.each([
    ['random.bin', /neither text nor a format/],
    ['test.mp3', /audio/],
    ['test.m4a', /audio or video/],
    ['test.wav', /audio/],
  ])('%s is refused by what it is', async (name, reason) => {
    await expect(parseFile(markitdownFile(name), { name })).rejects.toMatchObject({
      code: 'document_unsupported',
      message: expect.stringMatching(reason),
    });
  });
});
