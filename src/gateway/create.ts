import { mkdir } from 'node:fs/promises';
import { processEnvironment } from '../config/environment.ts';
import { loadConfig } from '../config/load.ts';
import type { Config, ConfigOptions } from '../config/settings.ts';
import { createCatalog, type ModelCatalog } from '../models/catalog.ts';
import { createModelStore } from '../models/store.ts';
import type { ModelStore } from '../models/store-types.ts';
import type { FakeGraph } from '../runtime/fake.ts';
import { silentTelemetry } from '../telemetry/create-telemetry.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { openAliases } from './aliases.ts';
import type { GatewayParts } from './gateway-parts.ts';
import type { Gateway } from './gateway-types.ts';
import { LocalGateway } from './local-gateway.ts';
import { createNames, settingsById } from './names.ts';

/** Everything is optional: without options a gateway reads the environment and the settings file, as the command line does. */
export interface GatewayOptions {
  /** Settings that win over environment and file, nested as in the settings file. */
  readonly settings?: ConfigOptions;
  /** Checked settings instead of all that; then `settings` is not read. */
  readonly config?: Config;
  /** Where logs, metrics and spans go; absent: nowhere. */
  readonly telemetry?: Telemetry;
  /** Other models than the shipped catalogue's. */
  readonly catalog?: ModelCatalog;
  readonly store?: ModelStore;
  /** Pretend graphs by model id (see `locallite/testing`). */
  readonly fakes?: ReadonlyMap<string, FakeGraph>;
}

/**
 * Builds a gateway in this process: the same engine, queue and results as behind HTTP, without a port. Close it when done.
 *
 * @throws LocalLiteError invalid_config
 * @example
 * await using gateway = await createGateway({ settings: { auto_pull: true } });
 * const { vectors } = await gateway.embed({ input: ['Hello world'] });
 */
export async function createGateway(options: GatewayOptions = {}): Promise<Gateway> {
  return new LocalGateway(await openParts(options));
}

/** What a gateway is built from, for work that needs its store and names alone. @throws LocalLiteError invalid_config */
export async function openParts(options: GatewayOptions): Promise<GatewayParts> {
  const config = options.config ?? loadConfig({ options: options.settings ?? {}, env: processEnvironment(), listens: false }).config;
  const telemetry = options.telemetry ?? silentTelemetry();
  const catalog = options.catalog ?? createCatalog();
  await mkdir(config.home, { recursive: true, mode: 0o700 });
  const aliases = await openAliases(config.home, config.aliases);
  const names = createNames({ catalog, aliases });
  const modelSettings = settingsById(config.models, names);
  const settings = { ...config, models: Object.fromEntries(modelSettings) };
  const store = options.store ?? createModelStore({ home: config.home, catalog, telemetry, settings, environment: processEnvironment() });
  const fakes = options.fakes ?? new Map<string, FakeGraph>();
  return { config, telemetry, catalog, store, aliases, names, modelSettings, fakes };
}
