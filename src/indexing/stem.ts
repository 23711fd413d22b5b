import snowball from 'snowball-stemmers';
import { stemmer as porter } from 'stemmer';
import type { Language } from './languages.ts';

const STEMMABLE = /^[\p{Script=Latin}\p{Script=Cyrillic}]+$/u;
const SHORTEST = 3;
const stemmers = new Map<Language, { stem(word: string): string }>();

/** What is common to the forms of a folded word, by Snowball's rules for its language (English: Porter's). */
export function stem(word: string, language: Language): string {
  if (language === 'none' || word.length < SHORTEST || !STEMMABLE.test(word)) return word;
  if (language === 'english') return porter(word);
  let stemmer = stemmers.get(language);
  if (stemmer === undefined) {
    stemmer = snowball.newStemmer(language);
    stemmers.set(language, stemmer);
  }
  return stemmer.stem(word);
}
