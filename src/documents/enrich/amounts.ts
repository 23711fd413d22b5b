import type { Found } from './dates.ts';

/** Signs of currencies by ISO 4217; those of several currencies stand for the most usual. */
const SIGNS: Readonly<Record<string, string>> = {
  $: 'USD',
  US$: 'USD',
  A$: 'AUD',
  C$: 'CAD',
  R$: 'BRL',
  '€': 'EUR',
  '£': 'GBP',
  '¥': 'JPY',
  '￥': 'JPY',
  '₹': 'INR',
  '₩': 'KRW',
  '₽': 'RUB',
  '₺': 'TRY',
  '₴': 'UAH',
  '₪': 'ILS',
  '₫': 'VND',
  '₦': 'NGN',
  '฿': 'THB',
  zł: 'PLN',
  Kč: 'CZK',
};
const CODES = 'USD|EUR|GBP|JPY|CHF|CNY|AUD|CAD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|TRY|RUB|UAH|INR|KRW|BRL|MXN|ZAR|SGD|HKD|ILS|THB|AED|SAR';
const WORDS: Readonly<Record<string, string>> = { euro: 'EUR', euros: 'EUR', dollar: 'USD', dollars: 'USD', pounds: 'GBP', yen: 'JPY' };
const SCALES: readonly (readonly [RegExp, number])[] = [
  [/^(?:k|thousand|tausend|tsd\.?|mille|mil)$/i, 1e3],
  [/^(?:m|mn|million|millions|millionen|mio\.?|millones|milioni|milhões)$/i, 1e6],
  [/^(?:b|bn|billion|billions|milliarde|milliarden|mrd\.?|milliards|miliardi)$/i, 1e9],
  [/^(?:trillion|trillions)$/i, 1e12],
];

const NUMBER = "\\d{1,3}(?:[ .,'’\\u00a0\\u202f]\\d{3}){1,5}(?:[.,]\\d{1,2})?|\\d{1,15}(?:[.,]\\d{1,2})?";
const SCALE =
  'thousand|millions?|billions?|trillions?|bn|mn|tausend|Tsd\\.|Millionen|Mio\\.?|Milliarden?|Mrd\\.?|millones|milliards|milioni|miliardi|[kKmMbB](?![\\p{L}\\d])';
const SIGN = Object.keys(SIGNS)
  .sort((a, b) => b.length - a.length)
  .map((sign) => sign.replaceAll('$', '\\$'))
  .join('|');
const UNIT = `${SIGN}|(?:${CODES})(?![\\p{L}])`;
const BEFORE = new RegExp(
  `(?<![\\p{L}\\d])(?<unit>${UNIT})[ \\u00a0]?(?<number>${NUMBER})(?![\\d])(?:[ \\u00a0]?(?<scale>${SCALE})(?![\\p{L}]))?`,
  'gu',
);
const BEHIND = new RegExp(
  `(?<![\\p{L}\\d.,])(?<number>${NUMBER})(?:[ \\u00a0](?<scale>${SCALE}))?[ \\u00a0]?(?<unit>${UNIT}|${Object.keys(WORDS).join('|')}|Euro)(?![\\p{L}\\d])`,
  'gu',
);

/** Amounts of money with their normal form, e.g. `1234.50 EUR`. */
export function* amountsIn(text: string): Generator<Found> {
  for (const pattern of [BEFORE, BEHIND]) {
    for (const match of text.matchAll(pattern)) {
      const { unit = '', number = '', scale } = match.groups ?? {};
      const value = readNumber(number) * scaleOf(scale);
      const currency = SIGNS[unit] ?? WORDS[unit.toLowerCase()] ?? unit;
      yield { start: match.index, end: match.index + match[0].length, value: `${plain(value)} ${currency}` };
    }
  }
}

function scaleOf(word: string | undefined): number {
  return word === undefined ? 1 : (SCALES.find(([pattern]) => pattern.test(word))?.[1] ?? 1);
}

/** The last point or comma is the decimal one where one or two digits follow it; all others group digits. */
function readNumber(text: string): number {
  const decimal = /[.,](\d{1,2})$/.exec(text);
  const whole = (decimal === null ? text : text.slice(0, decimal.index)).replaceAll(/\D/g, '');
  return Number(`${whole}.${decimal?.[1] ?? '0'}`);
}

/** Without the errors of binary fractions. */
function plain(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toFixed(2)));
}
