import type { DocumentParser, DraftBlock } from '../document-types.ts';
import { decodeText } from '../encoding.ts';

const TIME = /^(?:(\d+):)?(\d{2}):(\d{2})[.,](\d{3})\s+-->\s+/;
/** A silence that ends a paragraph, and the longest one, in seconds. */
const PAUSE = 3;
const LONGEST = 60;

/** WebVTT and SubRip: what is said, in paragraphs, each with the time at which it begins. */
export const subtitleParser: DocumentParser = {
  name: 'subtitles',
  mediaTypes: ['text/vtt', 'application/x-subrip'],
  async parse(bytes, context) {
    return { metadata: {}, blocks: paragraphs(cuesOf(decodeText(bytes, context.warn))) };
  },
};

interface Cue {
  /** Seconds. */
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

function cuesOf(text: string): readonly Cue[] {
  return text.split(/(?:\r?\n){2,}/).flatMap((part): readonly Cue[] => {
    const lines = part.split(/\r?\n/);
    const at = lines.findIndex((line) => TIME.test(line));
    const timing = lines[at];
    if (timing === undefined) return [];
    const [start = '', end = ''] = timing.split('-->');
    const said = lines
      .slice(at + 1)
      .map(plain)
      .filter((line) => line !== '');
    return said.length === 0 ? [] : [{ from: seconds(start), to: seconds(end), text: said.join(' ') }];
  });
}

/** Without marks; a voice (`<v Ann>`) becomes `Ann: `. */
function plain(line: string): string {
  return line
    .replaceAll(/<v(?:\.[^ >]*)?\s+([^>]*)>/g, '$1: ')
    .replaceAll(/<[^>]*>|\{\\[^}]*\}/g, '')
    .trim();
}

function seconds(time: string): number {
  const [, hours = '0', minutes = '0', whole = '0', fraction = '0'] = /(?:(\d+):)?(\d{2}):(\d{2})[.,](\d{3})/.exec(time) ?? [];
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(whole) + Number(fraction) / 1000;
}

function paragraphs(cues: readonly Cue[]): readonly DraftBlock[] {
  const blocks: DraftBlock[] = [];
  let open: Cue[] = [];
  const flush = (): void => {
    const [first] = open;
    if (first !== undefined) blocks.push({ kind: 'text', text: `[${clock(first.from)}] ${unrepeated(open).join(' ')}` });
    open = [];
  };
  for (const cue of cues) {
    const last = open.at(-1);
    if (last !== undefined && (cue.from - last.to > PAUSE || cue.to - (open[0]?.from ?? 0) > LONGEST)) flush();
    open.push(cue);
  }
  flush();
  return blocks;
}

/** Rolling captions show a line again with the next. */
function unrepeated(cues: readonly Cue[]): readonly string[] {
  return cues.map(({ text }) => text).filter((text, index, all) => text !== all[index - 1]);
}

function clock(time: number): string {
  const whole = Math.floor(time);
  const pad = (value: number): string => String(value).padStart(2, '0');
  return `${pad(Math.floor(whole / 3600))}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
}
