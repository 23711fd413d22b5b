import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Gateway } from '../../src/gateway/gateway-types.ts';
import { createKeys } from '../../src/gateway/keys.ts';
import { createAccess } from '../../src/http/access.ts';
import { listen } from '../../src/http/listen.ts';
import { createApp, createRequestListener } from '../../src/http/server.ts';
import { silentTelemetry } from '../../src/telemetry/create-telemetry.ts';
import { createTestGateway, type TestGatewayOptions } from '../../src/testing/index.ts';

/** The real API on a real port, over a gateway whose models are pretended. */
export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly gateway: Gateway;
  post(path: string, body: unknown): Promise<Response>;
}

export async function startTestServer(options: TestGatewayOptions = {}): Promise<TestServer> {
  const home = await mkdtemp(join(tmpdir(), 'locallite-http-'));
  const gateway = await createTestGateway({ telemetry: silentTelemetry(), ...options, home, settings: { port: 0, ...options.settings } });
  return serveGateway(gateway, home);
}

/** The real API on a real port over any gateway; closes it, and removes its home, when disposed. */
export async function serveGateway(gateway: Gateway, home: string): Promise<TestServer> {
  const { config } = gateway;
  const telemetry = silentTelemetry();
  const keys = await createKeys({ home, apiKey: config.api_key, telemetry });
  const app = createApp({ gateway, keys, access: createAccess({ config, keys }), version: '0.0.0' });
  const server = await listen({ requestListener: createRequestListener(app), config, telemetry });
  return {
    url: server.url,
    gateway,
    post: (path, body) =>
      fetch(`${server.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    async [Symbol.asyncDispose]() {
      await server.close(0);
      await gateway.close({ graceMs: 0 });
      await keys.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** A text of so many words of the pretended vocabulary. */
export function wordText(count: number, from = 0): string {
  return Array.from({ length: count }, (_, index) => `w${from + index}`).join(' ');
}
