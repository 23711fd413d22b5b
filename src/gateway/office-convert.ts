import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Environment } from '../config/environment.ts';
import type { OfficeConverter } from '../documents/document-types.ts';
import { LocalLiteError } from '../errors.ts';

/** How old office files are converted. */
export interface OfficeConvertOptions {
  /** LibreOffice's program (`documents.soffice`); `off`: no program may be started. Absent: looked for in PATH and where installers put it. */
  readonly program?: string | undefined;
  /** Milliseconds after which a conversion is given up. */
  readonly timeoutMs: number;
  /** Larger results are refused; bytes. */
  readonly maxBytes: number;
  /** Where PATH and the user's folders come from. */
  readonly environment: Environment;
  /** Places to look in besides PATH, for tests. Absent: the usual ones of the system. */
  readonly places?: readonly string[];
}

/** Converts by LibreOffice, and can be told to stop. */
export interface OfficeConversions {
  readonly convert: OfficeConverter;
  /** Ends what runs. */
  close(): void;
}

interface Form {
  readonly from: string;
  readonly to: string;
}

const FORMS: Readonly<Record<string, Form>> = {
  'application/msword': { from: 'doc', to: 'docx' },
  'application/vnd.ms-powerpoint': { from: 'ppt', to: 'pptx' },
};

/** Where LibreOffice is when PATH does not know it. */
const PLACES: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: [
    '/usr/bin/soffice',
    '/usr/local/bin/soffice',
    '/usr/lib/libreoffice/program/soffice',
    '/opt/libreoffice/program/soffice',
    '/snap/bin/libreoffice',
  ],
  darwin: ['/Applications/LibreOffice.app/Contents/MacOS/soffice'],
  win32: ['C:\\Program Files\\LibreOffice\\program\\soffice.exe', 'C:\\Program Files (x86)\\LibreOffice\\program\\soffice.exe'],
};

/** Variables that the program needs to start; nothing else of the environment is its business. */
const PASSED = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'SystemRoot', 'WINDIR', 'PROGRAMFILES', 'COMSPEC'];
/** How much of the program's last words is kept. */
const LAST_WORDS = 2000;

/**
 * Settings of the profile that each conversion gets: no macro runs, no link is followed, nothing is fetched for a document.
 * Names and values as in LibreOffice's schema `org.openoffice.Office.Common`, `.Writer` and `.Calc`.
 */
const PROFILE = `<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="MacroSecurityLevel" oor:op="fuse"><value>3</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="DisableMacrosExecution" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="BlockUntrustedRefererLinks" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Common/Security/Scripting"><prop oor:name="DisableActiveContent" oor:op="fuse"><value>true</value></prop></item>
<item oor:path="/org.openoffice.Office.Writer/Content/Update"><prop oor:name="Link" oor:op="fuse"><value>2</value></prop></item>
<item oor:path="/org.openoffice.Office.Calc/Content/Update"><prop oor:name="Link" oor:op="fuse"><value>2</value></prop></item>
</oor:items>
`;

/** Conversions of DOC and PPT by a LibreOffice that is installed; each runs alone in a folder of its own, which is removed afterwards. */
export function createOfficeConversions(options: OfficeConvertOptions): OfficeConversions {
  const stop = new AbortController();
  const convert: OfficeConverter = async (bytes, { mediaType, signal }) => {
    const program = findOffice(options);
    const form = FORMS[mediaType];
    if (program === undefined || form === undefined) throw notInstalled(options.program);
    const signals = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
    if (signals.aborted) throw abandoned();
    return await inFolder((folder) => convertIn(folder, { program, form, bytes, signal: signals, options }));
  };
  return { convert, close: () => stop.abort() };
}

/** The program that {@link createOfficeConversions} would start; undefined where there is none. */
export function findOffice({ program, environment, places }: Omit<OfficeConvertOptions, 'timeoutMs' | 'maxBytes'>): string | undefined {
  if (program === 'off') return undefined;
  if (program !== undefined) return isAbsolute(program) && existsSync(program) ? program : inPath(program, environment);
  return (
    inPath('soffice', environment) ??
    inPath('libreoffice', environment) ??
    (places ?? PLACES[process.platform] ?? []).find((place) => existsSync(place))
  );
}

function inPath(name: string, environment: Environment): string | undefined {
  const folders = (environment['PATH'] ?? environment['Path'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const names = process.platform === 'win32' ? [`${name}.exe`, `${name}.com`, name] : [name];
  return folders.flatMap((folder) => names.map((one) => join(folder, one))).find((path) => existsSync(path));
}

async function inFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'locallite-office-'));
  try {
    return await work(folder);
  } finally {
    // On Windows the files of a process that has just ended may still be held.
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

interface Order {
  readonly program: string;
  readonly form: Form;
  readonly bytes: Uint8Array;
  readonly signal: AbortSignal;
  readonly options: OfficeConvertOptions;
}

async function convertIn(folder: string, order: Order): Promise<Uint8Array> {
  const { form, bytes, options } = order;
  const profile = join(folder, 'profile');
  const output = join(folder, 'out');
  const input = join(folder, `input.${form.from}`);
  await mkdir(join(profile, 'user'), { recursive: true, mode: 0o700 });
  await mkdir(output, { mode: 0o700 });
  await writeFile(join(profile, 'user', 'registrymodifications.xcu'), PROFILE, { mode: 0o600 });
  await writeFile(input, bytes, { mode: 0o600 });
  const said = await run(folder, order, [
    `-env:UserInstallation=${pathToFileURL(profile).href}`,
    ...['--headless', '--norestore', '--nolockcheck', '--nodefault', '--nologo', '--nofirststartwizard'],
    ...['--convert-to', form.to, '--outdir', output, input],
  ]);
  return await resultOf(join(output, `input.${form.to}`), options.maxBytes, said);
}

async function resultOf(path: string, most: number, said: string): Promise<Uint8Array> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (size === 0) {
    throw new LocalLiteError(
      'document_unreadable',
      `LibreOffice made nothing of the file${said === '' ? '' : ` (${said})`}; it may be damaged`,
    );
  }
  if (size > most)
    throw new LocalLiteError('document_too_large', `the converted file has more than ${most} bytes (documents.max_inflated_bytes)`);
  return new Uint8Array(await readFile(path));
}

/** Runs the program to its end; gives the last line of what it said. */
async function run(folder: string, { program, signal, options }: Order, args: readonly string[]): Promise<string> {
  const child = start(program, args, folder, options.environment);
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString('utf8')).slice(-LAST_WORDS);
  });
  let ended: LocalLiteError | undefined;
  const end = (error: LocalLiteError): void => {
    ended ??= error;
    killTree(child);
  };
  const leave = (): void => end(abandoned());
  const { timeoutMs } = options;
  const late = new LocalLiteError('timed_out', `LibreOffice did not convert the file within ${timeoutMs / 1000} s (documents.timeout)`);
  const deadline = setTimeout(() => end(late), timeoutMs);
  signal.addEventListener('abort', leave, { once: true });
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', (cause) =>
        reject(new LocalLiteError('document_unsupported', `${program} cannot be started: ${cause.message}`, { cause })),
      );
      child.once('exit', (exit) => resolve(exit));
    });
    if (ended !== undefined) throw ended;
    const line = words.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
    return code === 0 ? line : `exit code ${code ?? 'none'}${line === '' ? '' : `: ${line}`}`;
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener('abort', leave);
    killTree(child);
  }
}

function start(program: string, args: readonly string[], folder: string, environment: Environment): ChildProcess {
  const env: Record<string, string> = { TMPDIR: folder, TEMP: folder, TMP: folder };
  for (const name of PASSED) {
    const value = environment[name];
    if (value !== undefined) env[name] = value;
  }
  // The program is a script that starts another: a group of their own ends with one signal.
  const detached = process.platform !== 'win32';
  return spawn(program, args, { cwd: folder, env, detached, stdio: ['ignore', 'ignore', 'pipe'], windowsHide: true });
}

function killTree(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform !== 'win32') process.kill(-child.pid, 'SIGKILL');
    else if (child.exitCode === null) spawn('taskkill', ['/pid', String(child.pid), '/T', '/F'], { stdio: 'ignore', windowsHide: true });
  } catch {
    // The group has ended.
  }
}

function notInstalled(program: string | undefined): LocalLiteError {
  const why =
    program === 'off'
      ? 'which documents.soffice switches off: set it to the path of soffice'
      : `which was not found${program === undefined ? '' : ` at ${program}`}: install it or set documents.soffice to the path of soffice`;
  return new LocalLiteError(
    'document_unsupported',
    `files of before 2007 (DOC, PPT) are read with LibreOffice, ${why}; or save the file as DOCX or PPTX`,
  );
}

function abandoned(): LocalLiteError {
  return new LocalLiteError('cancelled', 'the conversion was given up before it was done');
}
