import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Environment } from '../config/environment.ts';
import type { OcrLine, OcrResult, PageImage } from '../documents/document-types.ts';
import { LocalLiteError } from '../errors.ts';

/** How a page is read. */
export interface TesseractOptions {
  /** Where PATH comes from. */
  readonly environment: Environment;
  /** BCP 47; English where none is known to tesseract. */
  readonly languages?: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Longest answer that is read. */
const MOST_OUTPUT = 64 * 2 ** 20;
const LAST_WORDS = 2000;
/** Resolution that is told where the image does not say. */
const USUAL_DPI = 200;
const PASSED = ['PATH', 'Path', 'SystemRoot', 'TESSDATA_PREFIX'];

/** Tesseract's names of languages, ISO 639-2. */
const LANGUAGES: Readonly<Record<string, string>> = {
  ar: 'ara',
  cs: 'ces',
  da: 'dan',
  de: 'deu',
  el: 'ell',
  en: 'eng',
  es: 'spa',
  fi: 'fin',
  fr: 'fra',
  he: 'heb',
  hi: 'hin',
  hu: 'hun',
  it: 'ita',
  ja: 'jpn',
  ko: 'kor',
  nl: 'nld',
  no: 'nor',
  pl: 'pol',
  pt: 'por',
  ro: 'ron',
  ru: 'rus',
  sv: 'swe',
  tr: 'tur',
  uk: 'ukr',
  vi: 'vie',
  zh: 'chi_sim',
};

/** The installed program; undefined where there is none in PATH. */
export function findTesseract(environment: Environment): string | undefined {
  const folders = (environment['PATH'] ?? environment['Path'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const name = process.platform === 'win32' ? 'tesseract.exe' : 'tesseract';
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/**
 * Reads a page with the system's tesseract: pixels in, words with confidences out, nothing on disk.
 * @throws LocalLiteError document_unsupported where it is not installed; timed_out, cancelled, inference_failed
 */
export async function readWithTesseract(image: PageImage, options: TesseractOptions): Promise<OcrResult> {
  const program = findTesseract(options.environment);
  if (program === undefined) {
    throw new LocalLiteError(
      'document_unsupported',
      'tesseract is not installed: install it (e.g. apt install tesseract-ocr) or set ocr.engine to ppocr',
    );
  }
  const names = (options.languages ?? []).flatMap((language) => LANGUAGES[language.split('-')[0] ?? ''] ?? []);
  const languages = names.length === 0 ? 'eng' : [...new Set([...names, 'eng'])].join('+');
  const dpi = String(Math.round(image.dpi ?? USUAL_DPI));
  const table = await run(program, ['stdin', 'stdout', '-l', languages, '--dpi', dpi, 'tsv'], image, options);
  return { lines: readTable(table), rotation: 0, engine: 'tesseract' };
}

/** The image as a portable pixmap (http://netpbm.sourceforge.net/doc/ppm.html): a line of text before the pixels. */
function pixmapHead({ width, height }: PageImage): string {
  return `P6 ${width} ${height} 255\n`;
}

async function run(
  program: string,
  args: readonly string[],
  image: PageImage,
  { environment, timeoutMs, signal }: TesseractOptions,
): Promise<string> {
  if (signal?.aborted === true) throw abandoned();
  // Several threads of one page fight for the cores that others work on, and gain nothing.
  const env: Record<string, string> = { OMP_THREAD_LIMIT: '1' };
  for (const name of PASSED) {
    const value = environment[name];
    if (value !== undefined) env[name] = value;
  }
  const child = spawn(program, args, { cwd: tmpdir(), env, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true });
  let ended: LocalLiteError | undefined;
  const end = (error: LocalLiteError): void => {
    ended ??= error;
    child.kill('SIGKILL');
  };
  const leave = (): void => end(abandoned());
  const deadline = setTimeout(
    () => end(new LocalLiteError('timed_out', `tesseract did not read the image within ${timeoutMs / 1000} s`)),
    timeoutMs,
  );
  signal?.addEventListener('abort', leave, { once: true });
  const output: Buffer[] = [];
  let bytes = 0;
  let words = '';
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MOST_OUTPUT) end(new LocalLiteError('inference_failed', 'tesseract answered more than any page has'));
    else output.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-LAST_WORDS);
  });
  // It may end before it has read the image; then 'close' says so.
  child.stdin.on('error', () => undefined);
  child.stdin.write(pixmapHead(image));
  child.stdin.end(image.data);
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(new LocalLiteError('inference_failed', `tesseract cannot be started: ${cause.message}`, { cause })),
      );
      child.once('close', (exit) => resolve(exit));
    });
    if (ended !== undefined) throw ended;
    if (code !== 0)
      throw new LocalLiteError('inference_failed', `tesseract ended with ${code ?? 'a signal'}: ${words.trim().slice(0, 300)}`);
    return Buffer.concat(output).toString('utf8');
  } finally {
    clearTimeout(deadline);
    signal?.removeEventListener('abort', leave);
    child.kill('SIGKILL');
  }
}

interface Word {
  readonly text: string;
  readonly confidence: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Lines of tesseract's table: one row a word (level 5), numbered by block, paragraph and line, its confidence in hundredths. */
export function readTable(table: string): readonly OcrLine[] {
  const lines = new Map<string, Word[]>();
  for (const row of table.split(/\r?\n/)) {
    const cells = row.split('\t');
    const [level, page, block, paragraph, line, , left = 0, top = 0, width = 0, height = 0, confidence = 0] = cells.map(Number);
    const text = cells.slice(11).join('\t').trim();
    if (level !== 5 || text === '') continue;
    const key = [page, block, paragraph, line].join(' ');
    const word = { text, confidence: Math.min(1, Math.max(0, confidence / 100)), left, top, right: left + width, bottom: top + height };
    lines.set(key, [...(lines.get(key) ?? []), word]);
  }
  return [...lines.values()].map(lineOf);
}

function lineOf(words: readonly Word[]): OcrLine {
  const left = Math.min(...words.map((word) => word.left));
  const top = Math.min(...words.map((word) => word.top));
  const letters = words.reduce((sum, { text }) => sum + text.length, 0);
  return {
    text: words.map(({ text }) => text).join(' '),
    confidence: words.reduce((sum, { text, confidence }) => sum + confidence * text.length, 0) / letters,
    box: {
      x: left,
      y: top,
      width: Math.max(...words.map((word) => word.right)) - left,
      height: Math.max(...words.map((word) => word.bottom)) - top,
    },
  };
}

function abandoned(): LocalLiteError {
  return new LocalLiteError('cancelled', 'the caller left before the image was read');
}
