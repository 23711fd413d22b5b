import { processEnvironment } from '../src/config/environment.ts';
import { loadConfig } from '../src/config/load.ts';
import { createCatalog } from '../src/models/catalog.ts';
import { createModelStore } from '../src/models/store.ts';
import { silentTelemetry } from '../src/telemetry/create-telemetry.ts';
import { DEFAULT_MODEL, MODEL_HOME } from './home.ts';

/** Pulls the default model's package variant once, the same way a user behind a package mirror does. */
export default async function setup(): Promise<void> {
  const environment = processEnvironment();
  const { config } = loadConfig({ options: { home: MODEL_HOME }, file: false, listens: false });
  const store = createModelStore({
    home: MODEL_HOME,
    catalog: createCatalog(),
    settings: config,
    environment,
    telemetry: silentTelemetry(),
  });
  if ((await store.find(DEFAULT_MODEL, 'q4')) === undefined) await store.pull(`${DEFAULT_MODEL}#q4`);
}
