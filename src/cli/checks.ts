import { constants } from 'node:fs';
import { access, mkdir, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { arch, availableParallelism, cpus, freemem, platform, release, totalmem } from 'node:os';
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/settings.ts';
import { LocalLiteError } from '../errors.ts';
import { createGateway } from '../gateway/create.ts';
import { diagnoseRuntime, diagnoseSources } from '../gateway/diagnose.ts';
import { findGateway } from '../gateway/home.ts';
import { formatBytes } from './format.ts';
import type { Io } from './io.ts';
import { VERSION } from './version.ts';

/** What a check found. `fail` is something that does not work, `warn` something to know. */
export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** What to do about it. */
  readonly advice?: string;
}

const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail });
const warn = (name: string, detail: string, advice: string): Check => ({ name, status: 'warn', detail, advice });
const fail = (name: string, detail: string, advice: string): Check => ({ name, status: 'fail', detail, advice });

const OLDEST_NODE = [20, 19] as const;
const LITTLE_SPACE = 2e9;

/** Checks that need no settings. */
export function machineChecks(nodeVersion = process.versions.node): readonly Check[] {
  const [major = 0, minor = 0] = nodeVersion.split('.').map(Number);
  const old = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]);
  const cores = availableParallelism();
  return [
    ok('locallite', VERSION),
    old ? fail('node', nodeVersion, `LocalLite needs Node ${OLDEST_NODE.join('.')} or newer`) : ok('node', nodeVersion),
    ok(
      'machine',
      `${platform()} ${release()} ${arch()}, ${cpus()[0]?.model.trim() ?? 'processor unknown'}, ${cores} ${cores === 1 ? 'core' : 'cores'}`,
    ),
    ok('memory', `${formatBytes(totalmem())}, ${formatBytes(freemem())} free`),
  ];
}

/** All checks that depend on the settings, each as soon as it is done. */
export async function* settingsChecks(loaded: LoadedConfig, io: Io): AsyncGenerator<Check> {
  const { config } = loaded;
  yield ok('settings', loaded.file ?? 'no settings file');
  yield* await runtimeChecks(config);
  yield* await homeChecks(config);
  yield* await modelChecks(config);
  yield* await serverChecks(config);
  yield* await sourceChecks(config, io);
}

async function runtimeChecks(config: Config): Promise<readonly Check[]> {
  try {
    const { version, available, order, rejected } = await diagnoseRuntime(config);
    const named = new Set<string>(config.providers === 'auto' ? [] : config.providers);
    const refusals = rejected.map(({ provider, reason }) => {
      const detail = `${provider} is not used: ${reason}`;
      return named.has(provider) ? warn('provider', detail, 'docs/providers.md tells how a provider is added') : ok('provider', detail);
    });
    return [
      ok('runtime', `ONNX Runtime ${version} with ${available.join(', ')}`),
      ok('provider', `order: ${order.join(', ')}`),
      ...refusals,
    ];
  } catch (error) {
    return [fail('runtime', LocalLiteError.from(error).message, 'check the settings runtime.package, providers and provider_policy')];
  }
}

async function homeChecks({ home }: Config): Promise<readonly Check[]> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    await access(home, constants.R_OK | constants.W_OK);
    const { bavail, bsize } = await statfs(home);
    const detail = `${home}, ${formatBytes(bavail * bsize)} free`;
    return [
      bavail * bsize < LITTLE_SPACE
        ? warn('home', detail, 'larger models will not fit; free some space or move `home`')
        : ok('home', detail),
    ];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [fail('home', `${home} cannot be used (${reason})`, 'set `home` (LOCALLITE_HOME) to a folder that this user may write to')];
  }
}

async function modelChecks(config: Config): Promise<readonly Check[]> {
  const name = config.default_models.embed;
  try {
    await using gateway = await createGateway({ config });
    const reports = await gateway.models.verify();
    const checked = reports.map(({ id, variant, ok: sound, problems }) => {
      const broken = problems.map(({ path, problem }) => `${path}: ${problem}`).join(', ');
      return sound
        ? ok('model', `${id} (${variant}) is complete`)
        : fail('model', `${id} (${variant}): ${broken}`, `locallite rm ${id}#${variant} && locallite pull ${id}#${variant}`);
    });
    const model = await gateway.models.show(name).catch(() => undefined);
    if (model?.warning !== undefined) return [...checked, warn('model', model.warning, `locallite convert ${name} --pin`)];
    if (model?.installed !== undefined) return checked;
    return [...checked, warn('model', `the default model ${name} is not installed`, `locallite pull ${name}`)];
  } catch (error) {
    return [fail('model', LocalLiteError.from(error).message, 'the store in HOME cannot be read')];
  }
}

async function serverChecks(config: Config): Promise<readonly Check[]> {
  const running = await findGateway(config.home);
  if (running !== undefined) return [ok('gateway', `runs at ${running.url} since ${running.started} (process ${running.pid})`)];
  const idle = ok('gateway', 'not running');
  const problem = config.port === 0 ? undefined : await listenProblem(config);
  const place = `${config.host}:${config.port}`;
  if (problem === undefined) return [idle, ok('port', `${place} is free`)];
  return [idle, fail('port', `${place} cannot be used (${problem})`, 'stop the program that uses it, or set another `host` or `port`')];
}

function listenProblem({ host, port }: Config): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
    server.listen({ host, port }, () => server.close(() => resolve(undefined)));
  });
}

async function sourceChecks(config: Config, io: Io): Promise<readonly Check[]> {
  if (config.offline) return [ok('sources', 'offline: none is asked')];
  const reports = await diagnoseSources(config, io.env, io.signal);
  return reports.map(({ source, url, problem }) =>
    problem === undefined
      ? ok(source, `${url} answers`)
      : warn(source, `${url}: ${problem}`, 'models from there cannot be pulled; installed ones work all the same'),
  );
}
