const WORDS =
  'river stone lantern market winter engine garden signal harbour teacher copper violin thunder orchard compass ledger meadow satellite bakery glacier'.split(
    ' ',
  );
const SCRIPTS = ['Übermäßig', 'café', 'データ', 'система', '数据库', '🚀', 'naïve', 'مرحبا', 'x = y[0]', '?'];

/** Texts of 1 to about 300 words, many short and some over-long, with several scripts; always the same ones. */
export function mixedTexts(count: number): readonly string[] {
  let state = 12_345;
  const random = (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
  return Array.from({ length: count }, () => {
    const length = random(20) === 0 ? 1 + random(300) : 1 + random(24);
    return Array.from({ length }, () => (random(12) === 0 ? SCRIPTS[random(SCRIPTS.length)] : WORDS[random(WORDS.length)])).join(' ');
  });
}
