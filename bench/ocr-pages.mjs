// Pages of books as images: text in several fonts, clean, or turned with noise on paper. The same seed gives the same page.

import { readFileSync } from 'node:fs';
import { createCanvas, GlobalFonts } from '@napi-rs/canvas';

/** Fonts that Linux distributions have, with the size that fills about 40 lines. */
const FONTS = [
  ['Liberation Serif', 30],
  ['DejaVu Serif', 26],
  ['Liberation Sans', 28],
  ['FreeSerif', 32],
  ['DejaVu Sans', 25],
  ['Liberation Sans Narrow', 30],
  ['FreeSans', 28],
  ['Liberation Mono', 24],
];
const TURNS = [2, -1.3, 0.7, -2, 1.6, -0.9, 2, -1.7];
const WIDTH = 1240;
const HEIGHT = 1754;
const MARGIN = 130;

/** How pages look: each font that is here, clean and turned with noise. `dpi` 150 is A4 in {@link WIDTH} x {@link HEIGHT}. */
export function pageLooks() {
  return FONTS.filter(([font]) => GlobalFonts.has(font)).flatMap(([font, size], index) => [
    { font, size, degrees: 0, noise: 0 },
    { font, size, degrees: TURNS[index], noise: 24 },
  ]);
}

/** Numbers in [0, 1) of a seed (mulberry32). */
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Paragraphs of a book in Markdown, without its headings. */
export function paragraphsOf(file) {
  return readFileSync(file, 'utf8')
    .split(/\n\s*\n/)
    .map((text) => text.replace(/\s+/g, ' ').replace(/[*_]/g, '').trim())
    .filter((text) => text.length > 40 && !text.startsWith('#'));
}

/**
 * Draws paragraphs from `start` on until the page is full.
 * @returns pixels in 8 bits RGB, the lines that are on the page, and the paragraph that comes next
 */
export function drawPage(paragraphs, start, look, { seed = 1, width = WIDTH, height = HEIGHT, margin = MARGIN } = {}) {
  const canvas = createCanvas(width, height);
  const context = canvas.getContext('2d');
  context.fillStyle = look.noise > 0 ? '#f6f3ea' : '#ffffff';
  context.fillRect(0, 0, width, height);
  context.translate(width / 2, height / 2);
  context.rotate((look.degrees * Math.PI) / 180);
  context.translate(-width / 2, -height / 2);
  context.fillStyle = look.noise > 0 ? '#222222' : '#000000';
  context.font = `${look.size}px "${look.font}"`;
  const { lines, next } = setLines(paragraphs, start, { context, size: look.size, width, height, margin });
  for (const { text, x, y } of lines) context.fillText(text, x, y);
  const { data } = context.getImageData(0, 0, width, height);
  return { width, height, data: withNoise(data, look.noise, seed), lines: lines.map(({ text }) => text), next };
}

/** Breaks paragraphs into lines, the first of each indented. */
function setLines(paragraphs, start, { context, size, width, height, margin }) {
  const lead = Math.round(size * 1.42);
  const lines = [];
  let y = margin + size;
  for (let at = start; at < paragraphs.length; at++) {
    let indent = size * 1.2;
    let line = '';
    for (const word of [...paragraphs[at].split(' '), undefined]) {
      const longer = line === '' ? word : `${line} ${word}`;
      if (word !== undefined && (line === '' || context.measureText(longer).width <= width - 2 * margin - indent)) {
        line = longer;
        continue;
      }
      if (y > height - margin) return { lines, next: at };
      lines.push({ text: line, x: margin + indent, y });
      y += lead;
      indent = 0;
      line = word;
    }
  }
  return { lines, next: paragraphs.length };
}

/** RGB of RGBA; noise is nearly normal, `noise` about twice its standard deviation. */
function withNoise(rgba, noise, seed) {
  const random = randomOf(seed);
  const data = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += 3) {
    const shift = noise > 0 ? (random() + random() + random() - 1.5) * noise * 1.15 : 0;
    for (let k = 0; k < 3; k++) data[to + k] = Math.max(0, Math.min(255, rgba[from + k] + shift));
  }
  return data;
}

/** Quotation marks, dashes and white space in one form: readers differ in them, and nobody minds. */
export function plainText(text) {
  return text.replace(/[“”„]/g, '"').replace(/[‘’]/g, "'").replace(/[—–]/g, '-').replace(/\s+/g, ' ').trim();
}

/** Insertions, deletions and substitutions of characters that make one text of the other (Levenshtein). */
export function editDistance(one, other) {
  let before = Uint32Array.from({ length: other.length + 1 }, (_, index) => index);
  let now = new Uint32Array(other.length + 1);
  for (let i = 1; i <= one.length; i++) {
    now[0] = i;
    for (let j = 1; j <= other.length; j++) {
      const change = before[j - 1] + (one[i - 1] === other[j - 1] ? 0 : 1);
      now[j] = Math.min(change, before[j] + 1, now[j - 1] + 1);
    }
    [before, now] = [now, before];
  }
  return before[other.length];
}
