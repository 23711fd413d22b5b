import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Block, Chunk } from '../../src/documents/document-types.ts';
import { isCard, isIban, isIsbn, isIssn, isLuhn, isOrcid } from '../../src/documents/enrich/check-digits.ts';
import { chunkerFor, enrichDocument, readEnrichers } from '../../src/documents/enrich/enrich.ts';
import { CHAT_ENRICHERS, type Chat, ENRICHERS, type EnricherName, type EnrichHelp } from '../../src/documents/enrich/enrich-types.ts';
import { entitiesIn } from '../../src/documents/enrich/entities.ts';
import { estimate, meetingPoints, NEAR_COPY, resemblance, shinglesOf, signatureOf } from '../../src/documents/enrich/minhash.ts';
import { LocalLiteError } from '../../src/errors.ts';
import { collapse } from '../../src/retrieval/near-copies.ts';

const counter = { count: (text: string) => text.match(/\S+/g)?.length ?? 0, spans: async () => [] };

function documentOf(...paragraphs: readonly string[]) {
  const blocks: Block[] = [];
  let start = 0;
  for (const text of paragraphs) {
    blocks.push({ kind: 'text', text, order: blocks.length, start, end: start + text.length, path: [] });
    start += text.length + 2;
  }
  return { text: paragraphs.join('\n\n'), blocks, metadata: { mediaType: 'text/plain', sha256: '', bytes: 0 } };
}

/** One chunk a paragraph. */
function chunksOf({ blocks }: ReturnType<typeof documentOf>): readonly Chunk[] {
  return blocks.map(({ text, start, end }, ordinal) => ({
    ordinal,
    text,
    start,
    end,
    lead: 'Title\n',
    tokens: counter.count(`Title\n${text}`),
    path: [],
    kinds: ['text'],
    meta: {},
  }));
}

const help: EnrichHelp = { counter, maxTokens: 256, embed: undefined, chat: undefined, signal: undefined };

function enrich(paragraphs: readonly string[], names: readonly EnricherName[], more: Partial<EnrichHelp> = {}) {
  const document = documentOf(...paragraphs);
  return enrichDocument({ document, chunks: chunksOf(document) }, names, { ...help, ...more });
}

const SENTENCES: Readonly<Record<string, string>> = {
  en: 'The committee will meet on Thursday to decide whether the bridge over the river should be repaired or replaced.',
  de: 'Der Ausschuss tritt am Donnerstag zusammen, um zu entscheiden, ob die Brücke über den Fluss repariert oder ersetzt werden soll.',
  fr: 'Le comité se réunira jeudi pour décider si le pont qui traverse la rivière doit être réparé ou remplacé.',
  es: 'El comité se reunirá el jueves para decidir si el puente sobre el río debe repararse o sustituirse.',
  it: 'Il comitato si riunirà giovedì per decidere se il ponte sul fiume debba essere riparato o sostituito.',
  pt: 'A comissão vai reunir-se na quinta-feira para decidir se a ponte sobre o rio deve ser reparada ou substituída.',
  nl: 'De commissie komt donderdag bijeen om te beslissen of de brug over de rivier moet worden hersteld of vervangen.',
  sv: 'Kommittén sammanträder på torsdag för att besluta om bron över floden ska repareras eller ersättas.',
  fi: 'Valiokunta kokoontuu torstaina päättämään, korjataanko joen ylittävä silta vai korvataanko se uudella.',
  pl: 'Komisja zbierze się w czwartek, aby zdecydować, czy most na rzece powinien zostać naprawiony, czy wymieniony.',
  ru: 'Комитет соберётся в четверг, чтобы решить, следует ли ремонтировать или заменить мост через реку.',
  ja: '委員会は木曜日に集まり、川に架かる橋を修理するか架け替えるかを決定する予定です。',
  zh: '委员会将于星期四开会，决定是修理还是更换横跨河流的桥梁。',
  ar: 'ستجتمع اللجنة يوم الخميس لتقرر ما إذا كان ينبغي إصلاح الجسر فوق النهر أو استبداله.',
};

describe('the language enricher', () => {
  it.each(Object.entries(SENTENCES))('knows %s', async (language, text) => {
    const { facts, warnings } = await enrich([text, text], ['language']);
    expect(facts).toEqual({ language });
    expect(warnings).toEqual([]);
  });

  it('marks the chunk that is of another language, and no other', async () => {
    const english = SENTENCES['en'] ?? '';
    const { facts, chunks } = await enrich([english, english, SENTENCES['de'] ?? '', english], ['language']);
    expect(facts.language).toBe('en');
    expect(chunks.map(({ meta }) => meta.language)).toEqual([undefined, undefined, 'de', undefined]);
  });

  it('believes the document where there is too little text to tell, and says nothing where that says nothing', async () => {
    const document = { ...documentOf('42'), metadata: { mediaType: 'x', sha256: '', bytes: 0, language: 'pt-BR' } };
    expect((await enrichDocument({ document, chunks: [] }, ['language'], help)).facts.language).toBe('pt');
    expect((await enrich(['42'], ['language'])).facts.language).toBeUndefined();
  });
});

describe('the keywords enricher', () => {
  const text = [
    'Photosynthesis turns light energy into chemical energy. Plants and algae use chlorophyll to absorb light energy, and the Calvin cycle fixes carbon dioxide.',
    'The Calvin cycle takes place in the stroma. Carbon dioxide enters the Calvin cycle, and chlorophyll is not part of it. Photosynthesis needs water.',
  ];

  it('finds the phrases that a text is about, without stop words and repetitions', async () => {
    const { facts, chunks } = await enrich(text, ['language', 'keywords']);
    const keywords = facts.keywords ?? [];
    expect(keywords.slice(0, 6).map((phrase) => phrase.toLowerCase())).toEqual(
      expect.arrayContaining(['calvin cycle', 'light energy', 'carbon dioxide']),
    );
    expect(keywords.length).toBeLessThanOrEqual(10);
    for (const phrase of keywords) expect(phrase).not.toMatch(/^(the|and|to|of|not|is)\b|\b(the|and|to|of|not|is)$/i);
    expect(chunks[1]?.meta.keywords).toContain('Calvin cycle');
    for (const { text: own, meta } of chunks) {
      for (const phrase of meta.keywords ?? []) expect(own.toLowerCase()).toContain(phrase.toLowerCase());
    }
  });

  it('uses the stop words of the language', async () => {
    const { facts } = await enrich(
      [
        'Die Donaudampfschifffahrt war für die Wirtschaft der Region wichtig. Die Wirtschaft der Region lebte von der Donaudampfschifffahrt.',
      ],
      ['language', 'keywords'],
    );
    expect(facts.keywords).toContain('Donaudampfschifffahrt');
    for (const phrase of facts.keywords ?? []) expect(phrase).not.toMatch(/^(die|der|für|war|von)\b/i);
  });

  it('cuts words of scripts without blanks', async () => {
    const { facts } = await enrich(['東京都は日本の首都です。東京都の人口は多い。日本の人口は減っています。'], ['language', 'keywords']);
    expect(facts.keywords?.join()).toMatch(/東京|日本|人口/);
  });
});

describe('entities', () => {
  const one = (text: string, language?: string) =>
    entitiesIn(text, language).map(({ type, text: found, value }) => [type, found, ...(value !== undefined ? [value] : [])]);

  it.each([
    ['ISO', 'on 2024-02-29 at', undefined, '2024-02-29'],
    ['English', 'on March 1st, 2024 at', 'en', '2024-03-01'],
    ['English, day first', 'the 3 Sept. 2019 issue', 'en', '2019-09-03'],
    ['German', 'am 1. März 2024 um', 'de', '2024-03-01'],
    ['German numbers', 'am 05.11.2023 um', 'de', '2023-11-05'],
    ['French', 'le 1er juillet 2020 à', 'fr', '2020-07-01'],
    ['Spanish', 'el 12 de octubre de 1992 en', 'es', '1992-10-12'],
    ['Russian', 'от 9 мая 1945 года', 'ru', '1945-05-09'],
    ['Japanese', '2024年3月1日', 'ja', '2024-03-01'],
    ['month', 'in October 2021 we', 'en', '2021-10'],
    ['one of two', 'on 25/12/2020 we', 'en', '2020-12-25'],
  ])('reads a date: %s', (_name, text, language, value) => {
    expect(entitiesIn(text, language)).toEqual([expect.objectContaining({ type: 'date', value, personal: false })]);
  });

  it('leaves a date without a value where it could be two, and no day of the calendar is one', () => {
    expect(entitiesIn('on 03/04/2024', 'en')).toEqual([{ type: 'date', text: '03/04/2024', start: 3, end: 13, personal: false }]);
    expect(entitiesIn('le 03/04/2024', 'fr')[0]?.value).toBe('2024-04-03');
    expect(entitiesIn('2023-02-30 and 31.04.2023', 'de')).toEqual([]);
  });

  it.each([
    ['€ 1.234,56', '1234.56 EUR'],
    ['$3.5 million', '3500000 USD'],
    ['1,250,000 USD', '1250000 USD'],
    ['12,5 Mio. Euro', '12500000 EUR'],
    ['£20', '20 GBP'],
    ["CHF 1'000.50", '1000.5 CHF'],
    ['¥1000', '1000 JPY'],
  ])('reads an amount: %s', (text, value) => {
    expect(one(`It cost ${text} then`)).toEqual([['amount', text, value]]);
  });

  it('finds addresses, numbers and identifiers, each with its check digit', () => {
    const text =
      'Write to Jane.Doe+news@example.co.uk or see https://example.org/a_(b)?q=1. Pay DE89 3704 0044 0532 0130 00 or card 4111 1111 1111 1111. ISBN 978-0-306-40615-7, doi 10.1000/xyz123. ISSN 0378-5955, 0000-0002-1825-0097, +49 30 901820, 192.168.17.4 or 2001:db8::8a2e:370:7334.';
    expect(one(text)).toEqual([
      ['email', 'Jane.Doe+news@example.co.uk', 'jane.doe+news@example.co.uk'],
      ['url', 'https://example.org/a_(b)?q=1', 'https://example.org/a_(b)?q=1'],
      ['iban', 'DE89 3704 0044 0532 0130 00', 'DE89370400440532013000'],
      ['card', '4111 1111 1111 1111', '•••• 1111'],
      ['identifier', '978-0-306-40615-7', 'isbn:9780306406157'],
      ['identifier', '10.1000/xyz123', 'doi:10.1000/xyz123'],
      ['identifier', '0378-5955', 'issn:0378-5955'],
      ['identifier', '0000-0002-1825-0097', 'orcid:0000-0002-1825-0097'],
      ['phone', '+49 30 901820', '+4930901820'],
      ['ip', '192.168.17.4', '192.168.17.4'],
      ['ip', '2001:db8::8a2e:370:7334', '2001:db8::8a2e:370:7334'],
    ]);
  });

  it('refuses numbers whose check digit is wrong, and what only looks like one', () => {
    expect(one('DE89 3704 0044 0532 0130 01, 4111 1111 1111 1112, ISBN 978-0-306-40615-8, ISSN 0378-5956')).toEqual([]);
    expect(one('version 1.2.3.4 of a@b, section 10.1, figures 3-4, 12:30:45, 100 of 250, model X-5000')).toEqual([]);
  });

  it('checks digits as the standards say', () => {
    expect(['79927398713', '4012888888881881'].every(isLuhn)).toBe(true);
    expect(isLuhn('79927398710')).toBe(false);
    expect(['378282246310005', '5555555555554444', '6011111111111117', '3530111333300000'].every(isCard)).toBe(true);
    expect(['0000000000000000', '4012888888881882', '1234567812345670'].some(isCard)).toBe(false);
    expect(['GB82WEST12345698765432', 'FR1420041010050500013M02606', 'NO9386011117947'].every(isIban)).toBe(true);
    expect(['GB82WEST12345698765431', 'GB82WEST1234569876543', 'ZZ82WEST12345698765432'].some(isIban)).toBe(false);
    expect(['0306406152', '080442957X', '9780306406157'].every(isIsbn)).toBe(true);
    expect(isIsbn('0306406153')).toBe(false);
    expect(isIssn('2434561X') && !isIssn('24345610')).toBe(true);
    expect(isOrcid('000000021694233X') && !isOrcid('0000000216942330')).toBe(true);
  });

  it('stand where they say, apart from each other, in any text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 20 }),
      fc.constantFrom(
        'a@b.com ',
        '+49 30 123456 ',
        '€ 5',
        '2024-01-01',
        'https://x.y/z)',
        '4111111111111111',
        '10.1234/5',
        '::1',
        '1.',
        ' ',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        let end = 0;
        for (const entity of entitiesIn(text, 'en')) {
          expect(text.slice(entity.start, entity.end)).toBe(entity.text);
          expect(entity.start).toBeGreaterThanOrEqual(end);
          end = entity.end;
        }
      }),
    );
  });

  it('are looked for in time that grows with the text, whatever it is', () => {
    for (const unit of ['+1', '1', '1 ', 'a@', '0.', '(0', 'http://', '1:', 'A1', '1,111', '-1', '[)', 'January ']) {
      expect(Array.isArray(entitiesIn(unit.repeat(Math.ceil(200_000 / unit.length))))).toBe(true);
    }
  });

  it('of a document are counted once where chunks overlap, and name the personal kinds', async () => {
    const document = documentOf('Mail a@b.org on 2024-01-02. Again a@b.org.');
    const [chunk] = chunksOf(document);
    const twice = chunk === undefined ? [] : [chunk, { ...chunk, ordinal: 1 }];
    const { facts } = await enrichDocument({ document, chunks: twice }, ['entities'], help);
    expect(facts).toEqual({
      entities: [
        { type: 'email', value: 'a@b.org', count: 2, personal: true },
        { type: 'date', value: '2024-01-02', count: 1, personal: false },
      ],
      pii: ['email'],
    });
    expect((await enrich(['Nothing of anybody.'], ['entities'])).facts).toEqual({ entities: [], pii: [] });
  });
});

describe('near copies', () => {
  const words = (count: number, seed: number) => Array.from({ length: count }, (_, index) => `w${(index * 7919 + seed * 104_729) % 5000}`);
  const signature = (text: string) => signatureOf(shinglesOf(text)) ?? '';

  it('have signatures from which their resemblance can be told', () => {
    for (const share of [0, 0.02, 0.05, 0.1, 0.3]) {
      const one = words(600, 1);
      const other = one.map((word, index) => (index % Math.round(1 / Math.max(share, 1e-6)) === 0 ? `x${index}` : word));
      const exact = resemblance(shinglesOf(one.join(' ')), shinglesOf(other.join(' ')));
      expect(Math.abs(estimate(signature(one.join(' ')), signature(other.join(' '))) - exact)).toBeLessThan(0.15);
    }
  });

  it('meet; others do not', () => {
    const one = words(300, 1).join(' ');
    const copy = one.replace('w1', 'changed').replace(' w', ' more w');
    const meet = (a: string, b: string) => meetingPoints(signature(a)).some((point) => meetingPoints(signature(b)).includes(point));
    expect(meet(one, copy)).toBe(true);
    expect(estimate(signature(one), signature(copy))).toBeGreaterThan(NEAR_COPY);
    expect(meet(one, 'something else entirely that has nothing to do with it')).toBe(false);
    for (const point of meetingPoints(signature(one))) expect(Number.isSafeInteger(point)).toBe(true);
  });

  it('do not depend on case, signs and line breaks', () => {
    expect(signature('The quick, brown fox\njumps over it.')).toBe(signature('the quick brown FOX — jumps over it'));
  });

  it('a text without words has no signature', () => {
    expect(signatureOf(shinglesOf('… — !'))).toBeUndefined();
  });

  it('within a document are marked', async () => {
    const [a, b] = [words(80, 1).join(' '), words(80, 2).join(' ')];
    const { chunks, facts } = await enrich([a, b, `${a} end`], ['duplicates']);
    expect(chunks.map(({ meta }) => meta.duplicateOf)).toEqual([undefined, undefined, 0]);
    expect(facts.signature).toMatch(/^[\da-f]{256}$/);
  });

  it('among hits give way to the better one', () => {
    const [a, b] = [words(60, 1).join(' '), words(60, 2).join(' ')];
    const groups = collapse([a, `${a} x`, b, a], (text) => text, 10);
    expect(groups).toEqual([
      { kept: a, copies: [`${a} x`, a] },
      { kept: b, copies: [] },
    ]);
    expect(collapse([a, b], (text) => text, 1)).toEqual([{ kept: a, copies: [] }]);
  });
});

describe('the summary enricher', () => {
  /** Sentences about the same have vectors near each other. */
  const embed = async (texts: readonly string[]) =>
    texts.map((text) => {
      const vector = /whale/i.test(text) ? [1, 0.2, 0] : /ship/i.test(text) ? [0.9, 0.5, 0] : [0, 0.1, 1];
      const length = Math.hypot(...vector);
      return Float32Array.from(vector, (value) => value / length);
    });
  const paragraphs = [
    'The white whale was seen far out in the open sea. Breakfast was served at eight in the morning today.',
    'Every ship of the fleet hunted that animal for years. Nobody ever caught the white whale in all that time.',
  ];

  it('takes the sentences that stand for the others, in their order', async () => {
    const { facts, warnings } = await enrich(paragraphs, ['summary'], { embed });
    expect(warnings).toEqual([]);
    const summary = facts.summary ?? '';
    expect(summary).toContain('whale');
    expect(summary).toContain('ship');
    expect(summary.indexOf('whale')).toBeLessThan(summary.indexOf('ship'));
    for (const sentence of summary.split(/(?<=\.) /)) expect(paragraphs.join(' ')).toContain(sentence);
    expect(await enrich(paragraphs, ['summary'], { embed })).toMatchObject({ facts: { summary } });
  });

  it('embeds a bounded number of sentences', async () => {
    let asked = 0;
    const long = Array.from({ length: 500 }, (_, index) => `This is the sentence with the number ${index} of many others.`);
    const { facts } = await enrich(long, ['summary'], {
      embed: async (texts) => {
        asked += texts.length;
        return await embed(texts);
      },
    });
    expect(asked).toBe(64);
    expect(facts.summary?.length).toBeLessThanOrEqual(600);
  });

  it('says nothing of a document without sentences', async () => {
    expect((await enrich(['42'], ['summary'], { embed })).facts).toEqual({});
  });
});

describe('chat enrichers', () => {
  const chat: Chat = async ([, user]) => {
    const order = user?.content ?? '';
    if (order.startsWith('Give')) return '**"Of whales and ships"**';
    if (order.startsWith('Summarise')) return 'It is about\nwhales.';
    if (order.startsWith('Write 3')) return '1. Who hunts?\n- What is white?\n\n* Where?\n4. Too many?';
    return 'This passage tells of the hunt.';
  };

  it('write title, summary, questions and a context that is embedded and not shown', async () => {
    const { facts, chunks, warnings } = await enrich(['The whale was white.', 'The ship sank.'], CHAT_ENRICHERS, { chat });
    expect(warnings).toEqual([]);
    expect(facts).toEqual({ title: 'Of whales and ships', chatSummary: 'It is about whales.' });
    expect(chunks[0]?.meta).toEqual({
      questions: ['Who hunts?', 'What is white?', 'Where?'],
      context: 'This passage tells of the hunt.',
    });
    expect(chunks[0]).toMatchObject({ text: 'The whale was white.', lead: 'This passage tells of the hunt.\nTitle\n', tokens: 11 });
  });

  it('never make a chunk larger than the model reads', async () => {
    const long: Chat = async () => 'word '.repeat(60);
    const { chunks } = await enrich(['one two three four five six'], ['context'], { chat: long, maxTokens: 12 });
    expect(chunks[0]?.tokens).toBeLessThanOrEqual(12);
    expect(chunks[0]?.lead).toBe('word word word word word\nTitle\n');
    const full = await enrich(['one two three four five six'], ['context'], { chat: long, maxTokens: 7 });
    expect(full.chunks[0]).toMatchObject({ lead: 'Title\n', tokens: 7 });
  });

  it('have room kept for what they will add', () => {
    const settings = { maxTokens: 256, overlapTokens: 32, minTokens: 48, contextHeader: true };
    expect(chunkerFor(['language'], settings)).toBe(settings);
    expect(chunkerFor(['context'], settings)).toEqual({ ...settings, maxTokens: 171 });
  });

  it('that fail for some chunks keep what they have, and say how many are without', async () => {
    let calls = 0;
    const flaky: Chat = async (messages, options) => {
      if (++calls === 2) throw new LocalLiteError('timed_out', 'too slow');
      return await chat(messages, options);
    };
    const { chunks, warnings } = await enrich(['a b', 'c d', 'e f'], ['questions'], { chat: flaky });
    expect(chunks.filter(({ meta }) => meta.questions !== undefined)).toHaveLength(2);
    expect(warnings).toEqual([
      {
        code: 'enricher_failed',
        part: 'questions',
        message: 'the enricher questions failed: 1 of 3 passages are without questions (too slow)',
      },
    ]);
  });

  it('stop asking a model that only fails', async () => {
    let calls = 0;
    const broken: Chat = async () => {
      calls++;
      throw new LocalLiteError('unreachable', 'nobody there');
    };
    const { warnings, chunks } = await enrich(
      Array.from({ length: 50 }, (_, index) => `text ${index}`),
      ['questions'],
      { chat: broken },
    );
    expect(calls).toBeLessThan(10);
    expect(chunks).toHaveLength(50);
    expect(warnings[0]?.message).toContain('50 of 50 passages');
  });

  it('end when they are told to', async () => {
    const controller = new AbortController();
    const aborting: Chat = async (_messages, { signal }) => {
      controller.abort();
      signal?.throwIfAborted();
      return '';
    };
    await expect(enrich(['a b'], ['title', 'questions'], { chat: aborting, signal: controller.signal })).rejects.toThrow();
  });
});

describe('an enricher that fails', () => {
  it('leaves a warning, and what the others found', async () => {
    const document = documentOf(SENTENCES['en'] ?? '');
    const broken = {
      name: 'keywords' as const,
      enrich: async () => {
        throw new LocalLiteError('internal', 'a fault');
      },
    };
    const fine = { name: 'entities' as const, enrich: async () => ({ facts: { pii: ['email'] } }) };
    const chunks = chunksOf(document);
    const result = await enrichDocument({ document, chunks }, ['keywords', 'entities'], help, { keywords: broken, entities: fine });
    expect(result).toEqual({
      chunks,
      facts: { pii: ['email'] },
      warnings: [{ code: 'enricher_failed', part: 'keywords', message: 'the enricher keywords failed: a fault' }],
    });
  });

  it('is so for each where what it needs is missing or broken', async () => {
    const { warnings } = await enrich(['Some text that is long enough to be one whole sentence of many.'], ENRICHERS);
    expect(warnings.map(({ part }) => part)).toEqual(['summary', ...CHAT_ENRICHERS]);
    const embed = async () => {
      throw new LocalLiteError('worker_crashed', 'gone');
    };
    const two = ['This is the first sentence of two.', 'And that is the second sentence of two.'];
    expect((await enrich(two, ['summary'], { embed })).warnings).toMatchObject([{ code: 'enricher_failed', part: 'summary' }]);
  });
});

describe('names of enrichers', () => {
  it('are put in their order, each once', () => {
    expect(readEnrichers(['summary', 'language', 'summary'], { hasChat: false })).toEqual(['language', 'summary']);
    expect(readEnrichers(['context', 'title'], { hasChat: true })).toEqual(['title', 'context']);
  });

  it('are refused where there is none, or no chat model', () => {
    expect(() => readEnrichers(['sentiment'], { hasChat: true })).toThrow(/no enricher sentiment; there are language, keywords/);
    expect(() => readEnrichers(['language', 'questions'], { hasChat: false })).toThrow(
      'the enricher questions needs a chat model, and none is configured',
    );
  });
});
