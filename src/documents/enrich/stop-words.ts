import * as lists from 'stopword';
import { foldWord } from './words.ts';

/** Names of the lists by ISO 639-1 code. */
const LISTS: Readonly<Record<string, string>> = {
  ...{ af: 'afr', ar: 'ara', bg: 'bul', bn: 'ben', ca: 'cat', cs: 'ces', da: 'dan', de: 'deu', el: 'ell', en: 'eng', es: 'spa', et: 'est' },
  ...{ eu: 'eus', fa: 'fas', fi: 'fin', fr: 'fra', ga: 'gle', gl: 'glg', gu: 'guj', he: 'heb', hi: 'hin', hr: 'hrv', hu: 'hun', hy: 'hye' },
  ...{ id: 'ind', it: 'ita', ja: 'jpn', ko: 'kor', ku: 'kur', la: 'lat', lt: 'lit', lv: 'lav', mr: 'mar', ms: 'msa', nl: 'nld', no: 'nob' },
  ...{
    nb: 'nob',
    pa: 'panGu',
    pl: 'pol',
    pt: 'por',
    ro: 'ron',
    ru: 'rus',
    sk: 'slk',
    sl: 'slv',
    sv: 'swe',
    sw: 'swa',
    th: 'tha',
    tl: 'tgl',
  },
  ...{ tr: 'tur', uk: 'ukr', ur: 'urd', vi: 'vie', yo: 'yor', zh: 'zho', zu: 'zul', ha: 'hau', so: 'som', my: 'mya', eo: 'epo' },
};

/** Words that the English list lacks. */
const MORE_ENGLISH =
  "above across actually again against ago almost along already although always among any anyone anything around away back become became began behind below beside besides better beyond cannot certain certainly do does doing done don't down during each eight either else enough especially ever every everyone everything few first five for found four further gave generally get gets give given go goes going gone got had having hence herself himself however i'm if instead into it's its itself just keep kept known last later least less let little long made mainly make makes making may maybe me more most much must myself near nearly neither never next nine no nobody none nor not nothing now off often oh once one ones only onto or other others otherwise ourselves over own particularly per perhaps please possible put quite rather really recently said same saw say says second see seem seemed seems seen self sent seven several shall she should since six so some someone something sometimes somewhat somewhere soon still such take taken tell ten than that's themselves there's therefore these third this those though three through throughout thus till together too took toward towards two under unless until up upon us use used useful uses using usually various very via want wants was well went were weren't whatever when whenever where whereas wherever whether which while whole whom whose why will within without won't would wouldn't yes yet you're yours yourself";

const known = new Map<string, ReadonlySet<string>>();

/** Words of a language that only hold sentences together, folded; those of English where the language is unknown or has no list. */
export function stopWords(language: string | undefined): ReadonlySet<string> {
  const name = LISTS[language ?? 'en'] ?? 'eng';
  let words = known.get(name);
  if (words === undefined) {
    const list = new Map(Object.entries(lists)).get(name);
    const more = name === 'eng' ? MORE_ENGLISH.split(' ') : [];
    words = new Set([...(Array.isArray(list) ? list.map((word) => foldWord(String(word))) : []), ...more]);
    known.set(name, words);
  }
  return words;
}
