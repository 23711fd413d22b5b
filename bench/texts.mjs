import { readFileSync } from 'node:fs';

/** Texts of a file: one a line, or the last two columns of each line of a .tsv. */
export function readTexts(path) {
  const lines = readFileSync(path, 'utf8')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '');
  return path.endsWith('.tsv') ? lines.flatMap((line) => line.split('\t').slice(-2)) : lines;
}

/** `count` texts: the file again and again, each time in another order, the same in every run. */
export function listOf(texts, count) {
  const list = [];
  for (let pass = 1; list.length < count; pass++) list.push(...shuffled(texts, pass));
  return list.slice(0, count);
}

function shuffled(texts, seed) {
  const random = mulberry32(seed);
  const result = [...texts];
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [result[index], result[other]] = [result[other], result[index]];
  }
  return result;
}

/** A small seeded generator of numbers in [0, 1): mulberry32 by Tommy Ettinger, public domain. */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
