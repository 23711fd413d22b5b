import { isIPv6 } from 'node:net';
import type { Entity } from '../document-types.ts';
import { ibanLength, isCard, isIban, isIsbn, isIssn, isOrcid } from './check-digits.ts';

/** One kind of thing that is known by its form; `read` gives its normal form, or undefined where it is none after all. */
interface Form {
  readonly type: Entity['type'];
  readonly personal: boolean;
  readonly pattern: RegExp;
  readonly read: (text: string) => { readonly value: string; readonly length?: number } | undefined;
}

const compact = (text: string): string => text.replaceAll(/[\s\u00a0.-]/g, '');
const when = (holds: boolean, value: string) => (holds ? { value } : undefined);

/** What is found first takes its place: the surer forms come first. */
export const FORMS: readonly Form[] = [
  {
    type: 'url',
    personal: false,
    pattern: /(?<![\p{L}\p{N}])(?:https?:\/\/|ftp:\/\/|www\.)[^\s<>"'`|\\^{}]{3,2000}/giu,
    read: readUrl,
  },
  {
    type: 'email',
    personal: true,
    pattern:
      /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}_%+-](?:[\p{L}\p{N}._%+-]{0,62}[\p{L}\p{N}_%+-])?@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}-])/gu,
    read: (text) => when(!text.includes('..'), text.toLowerCase()),
  },
  {
    type: 'identifier',
    personal: false,
    // https://www.crossref.org/blog/dois-and-matching-regular-expressions/
    pattern: /(?<![\p{L}\p{N}/.])10\.\d{4,9}\/[-._;()/:a-z0-9]{1,200}/giu,
    read: (text) => {
      const doi = withoutEnd(text);
      return { value: `doi:${doi.toLowerCase()}`, length: doi.length };
    },
  },
  {
    type: 'iban',
    personal: true,
    pattern: /(?<![\p{L}\p{N}])[A-Z]{2}\d\d(?:[ \u00a0-]?[A-Z0-9]){11,30}(?![\p{L}\p{N}])/gu,
    read: readIban,
  },
  {
    type: 'identifier',
    personal: true,
    pattern: /(?<![\d-])\d{4}-\d{4}-\d{4}-\d{3}[\dX](?![\d-])/g,
    read: (text) => when(isOrcid(compact(text)), `orcid:${text}`),
  },
  {
    type: 'card',
    personal: true,
    pattern: /(?<![\d.,-])\d(?:[ -]?\d){11,18}(?![\d-])/g,
    read: (text) => {
      const digits = compact(text);
      return when(isCard(digits) && isGrouped(text), `•••• ${digits.slice(-4)}`);
    },
  },
  {
    type: 'identifier',
    personal: false,
    // Ten digits are many a thing; of thirteen the first three tell.
    pattern: /(?<![\d-])(?:97[89][ -]?|(?<=ISBN(?:-10)?:?\s{0,2}))\d(?:[ -]?\d){8}[ -]?[\dX](?![\dX-])/g,
    read: (text) => when(isIsbn(compact(text)), `isbn:${compact(text)}`),
  },
  {
    type: 'identifier',
    personal: false,
    pattern: /(?<=ISSN:?\s{0,2}(?:\([a-z]{1,12}\)\s?)?)\d{4}-\d{3}[\dX](?![\d-])/giu,
    read: (text) => when(isIssn(compact(text)), `issn:${text}`),
  },
  {
    type: 'ip',
    personal: true,
    pattern: /(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]*\d)/g,
    // Numbers of versions and sections look the same; those of networks of one's own begin so.
    read: (text) => when(!/^(?:0|[1-9])\.(?:\d\.){1,2}\d$/.test(text), text),
  },
  {
    type: 'ip',
    personal: true,
    pattern: /(?<![\p{L}\p{N}:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\p{L}\p{N}:]|\.\d)/giu,
    read: (text) => when(isIPv6(text) && (text.match(/[0-9a-f]+/gi)?.length ?? 0) >= 3, text.toLowerCase()),
  },
  {
    type: 'phone',
    personal: true,
    // International, after ITU-T E.123; or the area code in brackets; or North American groups.
    pattern:
      /(?<![\p{L}\p{N}+.,-])(?:\+[1-9]\d{6,14}|\+[1-9]\d{0,2}(?:[ \u00a0./-]?\(\d{1,5}\)|[ \u00a0./-]\d{1,10}|(?<=\))\d{1,10}){1,6}|\(0?\d{2,5}\)[ \u00a0]?\d{2,8}(?:[ \u00a0./-]\d{2,5}){0,3}|\d{3}[-. ]\d{3}[-. ]\d{4})(?![\p{L}\p{N}-])/gu,
    read: readPhone,
  },
];

function readUrl(text: string): ReturnType<Form['read']> {
  const url = withoutEnd(text);
  const full = /^www\./i.test(url) ? `http://${url}` : url;
  return URL.canParse(full) && /[.:]|localhost/.test(new URL(full).host) ? { value: url, length: url.length } : undefined;
}

/** Signs that end a sentence end an address too; a bracket only where it was not opened inside. */
function withoutEnd(text: string): string {
  let kept = text;
  for (;;) {
    const next = kept.replace(/[.,;:!?…*_]+$/, '');
    const closes = /[)\]]$/.exec(next)?.[0];
    const opener = closes === ')' ? '(' : '[';
    if (closes !== undefined && !next.includes(opener)) kept = next.slice(0, -1);
    else if (next === kept) return kept;
    else kept = next;
  }
}

/** What follows the number may look like more of it. */
function readIban(text: string): ReturnType<Form['read']> {
  const length = ibanLength(text);
  if (length === undefined) return undefined;
  let end = 0;
  for (let count = 0; end < text.length && count < length; end++) if (/[A-Z0-9]/.test(text.charAt(end))) count++;
  const value = compact(text.slice(0, end));
  return isIban(value) ? { value, length: end } : undefined;
}

/** Digits of a card stand together or in groups of at least three. */
function isGrouped(text: string): boolean {
  return text.split(/[ -]/).every((group) => group.length >= 3);
}

function readPhone(text: string): ReturnType<Form['read']> {
  const digits = text.replace('(0)', '').replaceAll(/\D/g, '');
  if (digits.length < 7 || digits.length > 15) return undefined;
  if (text.startsWith('+')) return { value: `+${digits}` };
  return { value: digits };
}
