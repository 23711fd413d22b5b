import { MONTHS } from './month-names.ts';

/** A stretch of a text with its normal form. */
export interface Found {
  readonly start: number;
  readonly end: number;
  readonly value?: string;
}

const NAME = [...MONTHS.keys()].sort((a, b) => b.length - a.length).join('|');
const YEAR = '(?:1[5-9]|20|21)\\d\\d';
const FORMS: readonly { readonly pattern: RegExp; readonly read: (groups: Groups, dayFirst: boolean | undefined) => string | undefined }[] =
  [
    {
      // 2024-03-01, 2024-03-01T10:00:00Z, 2024/03/01
      pattern: new RegExp(`(?<![\\d.-])(?<year>${YEAR})(?<sign>[-/.])(?<month>\\d\\d?)\\k<sign>(?<day>\\d\\d?)(?![\\d-])`, 'gu'),
      read: ({ year, month, day }) => iso(year, month, day),
    },
    {
      // 01.03.2024, 1/3/2024, 13-03-2024
      pattern: new RegExp(`(?<![\\d./-])(?<day>\\d\\d?)(?<sign>[./-])(?<month>\\d\\d?)\\k<sign>(?<year>${YEAR})(?![\\d-])`, 'gu'),
      read: ({ year, month, day, sign }, dayFirst) => numeric({ year, month, day }, sign === '.' ? true : dayFirst),
    },
    {
      // 1 March 2024, 1. März 2024, 1er mars 2024, 1 de marzo de 2024
      pattern: new RegExp(
        `(?<![\\p{L}\\d])(?<day>\\d\\d?)(?:\\.|st|nd|rd|th|er|º)?\\s(?:of\\s|de\\s|d')?(?<name>${NAME})\\.?,?\\s(?:de\\s|del\\s)?(?<year>${YEAR})(?![\\p{L}\\d])`,
        'giu',
      ),
      read: ({ year, name, day }) => iso(year, monthOf(name), day),
    },
    {
      // March 1, 2024; March 1st 2024
      pattern: new RegExp(
        `(?<![\\p{L}\\d])(?<name>${NAME})\\.?\\s(?<day>\\d\\d?)(?:st|nd|rd|th)?,?\\s(?<year>${YEAR})(?![\\p{L}\\d])`,
        'giu',
      ),
      read: ({ year, name, day }) => iso(year, monthOf(name), day),
    },
    {
      // March 2024
      pattern: new RegExp(`(?<![\\p{L}\\d])(?<name>${NAME})\\.?,?\\s(?:de\\s|del\\s)?(?<year>${YEAR})(?![\\p{L}\\d])`, 'giu'),
      read: ({ year, name }) => `${year}-${two(monthOf(name))}`,
    },
    {
      // 2024年3月1日
      pattern: new RegExp(`(?<year>${YEAR})年(?<month>\\d\\d?)月(?<day>\\d\\d?)日`, 'gu'),
      read: ({ year, month, day }) => iso(year, month, day),
    },
  ];

type Groups = Readonly<Record<string, string | undefined>>;

/**
 * Dates with their ISO form. Where day and month could be either (03/04/2024), the language decides whether the day comes first; in English,
 * which has both, such a date has no value.
 */
export function* datesIn(text: string, language: string | undefined): Generator<Found> {
  if (!/\d{4}/.test(text)) return;
  const dayFirst = language === undefined || language === 'en' ? undefined : true;
  for (const { pattern, read } of FORMS) {
    for (const match of text.matchAll(pattern)) {
      const groups = match.groups ?? {};
      const value = read(groups, dayFirst);
      if (value === undefined) continue;
      yield { start: match.index, end: match.index + match[0].length, ...(value !== '' && { value }) };
    }
  }
}

/** Undefined for no day of the calendar. */
function iso(year = '', month = '', day = ''): string | undefined {
  const value = `${year}-${two(month)}-${two(day)}`;
  const time = Date.parse(`${value}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(value) ? value : undefined;
}

/** Empty where it is a date, but not known which. */
function numeric({ year, month, day }: Pick<Groups, 'year' | 'month' | 'day'>, dayFirst: boolean | undefined): string | undefined {
  const [european, american] = [iso(year, month, day), iso(year, day, month)];
  if (dayFirst === true) return european ?? american;
  if (european === undefined || american === undefined || european === american) return european ?? american;
  return '';
}

function monthOf(name = ''): string {
  return String(MONTHS.get(name.toLowerCase()) ?? 0);
}

function two(text: string): string {
  return text.padStart(2, '0');
}
