import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { machineChecks } from '../../src/cli/checks.ts';
import { COMMANDS } from '../../src/cli/command-table.ts';
import { exitCodeOf } from '../../src/cli/exit-codes.ts';
import { BROKEN_PIPE, runCommandLine } from '../../src/cli/run.ts';
import { curlLine } from '../../src/cli/serve-announce.ts';
import { LocalLiteError } from '../../src/errors.ts';
import { fakeIo, wholeProgram } from '../support/cli-page.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'locallite-cli-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

async function run(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { io, written } = fakeIo({ env: { LOCALLITE_HOME: join(FOLDER, 'home'), ...env }, folder: FOLDER });
  const code = await runCommandLine(argv, io);
  return { code, ...written };
}

describe('the program', () => {
  it('has options that do not clash with settings, for every command', async () => {
    const program = await wholeProgram();
    expect(program.commands.filter((command) => command.name() !== 'help')).toHaveLength(COMMANDS.length);
  });

  it.each(COMMANDS.map(({ name }) => name))('explains %s with examples', async (name) => {
    const help = await run([name, '--help']);
    expect(help).toMatchObject({ code: 0, err: '' });
    expect(help.out).toContain(`Usage: locallite ${name}`);
    expect(help.out).toMatch(new RegExp(`Examples:\n(.*\n)*.*locallite ${name}`));
    expect((await run(['help', name])).out).toBe(help.out);
  });

  it('lists every setting where settings are the matter, and says where else', async () => {
    expect((await run(['config', '--help'])).out).toContain('--batch-max-padded-tokens');
    const other = (await run(['embed', '--help'])).out;
    expect(other).not.toContain('--batch-max-padded-tokens');
    expect(other).toContain('`locallite config --help` lists them');
  });

  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await run(['--version'])).toEqual({ code: 0, out: `${version}\n`, err: '' });
  });

  it.each([
    [['lst'], 'Did you mean list?'],
    [['list', '--jsn'], 'Did you mean --json?'],
    [['list', '--thread', '2'], 'Did you mean --threads?'],
    [['alias', 'sett', 'a', 'b'], 'Did you mean set?'],
    [['pull'], "missing required argument 'model'"],
    [['embed', 'a', '--dimensions', '0'], 'It must be a whole number, 1 or more.'],
    [['keys', 'create', 'a', '--scope', 'root'], 'It must be some of inference, documents, admin.'],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish, powershell'],
    [['config', '--port', '70000'], '--port'],
    [['config', '--url', 'http://127.0.0.1:1'], '--url means nothing to config'],
  ])('refuses %j with code 2 and says what would be right', async (argv, message) => {
    const { code, out, err } = await run(argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(message);
  });

  it('shows the overview when nothing was asked for', async () => {
    const { code, err } = await run([]);
    expect(code).toBe(2);
    for (const { name, summary } of COMMANDS) expect(err).toMatch(new RegExp(`  ${name}\\b.*${summary}`));
  });

  it('cannot reach a gateway: code 4', async () => {
    const { code, err } = await run(['list', '--url', 'http://127.0.0.1:1']);
    expect(code).toBe(4);
    expect(err).toMatch(/^locallite: no answer from http:\/\/127\.0\.0\.1:1 \(/);
  });

  it('writes errors as JSON when JSON was asked for', async () => {
    const { code, err } = await run(['config', 'prot', '--json']);
    expect(code).toBe(3);
    expect(JSON.parse(err)).toMatchObject({
      error: { code: 'not_found', param: 'key', message: expect.stringContaining('did you mean port?') },
    });
  });

  it('ends quietly when nobody reads on, and with 130 when interrupted', async () => {
    for (const [reason, expected] of [
      [BROKEN_PIPE, 0],
      ['ctrl-c', 130],
    ] as const) {
      const { io } = fakeIo({ signal: AbortSignal.abort(reason), env: { LOCALLITE_HOME: join(FOLDER, 'home') } });
      expect(await runCommandLine(['list', '--url', 'http://127.0.0.1:1'], io)).toBe(expected);
    }
  });

  it('leaves signals alone for a command that stops itself', async () => {
    const { io } = fakeIo();
    const watched: string[] = [];
    await runCommandLine(['serve', '--help'], io, { watch: () => watched.push('serve') });
    await runCommandLine(['list', '--help'], io, { watch: () => watched.push('list') });
    expect(watched).toEqual(['list']);
  });
});

describe('config', () => {
  it('says of each setting where its value comes from, and keeps secrets', async () => {
    const file = join(FOLDER, 'some.yaml');
    writeFileSync(file, 'threads: 3\nport: 1234\napi_key: top-secret-key\n');
    const { code, out } = await run(['config', '--json', '--config', file, '--port', '99'], { LOCALLITE_KEEP_ALIVE: '5m' });
    expect(code).toBe(0);
    expect(out).not.toContain('top-secret-key');
    const { file: used, settings } = JSON.parse(out) as {
      file: string;
      settings: { key: string; value: string; from: string; origin: string }[];
    };
    const found = Object.fromEntries(settings.map((setting) => [setting.key, setting]));
    expect(used).toBe(file);
    expect(found['port']).toMatchObject({ value: '99', from: 'flag', origin: '--port' });
    expect(found['keep_alive']).toMatchObject({ value: '300', from: 'env', origin: 'LOCALLITE_KEEP_ALIVE' });
    expect(found['threads']).toMatchObject({ value: '3', from: 'file' });
    expect(found['api_key']).toMatchObject({ value: '***', from: 'file' });
    expect(found['offline']).toMatchObject({ value: 'false', from: 'default' });
  });

  it('prints one value for scripts, with options before or after the command', async () => {
    expect(await run(['--home', 'elsewhere', 'config', 'home'])).toMatchObject({ code: 0, out: `${join(FOLDER, 'elsewhere')}\n` });
    expect(await run(['config', 'offline', '--offline'])).toMatchObject({ out: 'true\n' });
    expect(await run(['config', 'offline', '--no-offline'], { LOCALLITE_OFFLINE: '1' })).toMatchObject({ out: 'false\n' });
  });
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish', 'powershell'])('knows every command and its options in %s', async (shell) => {
    const { out } = await run(['completion', shell]);
    for (const { name } of COMMANDS) expect(out).toContain(name);
    for (const option of ['input-type', 'no-special-tokens', 'names']) expect(out).toContain(option);
  });

  it.skipIf(!existsSync('/bin/bash'))('completes commands, options and subcommands in a real bash', async () => {
    const { out } = await run(['completion', 'bash']);
    const complete = (...typed: string[]): string[] => {
      const words = typed.map((word) => `'${word}'`).join(' ');
      const script = `${out}\nCOMP_WORDS=(locallite ${words}); COMP_CWORD=${typed.length}; _locallite; echo "\${COMPREPLY[@]}"`;
      return spawnSync('/bin/bash', ['--norc', '-c', script], { encoding: 'utf8' }).stdout.trim().split(' ');
    };
    expect(complete('p')).toEqual(['pull', 'pin', 'ps', 'parse']);
    expect(complete('alias', 's')).toEqual(['set']);
    expect(complete('embed', '--input')).toEqual(['--input-type']);
  });
});

describe('details', () => {
  it('maps errors to the documented codes', () => {
    const codes = (['internal', 'invalid_config', 'model_not_found', 'unreachable', 'offline', 'cancelled'] as const).map((code) =>
      exitCodeOf(new LocalLiteError(code, 'x')),
    );
    expect(codes).toEqual([1, 2, 3, 4, 4, 130]);
  });

  it('finds an old Node', () => {
    const status = (version: string) => machineChecks(version).find(({ name }) => name === 'node')?.status;
    expect([status('20.18.9'), status('20.19.0'), status('18.20.0'), status('24.1.0')]).toEqual(['fail', 'ok', 'fail', 'ok']);
  });

  it('prints a curl line for the shell at hand', () => {
    const facts = { url: 'http://127.0.0.1:1', name: 'm', needsKey: false };
    expect(curlLine(facts, 'linux')).toBe(
      `curl http://127.0.0.1:1/v1/embeddings -H 'Content-Type: application/json' -d '{"model":"m","input":"Hello world"}'`,
    );
    expect(curlLine({ ...facts, needsKey: true }, 'win32')).toBe(
      `curl http://127.0.0.1:1/v1/embeddings -H "Content-Type: application/json" -H "Authorization: Bearer %LOCALLITE_API_KEY%" -d "{\\"model\\":\\"m\\",\\"input\\":\\"Hello world\\"}"`,
    );
  });
});
