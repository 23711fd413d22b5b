/** Stretch of a text, UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The segmenter copies its whole input for each segment: long texts are given to it in windows. */
const WINDOW = 2048;
/** A sentence that is longer has none of the marks that end sentences. */
const LONGEST = 32 * WINDOW;
/** A full stop after these does not end a sentence; single capitals are initials. */
const ABBREVIATION =
  /(?:^|[\s("'“‘])(?:\p{Lu}|Mr|Mrs|Ms|Dr|Prof|Rev|Hon|St|Sr|Jr|Col|Gen|Capt|Lt|Mme|Mlle|Hr|Fr|vs|cf|No|Nr|Fig|Figs|Eq|Sec|Vol|al|pp|ca|approx|e\.g|i\.e|z\.B|d\.h|bzw)\.\s*$/u;

/**
 * Sentences of a text by the rules of its language (BCP 47; what is no language counts as English). They tile the text: each ends where
 * the next begins. A single line break is a blank, as in wrapped text. Takes linear time.
 */
export function* sentencesOf(text: string, language?: string): Generator<Span> {
  let open: number | undefined;
  for (const { start, end } of segments(text.replaceAll('\n', ' '), segmenterOf(language))) {
    open ??= start;
    if (end < text.length && end - open < WINDOW && ABBREVIATION.test(text.slice(Math.max(open, end - 16), end))) continue;
    yield { start: open, end };
    open = undefined;
  }
}

/** The last segment of a window may go on behind it, so the next window begins with it. */
function* segments(text: string, segmenter: Intl.Segmenter): Generator<Span> {
  let position = 0;
  let window = WINDOW;
  while (position < text.length) {
    const to = Math.min(text.length, position + window);
    const found = [...segmenter.segment(text.slice(position, to))].map(({ index }) => position + index);
    if (to < text.length && found.length === 1 && window < LONGEST) {
      window *= 2;
      continue;
    }
    const isLast = to === text.length;
    const ends = isLast ? [...found.slice(1), to] : found.length > 1 ? found.slice(1) : [betweenWords(text, position, to)];
    for (const end of ends) {
      yield { start: position, end };
      position = end;
    }
    window = WINDOW;
  }
}

function betweenWords(text: string, start: number, end: number): number {
  const blank = text.lastIndexOf(' ', end);
  if (blank > start) return blank + 1;
  return isPair(text, end) ? end - 1 : end;
}

/** True where a cut at `at` would halve a character. */
function isPair(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

const segmenters = new Map<string, Intl.Segmenter>();

function segmenterOf(language = 'en'): Intl.Segmenter {
  const locale = isLocale(language) ? language : 'en';
  let segmenter = segmenters.get(locale);
  if (segmenter === undefined) {
    if (segmenters.size > 100) segmenters.clear();
    segmenter = new Intl.Segmenter(locale, { granularity: 'sentence' });
    segmenters.set(locale, segmenter);
  }
  return segmenter;
}

function isLocale(language: string): boolean {
  try {
    return Intl.Segmenter.supportedLocalesOf(language).length > 0;
  } catch {
    return false;
  }
}
