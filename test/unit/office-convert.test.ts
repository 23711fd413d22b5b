import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { processEnvironment } from '../../src/config/environment.ts';
import {
  createOfficeConversions,
  findOffice,
  type OfficeConversions,
  type OfficeConvertOptions,
} from '../../src/gateway/office-convert.ts';
import { makeZip } from '../support/make-zip.ts';
import { parseFile } from '../support/parse-file.ts';

const DOC = 'application/msword';
const folder = mkdtempSync(join(tmpdir(), 'locallite-soffice-'));
const environment = processEnvironment();
const open = new Set<OfficeConversions>();
afterEach(() => {
  for (const one of open) one.close();
  open.clear();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program in LibreOffice's place; `$in`, `$out` and `$profile` are what it was told. */
function program(name: string, body: string): string {
  const path = join(folder, name);
  const read = `for a in "$@"; do case "$a" in -env:*) profile="\${a#-env:UserInstallation=file://}";; esac; in="$a"; done`;
  writeFileSync(path, `#!/bin/sh\n${read}\nout="$(dirname "$in")/out"\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

function conversions(path: string, more: Partial<OfficeConvertOptions> = {}): OfficeConversions {
  const made = createOfficeConversions({ program: path, timeoutMs: 30_000, maxBytes: 2 ** 20, environment, ...more });
  open.add(made);
  return made;
}
const bytes = new TextEncoder().encode('old bytes');
const leftovers = (): readonly string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('locallite-office-'));
const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};
async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 20));
}
const pidIn = (file: string): number => (existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0);

describe.skipIf(process.platform === 'win32')('conversion of old office files (skipped on Windows, where the stand-in cannot run)', () => {
  it('gives what the program made, in a profile that runs no macros, and leaves nothing behind', async () => {
    const before = leftovers();
    const seen = join(folder, 'seen');
    const path = program(
      'good',
      `cp "$profile/user/registrymodifications.xcu" ${seen}; env > ${seen}.env; cat "$in" > "$out/input.docx"; echo made >> "$out/input.docx"`,
    );
    const secret = { ...environment, LOCALLITE_API_KEY: 'secret-value', TOKEN: 'secret-value' };
    const made = await conversions(path, { environment: secret }).convert(bytes, { mediaType: DOC });
    expect(new TextDecoder().decode(made)).toBe('old bytesmade\n');
    expect(readFileSync(seen, 'utf8')).toMatch(/DisableMacrosExecution[^\n]*true[\s\S]*BlockUntrustedRefererLinks[^\n]*true/);
    expect(readFileSync(`${seen}.env`, 'utf8')).not.toContain('secret-value');
    expect(leftovers()).toEqual(before);
  });

  it.each([
    ['makes nothing', 'exit 0', 'document_unreadable', /made nothing/],
    ['crashes', 'echo "source file could not be loaded" >&2; kill -SEGV $$', 'document_unreadable', /could not be loaded/],
    ['makes too much', 'head -c 2000000 /dev/zero > "$out/input.docx"', 'document_too_large', /max_inflated_bytes/],
  ])('a program that %s', async (name, body, code, message) => {
    const before = leftovers();
    const { convert } = conversions(program(name.replaceAll(' ', '-'), body));
    await expect(convert(bytes, { mediaType: DOC })).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(leftovers()).toEqual(before);
  });

  it('a program that hangs is ended after its time, with what it has started', async () => {
    const before = leftovers();
    const pid = join(folder, 'hanging.pid');
    const { convert } = conversions(program('hangs', `sleep 600 & echo $! > ${pid}; wait`), { timeoutMs: 500 });
    await expect(convert(bytes, { mediaType: DOC })).rejects.toMatchObject({
      code: 'timed_out',
      message: expect.stringContaining('documents.timeout'),
    });
    await until(() => !isAlive(pidIn(pid)));
    expect(leftovers()).toEqual(before);
  });

  it('a caller who leaves, and a gateway that stops, end the program', async () => {
    const before = leftovers();
    const pid = join(folder, 'left.pid');
    const path = program('waits', `sleep 600 & echo $! > ${pid}; wait`);
    const leave = new AbortController();
    const left = conversions(path).convert(bytes, { mediaType: DOC, signal: leave.signal });
    const leaving = expect(left).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => pidIn(pid) > 0);
    leave.abort();
    await leaving;
    await until(() => !isAlive(pidIn(pid)));
    rmSync(pid);
    const gateway = conversions(path);
    const stopping = expect(gateway.convert(bytes, { mediaType: DOC })).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => pidIn(pid) > 0);
    gateway.close();
    await stopping;
    await expect(gateway.convert(bytes, { mediaType: DOC })).rejects.toMatchObject({ code: 'cancelled' });
    expect(leftovers()).toEqual(before);
  });

  it('is found in PATH, at the usual places or where the setting says; switched off or missing, the error says what to do', async () => {
    const path = program('soffice', 'exit 0');
    expect(findOffice({ environment: { PATH: `/nowhere:${folder}` } })).toBe(path);
    expect(findOffice({ environment: {}, places: ['/nowhere/soffice', path] })).toBe(path);
    expect(findOffice({ environment: {}, program: path })).toBe(path);
    expect(findOffice({ environment: { PATH: folder }, program: 'off' })).toBeUndefined();
    expect(findOffice({ environment: { PATH: folder }, program: '/nowhere/soffice' })).toBeUndefined();
    for (const [setting, message] of [
      ['off', /switches off/],
      ['/nowhere/soffice', /at \/nowhere\/soffice/],
    ] as const) {
      const refused = conversions(setting).convert(bytes, { mediaType: DOC });
      await expect(refused).rejects.toMatchObject({ code: 'document_unsupported', message: expect.stringMatching(message) });
      await expect(refused).rejects.toMatchObject({ message: expect.stringMatching(/LibreOffice.*DOCX/) });
    }
  });
});

/** The head of a compound file whose directory has this one entry: enough to be taken for an old office file. */
function oldFile(entry: string): Uint8Array {
  const file = Buffer.alloc(2048);
  file.write('d0cf11e0a1b11ae1', 0, 'hex');
  file.writeUInt16LE(9, 30);
  file.writeUInt32LE(0xfffffffe, 76);
  file.write(entry, 512, 'utf16le');
  file.writeUInt16LE((entry.length + 1) * 2, 512 + 64);
  return new Uint8Array(file);
}

describe('reading of old office files', () => {
  it('without a converter the way out is named', async () => {
    for (const [entry, today] of [
      ['WordDocument', 'DOCX'],
      ['PowerPoint Document', 'PPTX'],
    ] as const) {
      await expect(parseFile(oldFile(entry))).rejects.toMatchObject({
        code: 'document_unsupported',
        message: expect.stringMatching(new RegExp(`LibreOffice.*${today}`)),
      });
    }
  });

  it('what the converter gives is read; what is no such file is refused', async () => {
    const w = 'http://schemas.openxmlformats.org/wordprocessingml/2006/main';
    const relations = 'http://schemas.openxmlformats.org/package/2006/relationships';
    const docx = await makeZip({
      '_rels/.rels': `<Relationships xmlns="${relations}"><Relationship Id="r" Type="x/officeDocument" Target="word/document.xml"/></Relationships>`,
      'word/document.xml': `<w:document xmlns:w="${w}"><w:body><w:p><w:r><w:t>converted</w:t></w:r></w:p></w:body></w:document>`,
    });
    const asked: string[] = [];
    const convert = async (_bytes: Uint8Array, mediaType: string): Promise<Uint8Array> => {
      asked.push(mediaType);
      return docx;
    };
    const document = await parseFile(oldFile('WordDocument'), {}, { convert });
    expect([document.text, document.metadata.mediaType, document.parser, asked]).toEqual(['converted', DOC, 'legacy', [DOC]]);
    const nothing = parseFile(oldFile('WordDocument'), {}, { convert: async () => new TextEncoder().encode('no') });
    await expect(nothing).rejects.toMatchObject({ code: 'document_unreadable' });
  });
});

const installed = findOffice({ environment });
describe.skipIf(installed === undefined)('with the LibreOffice of this machine (skipped without one)', () => {
  it('a DOC that it made is read back with its headings and table', { timeout: 120_000 }, async () => {
    const doc = await madeByLibreOffice();
    const { convert } = createOfficeConversions({ timeoutMs: 90_000, maxBytes: 2 ** 26, environment });
    const document = await parseFile(doc, {}, { convert: (data, mediaType) => convert(data, { mediaType }) });
    expect(document.metadata.mediaType).toBe(DOC);
    expect(document.blocks.map(({ kind, text }) => [kind, text])).toEqual([
      ['heading', 'Überschrift'],
      ['text', 'Ein Absatz.'],
      ['table', 'A | B\n1 | 2'],
    ]);
  });
});

/** LibreOffice makes a DOC of a text in Rich Text Format. */
async function madeByLibreOffice(): Promise<Uint8Array> {
  const source = join(folder, 'source.rtf');
  const row = (...cells: readonly string[]): string => `\\trowd\\cellx2000\\cellx4000\\pard\\intbl ${cells.join('\\cell ')}\\cell\\row`;
  writeFileSync(
    source,
    `{\\rtf1\\ansi{\\stylesheet{\\s0 Normal;}{\\s1\\outlinelevel0 heading 1;}}\\pard\\s1\\outlinelevel0 \\'dcberschrift\\par\\pard\\s0 Ein Absatz.\\par${row('A', 'B')}${row('1', '2')}\\pard\\par}`,
  );
  const { execFileSync } = await import('node:child_process');
  const profile = `-env:UserInstallation=file://${folder}/profile`;
  execFileSync(installed ?? '', [profile, '--headless', '--convert-to', 'doc', '--outdir', folder, source], {
    stdio: 'ignore',
    timeout: 90_000,
  });
  return new Uint8Array(readFileSync(join(folder, 'source.doc')));
}
