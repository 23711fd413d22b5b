/** Languages whose words are stemmed, with words that give each away. Without diacritics, as texts are when they are looked at. */
const FUNCTION_WORDS = {
  english: 'the of and to in is that for with as was on are by be this from or have which not were been their has',
  german: 'der die und das den von zu mit ist des im fur auf nicht ein eine sich dem auch als werden wird aus sind',
  french: 'le la les des et est une du dans que qui pour sur pas au plus par avec sont ce cette aux ne il',
  spanish: 'el los las del y que en una por con para es se un como mas su al lo pero sus fue este',
  italian: 'il di che la della per con una del sono non gli dei nel alla piu anche le dal come delle questo si',
  portuguese: 'o os do da em um uma para com nao que por mais as dos das ao na no se foi pelo sao como',
  dutch: 'het een van de en dat op te zijn voor met niet die aan er ook als bij maar worden wordt uit door naar',
  swedish: 'och att det som en av pa ar for med den till inte om har de ett var jag fran vid kan sig',
  danish: 'og at det er en til af den pa med for ikke der som et de har var jeg fra han blev ved efter',
  norwegian: 'og det er en som pa til av med at for ikke den har et jeg var fra ble etter ogsa seg eller hun',
  finnish: 'ja on ei se etta oli han mutta kun joka myos tai ovat niin kuin sen ole jos nyt mika hanen',
  hungarian: 'a az es hogy nem egy is ez volt meg csak de mint ezt azt mar vagy lehet kell majd ki',
  romanian: 'si de la un cu nu pe din care este sunt mai pentru sau ca au fost prin intr ale unei lui',
  turkish: 've bir bu da icin ile de cok olarak daha ne gibi kadar sonra olan var en ama mi degil',
  russian: 'и в не на что с он как по это но из за то все к от для его она так же был',
} as const;

/** Name of a Snowball stemmer, or `none` where words are left as they are. */
export type Language = keyof typeof FUNCTION_WORDS | 'none';

const BY_TAG: Readonly<Record<string, Language>> = {
  en: 'english',
  de: 'german',
  fr: 'french',
  es: 'spanish',
  it: 'italian',
  pt: 'portuguese',
  nl: 'dutch',
  sv: 'swedish',
  da: 'danish',
  no: 'norwegian',
  nb: 'norwegian',
  nn: 'norwegian',
  fi: 'finnish',
  hu: 'hungarian',
  ro: 'romanian',
  tr: 'turkish',
  ru: 'russian',
};

export const LANGUAGES: readonly Language[] = ['none', ...new Set(Object.values(BY_TAG))];

const LANGUAGES_OF = new Map<string, Language[]>();
for (const language of LANGUAGES) {
  if (language === 'none') continue;
  for (const word of FUNCTION_WORDS[language].split(' ')) LANGUAGES_OF.set(word, [...(LANGUAGES_OF.get(word) ?? []), language]);
}

/** Words that are looked at. */
const WORDS_READ = 120;
const LEAST_WORDS = 2;

/** Of a BCP 47 tag; undefined where it names none that is stemmed. */
export function languageOfTag(tag: string): Language | undefined {
  return BY_TAG[tag.toLowerCase().split(/[-_]/)[0] ?? ''];
}

/** The language most of whose function words stand among these folded words; undefined where there are too few to tell. */
export function languageOfWords(words: readonly string[]): Language | undefined {
  const counts = new Map<Language, number>();
  let best: Language | undefined;
  for (let index = 0; index < Math.min(words.length, WORDS_READ); index++) {
    for (const language of LANGUAGES_OF.get(words[index] ?? '') ?? []) {
      const count = (counts.get(language) ?? 0) + 1;
      counts.set(language, count);
      if (best === undefined || count > (counts.get(best) ?? 0)) best = language;
    }
  }
  return best !== undefined && (counts.get(best) ?? 0) >= LEAST_WORDS ? best : undefined;
}

/**
 * The words without those that only hold a sentence together, in the language they seem to be of; all of them where nothing else is left.
 * They are in the index, for phrases.
 */
export function withoutFunctionWords(words: readonly string[]): readonly string[] {
  const language = languageOfWords(words) ?? 'english';
  const telling = words.filter((word) => LANGUAGES_OF.get(word)?.includes(language) !== true);
  return telling.length === 0 ? words : telling;
}
