import { type LoadedConfig, loadConfig } from '../../config/load.ts';
import { LocalLiteError } from '../../errors.ts';
import { createGateway } from '../../gateway/create.ts';
import type { Gateway } from '../../gateway/gateway-types.ts';
import { claimHome, findGateway } from '../../gateway/home.ts';
import { createKeys } from '../../gateway/keys.ts';
import { createAccess } from '../../http/access.ts';
import { boundNames } from '../../http/hosts.ts';
import { runUntilSignal } from '../../http/lifecycle.ts';
import { listen } from '../../http/listen.ts';
import { createApp, createRequestListener } from '../../http/server.ts';
import { createTelemetry } from '../../telemetry/create-telemetry.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import { Closing } from '../closing.ts';
import type { CommandDefinition, Invocation } from '../command.ts';
import { announce } from '../serve-announce.ts';
import { type DefaultModel, loadDefaultModel } from '../serve-default-model.ts';
import { VERSION } from '../version.ts';

/** A gateway that listens. */
interface Server {
  readonly gateway: Gateway;
  readonly telemetry: Telemetry;
  readonly url: string;
  readonly needsKey: boolean;
  /** Aborts when another process took HOME over. */
  readonly lost: AbortSignal;
  readonly close: (graceMs: number) => Promise<void>;
}

export const serve: CommandDefinition = {
  showSettings: true,
  local: true,
  ownsSignals: true,
  details:
    'Serves on http://127.0.0.1:11435 unless the settings say otherwise, and runs until Ctrl-C or SIGTERM: running requests are let finish, a second signal stops at once. The default model is installed first where it is missing; nothing else is downloaded by itself.',
  examples: [
    { command: 'locallite serve', does: 'Start with the default model' },
    { command: 'locallite serve --port 0 --threads 2', does: 'On a free port, with two cores' },
    { command: 'LOCALLITE_API_KEY=… locallite serve --host 0.0.0.0', does: 'For other machines too, with a key' },
    { command: 'locallite serve --default-models-embed bge-small-en-v1.5 --offline', does: 'Another default model, without the network' },
  ],
  run,
};

async function run(invocation: Invocation<object>): Promise<number> {
  const loaded = serveConfig(invocation);
  const server = await start(loaded);
  const stop = new AbortController();
  const exit = runUntilSignal({
    close: server.close,
    graceMs: loaded.config.shutdown.grace * 1000,
    stop: server.lost,
    onStop: (by) => {
      stop.abort();
      server.telemetry.log.info('stopping', { by });
    },
    onFailure: (reason) => server.telemetry.log.error('stop_failed', { reason: reason instanceof Error ? reason.message : String(reason) }),
  });
  await warmUp(server, loaded, invocation, stop.signal);
  return exit;
}

function serveConfig({ settings: flags, file, io }: Invocation<object>): LoadedConfig {
  // Whether there are keys is judged once they are read, by the gate itself.
  return loadConfig({ flags, env: io.env, folder: io.folder, hasKeys: () => true, ...(file !== undefined && { file }) });
}

/** Opens everything in order; what was opened is closed again when a later step fails. */
async function start({ config }: LoadedConfig): Promise<Server> {
  const closing = new Closing();
  const stopping = new AbortController();
  let graceMs = 0;
  try {
    const telemetry = createTelemetry({ ...config.log, processMetrics: true });
    const lease = closing.add(await claimHome(config.home).catch((error: unknown) => refuseSecond(error, config.home)), (own) =>
      own.release(),
    );
    const keys = closing.add(
      await createKeys({ home: config.home, apiKey: config.api_key, apiKeysFile: config.api_keys_file, telemetry }),
      (own) => own.close(),
    );
    const access = createAccess({ config, keys, runToken: lease.token, bound: await boundNames(config.host) });
    const gateway = closing.add(await createGateway({ config, telemetry }), (own) => own.close({ graceMs }));
    const app = createApp({ gateway, keys, access, version: VERSION, stopping: stopping.signal });
    const port = closing.add(await listen({ requestListener: createRequestListener(app), config, telemetry }), (own) => own.close(graceMs));
    await lease.publish(port.url);
    // Without its collections the gateway still embeds; whoever asks for them is told what is wrong.
    await gateway.resumeJobs().catch((error: unknown) => {
      const { code, message } = LocalLiteError.from(error);
      telemetry.log.error('jobs_not_resumed', { code, reason: message });
    });
    const close = async (grace: number): Promise<void> => {
      graceMs = grace;
      stopping.abort();
      await closing.run();
    };
    return { gateway, telemetry, url: port.url, needsKey: keys.any(), lost: lease.lost, close };
  } catch (error) {
    await closing.run().catch(() => undefined);
    throw error;
  }
}

/** Whoever starts a second gateway mostly wants to know where the first one is. */
async function refuseSecond(error: unknown, home: string): Promise<never> {
  const running = LocalLiteError.is(error) && error.code === 'conflict' ? await findGateway(home) : undefined;
  if (running === undefined || !LocalLiteError.is(error)) throw error;
  throw new LocalLiteError(
    'conflict',
    `a gateway serves this folder already, at ${running.url}: commands talk to it by themselves. ${error.message}`,
    {
      cause: error,
    },
  );
}

/** Installs and loads the default model while the port is open already, then says that all is ready. */
async function warmUp(server: Server, { config }: LoadedConfig, { io, json }: Invocation<object>, signal: AbortSignal): Promise<void> {
  const { gateway, telemetry, url, needsKey } = server;
  const plain = json || config.log.format === 'json';
  const model: DefaultModel = await loadDefaultModel(gateway, config.default_models.embed, { io, plain, signal });
  if (signal.aborted) return;
  const milliseconds = Math.round(performance.now());
  const facts = { url, ms: milliseconds, model: model.loaded?.id, variant: model.loaded?.variant, provider: model.loaded?.provider };
  telemetry.log.info('ready', { ...facts, workers: model.loaded?.workers, version: VERSION, pid: process.pid });
  const wanted = config.providers === 'auto' ? [] : config.providers;
  if (!plain) await announce({ url, needsKey, model, name: config.default_models.embed, wanted, milliseconds, version: VERSION }, io);
}
