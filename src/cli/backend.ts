import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { findGateway } from '../gateway/home.ts';
import { LocalLite } from '../sdk/index.ts';
import type { Invocation } from './command.ts';
import type { AccessKind } from './own-gateway.ts';

/** What commands work with: the gateway that runs for HOME, or one of their own. Both are spoken to in the same way. */
export interface Backend extends AsyncDisposable {
  readonly client: LocalLite;
  /** Address of the running gateway; undefined when the command does the work itself. */
  readonly url: string | undefined;
  readonly loaded: LoadedConfig;
}

/** The settings of a command that opens no port. @throws LocalLiteError invalid_config */
export function commandConfig(invocation: Invocation<unknown>): LoadedConfig {
  const { settings: flags, file, io } = invocation;
  return loadConfig({ flags, env: io.env, folder: io.folder, listens: false, ...(file !== undefined && { file }) });
}

/** Runs `work` with the gateway of this invocation and lets go of it afterwards. */
export async function useBackend<T>(
  invocation: Invocation<unknown>,
  access: AccessKind,
  work: (backend: Backend) => Promise<T>,
): Promise<T> {
  const backend = await openBackend(invocation, access);
  try {
    return await work(backend);
  } finally {
    await backend[Symbol.asyncDispose]();
  }
}

async function openBackend(invocation: Invocation<unknown>, access: AccessKind): Promise<Backend> {
  const loaded = commandConfig(invocation);
  const { home, api_key: apiKey } = loaded.config;
  if (invocation.url !== undefined) return remote(loaded, invocation.url, apiKey);
  const running = await findGateway(home);
  if (running !== undefined) return remote(loaded, running.url, running.token);
  const { openOwnGateway } = await import('./own-gateway.ts');
  const own = await openOwnGateway(loaded, access);
  return { client: own.client, url: undefined, loaded, [Symbol.asyncDispose]: own.close };
}

function remote(loaded: LoadedConfig, url: string, apiKey: string | undefined): Backend {
  const client = new LocalLite({ baseUrl: url, ...(apiKey !== undefined && { apiKey }), model: loaded.config.default_models.embed });
  return { client, url, loaded, [Symbol.asyncDispose]: async () => undefined };
}
