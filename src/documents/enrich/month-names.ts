/** Languages whose names of months are known, those of documents first. */
const LANGUAGES = ['en', 'de', 'fr', 'es', 'it', 'pt', 'nl', 'sv', 'da', 'nb', 'fi', 'pl', 'cs', 'hu', 'ro', 'tr', 'ru', 'uk'];

/** Number of a month by its folded name, with and without its full stop, in eighteen languages: as the platform writes it in dates. */
export const MONTHS: ReadonlyMap<string, number> = namesOfMonths();

function namesOfMonths(): ReadonlyMap<string, number> {
  const names = new Map<string, number>();
  for (const language of LANGUAGES) {
    for (const month of ['long', 'short'] as const) {
      for (const form of [{ month }, { month, day: 'numeric' } as const]) addNames(names, language, form);
    }
  }
  // The usual short form besides the platform's.
  return names.set('sept', 9);
}

function addNames(names: Map<string, number>, language: string, form: Intl.DateTimeFormatOptions): void {
  const format = new Intl.DateTimeFormat(language, { ...form, timeZone: 'UTC' });
  for (let month = 0; month < 12; month++) {
    const part = format.formatToParts(Date.UTC(2023, month, 15)).find(({ type }) => type === 'month');
    const name = part?.value.toLowerCase().replace(/\.$/, '') ?? '';
    if (/^\p{L}{3,}$/u.test(name) && !names.has(name)) names.set(name, month + 1);
  }
}
