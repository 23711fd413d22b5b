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
    return { metadata: {}, blocks: paragraphs(cuesOf(decodeText(bytes, context))) };
  },
};

interface Cue {
  /** Seconds. */
  readonly from: number;
  readonly to: number;
  /** Who speaks, where it is said (`<v Ann>`). */
  readonly voice: string;
  readonly text: string;
}

function cuesOf(text: string): readonly Cue[] {
  return text
    .replaceAll(/\r\n?/g, '\n')
    .split(/\n{2,}/)
    .flatMap((part): readonly Cue[] => {
      const lines = part.split('\n');
      const at = lines.findIndex((line) => TIME.test(line));
      const timing = lines[at];
      if (timing === undefined) return [];
      const [start = '', end = ''] = timing.split('-->');
      const times = { from: seconds(start), to: seconds(end) };
      return spoken(lines.slice(at + 1).join('\n')).map((one) => ({ ...times, ...one }));
    });
}

/** What each voice says in a cue. */
function spoken(payload: string): readonly Pick<Cue, 'voice' | 'text'>[] {
  const parts = payload.split(/<v(?:\.[^ >]*)?\s+([^>]*)>/);
  const said = parts.flatMap((part, index) =>
    index % 2 === 0 ? [{ voice: index === 0 ? '' : (parts[index - 1] ?? '').trim(), text: plain(part) }] : [],
  );
  return said.filter(({ text }) => text !== '');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', nbsp: ' ', lrm: '', rlm: '' };

/** Without marks, on one line. */
function plain(text: string): string {
  return text
    .replaceAll(/<[^>]*>|\{\\[^}]*\}/g, '')
    .replaceAll(/&(amp|lt|gt|nbsp|lrm|rlm);/g, (_whole, name: string) => ENTITIES[name] ?? '')
    .replaceAll(/\s+/g, ' ')
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
    if (first !== undefined) blocks.push({ kind: 'text', text: `[${clock(first.from)}] ${joined(open)}` });
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

/** One text, a line for each turn of a speaker. Rolling captions show a line again with the next; it is taken once. */
function joined(cues: readonly Cue[]): string {
  const fresh = cues.filter(({ text, voice }, index) => text !== cues[index - 1]?.text || voice !== cues[index - 1]?.voice);
  return fresh
    .map(({ voice, text }, index) => {
      const isTurn = voice !== (fresh[index - 1]?.voice ?? '');
      const start = isTurn && voice !== '' ? `${voice}: ` : '';
      return `${index === 0 ? '' : isTurn ? '\n' : ' '}${start}${text}`;
    })
    .join('');
}

function clock(time: number): string {
  const whole = Math.floor(time);
  const pad = (value: number): string => String(value).padStart(2, '0');
  return `${pad(Math.floor(whole / 3600))}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
}
