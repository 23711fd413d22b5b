import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A LocalLite home that holds the default model; filled once by {@link ./global-setup.ts} and kept between runs. Tests change nothing that is in it. */
export const MODEL_HOME = fileURLToPath(new URL('../.setup/home', import.meta.url));

/** Settings under which a gateway uses {@link MODEL_HOME} and touches no network. */
export const MODEL_SETTINGS = { home: MODEL_HOME, offline: true, threads: 2, providers: ['cpu' as const] };

/** The default model's id. */
export const DEFAULT_MODEL = 'sentence-transformers/all-MiniLM-L6-v2';

/** The variant of it that runs in {@link MODEL_HOME}: our int8, or the published q4 where no source of weights was reachable. */
export function defaultVariant(): string {
  const folder = join(MODEL_HOME, 'models', 'manifests', DEFAULT_MODEL.replace('/', '--'));
  for (const name of readdirSync(folder)) {
    const manifest: { variant: string; pinned: boolean } = JSON.parse(readFileSync(join(folder, name), 'utf8'));
    if (manifest.pinned) return manifest.variant;
  }
  throw new Error(`no variant of ${DEFAULT_MODEL} is pinned in ${MODEL_HOME}`);
}
