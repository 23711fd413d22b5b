import { randomBytes } from 'node:crypto';
import type { LoadedConfig } from '../config/load.ts';
import { createGateway } from '../gateway/create.ts';
import { claimHome } from '../gateway/home.ts';
import { createKeys } from '../gateway/keys.ts';
import { createAccess } from '../http/access.ts';
import { createApp } from '../http/server.ts';
import { LocalLite } from '../sdk/index.ts';
import { createTelemetry } from '../telemetry/create-telemetry.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { Closing } from './closing.ts';
import { VERSION } from './version.ts';

/** `write` is for commands that change what HOME holds: without a running gateway they take its lock. */
export type AccessKind = 'read' | 'write';

/** How long a command waits for another one that is changing the same HOME. */
const WAIT_FOR_HOME_MS = 5_000;
const ADDRESS = 'http://127.0.0.1';
const CONNECTION = { remoteAddress: '127.0.0.1', encrypted: false, localPort: 0 };

/**
 * A gateway inside the command's own process. Its API is called as a function, without a port, so that a command says the same to it
 * and gets the same answers as from one that serves.
 * @throws LocalLiteError conflict when another process holds HOME and `access` is `write`
 */
export async function openOwnGateway(loaded: LoadedConfig, access: AccessKind): Promise<{ client: LocalLite; close(): Promise<void> }> {
  // What guards the port of a server has no meaning without one.
  const config = { ...loaded.config, host: '127.0.0.1', allow_unauthenticated: true, cors: { origins: [] } };
  const closing = new Closing();
  try {
    if (access === 'write') closing.add(await claimHome(config.home, { waitMs: WAIT_FOR_HOME_MS }), (lease) => lease.release());
    const telemetry = quietTelemetry(loaded);
    const gateway = closing.add(await createGateway({ config, telemetry }), (own) => own.close({ graceMs: 0 }));
    const keys = closing.add(
      await createKeys({ home: config.home, apiKey: config.api_key, apiKeysFile: config.api_keys_file, telemetry }),
      (own) => own.close(),
    );
    const token = randomBytes(32).toString('base64url');
    const app = createApp({ gateway, keys, access: createAccess({ config, keys, runToken: token }), version: VERSION });
    const call: typeof fetch = async (input, init) => {
      const request = new Request(input, init);
      request.headers.set('host', '127.0.0.1');
      return app.fetch(request, CONNECTION);
    };
    const client = new LocalLite({ baseUrl: ADDRESS, apiKey: token, fetch: call, model: config.default_models.embed });
    return { client, close: () => closing.run() };
  } catch (error) {
    await closing.run();
    throw error;
  }
}

/** A command reports its failures itself; the log says more only to those who ask for it. */
function quietTelemetry({ config, origins }: LoadedConfig): Telemetry {
  const asked = origins['log.level'].from !== 'default';
  return createTelemetry({ level: asked ? config.log.level : 'silent', format: config.log.format });
}
