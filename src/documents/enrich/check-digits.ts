/** Luhn's check digit (ISO/IEC 7812-1), of payment cards. Digits alone. */
export function isLuhn(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index++) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** Payment cards by their first digits and length (ISO/IEC 7812: American Express, Diners, JCB, Visa, Mastercard, Discover, UnionPay, Maestro). */
const CARD =
  /^(?:3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|6(?:011|5\d\d|4[4-9]\d)\d{12}|62\d{14,17}|(?:50|5[6-9]|6\d)\d{10,17})$/;

/** True for a number that a payment card may have. Digits alone. */
export function isCard(digits: string): boolean {
  return CARD.test(digits) && isLuhn(digits) && !/^(\d)\1*$/.test(digits);
}

/** Lengths of IBANs by country (SWIFT's IBAN registry). */
const IBAN_LENGTHS: Readonly<Record<string, number>> = {
  ...{ AD: 24, AE: 23, AL: 28, AT: 20, AZ: 28, BA: 20, BE: 16, BG: 22, BH: 22, BR: 29, BY: 28, CH: 21, CR: 22, CY: 28, CZ: 24, DE: 22 },
  ...{ DK: 18, DO: 28, EE: 20, EG: 29, ES: 24, FI: 18, FO: 18, FR: 27, GB: 22, GE: 22, GI: 23, GL: 18, GR: 27, GT: 28, HR: 21, HU: 28 },
  ...{ IE: 22, IL: 23, IQ: 23, IS: 26, IT: 27, JO: 30, KW: 30, KZ: 20, LB: 28, LC: 32, LI: 21, LT: 20, LU: 20, LV: 21, LY: 25, MC: 27 },
  ...{ MD: 24, ME: 22, MK: 19, MR: 27, MT: 31, MU: 30, NL: 18, NO: 15, PK: 24, PL: 28, PS: 29, PT: 25, QA: 29, RO: 24, RS: 22, SA: 24 },
  ...{ SC: 31, SE: 24, SI: 19, SK: 24, SM: 27, ST: 25, SV: 28, TL: 23, TN: 24, TR: 26, UA: 29, VA: 22, VG: 24, XK: 20 },
};

/** Length of an IBAN that begins so; undefined for no country that has them. */
export function ibanLength(text: string): number | undefined {
  return IBAN_LENGTHS[text.slice(0, 2)];
}

/** ISO 13616: the remainder by 97 of the number, its first four characters last, letters as numbers from 10. Without blanks. */
export function isIban(text: string): boolean {
  if (ibanLength(text) !== text.length) return false;
  let rest = 0;
  for (const character of text.slice(4) + text.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value > 9 ? 100 : 10) + value) % 97;
  }
  return rest === 1;
}

/** ISO 2108: ten digits (the last may be X) or thirteen. Without hyphens. */
export function isIsbn(text: string): boolean {
  if (/^\d{9}[\dX]$/.test(text)) return isZero(text, (index) => 10 - index, 11);
  return /^97[89]\d{10}$/.test(text) && isZero(text, (index) => (index % 2 === 0 ? 1 : 3), 10);
}

/** ISO 3297: eight digits, the last may be X. Without the hyphen. */
export function isIssn(text: string): boolean {
  return /^\d{7}[\dX]$/.test(text) && isZero(text, (index) => 8 - index, 11);
}

function isZero(text: string, weight: (index: number) => number, modulus: number): boolean {
  const sum = [...text].reduce((total, character, index) => total + (character === 'X' ? 10 : Number(character)) * weight(index), 0);
  return sum % modulus === 0;
}

/** ISO/IEC 7064 MOD 11-2, of ORCID and ISNI: sixteen digits, the last may be X. Without hyphens. */
export function isOrcid(text: string): boolean {
  if (!/^\d{15}[\dX]$/.test(text)) return false;
  const total = [...text.slice(0, 15)].reduce((sum, digit) => (sum + Number(digit)) * 2, 0);
  const check = (12 - (total % 11)) % 11;
  return text.endsWith(check === 10 ? 'X' : String(check));
}
