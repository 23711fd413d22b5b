import { fileURLToPath } from 'node:url';

/** A LocalLite home that holds the default model; filled once by {@link ./global-setup.ts} and kept between runs. Tests do not write to it. */
export const MODEL_HOME = fileURLToPath(new URL('../.setup/home', import.meta.url));

/** Settings under which a gateway uses {@link MODEL_HOME} and touches no network. */
export const MODEL_SETTINGS = { home: MODEL_HOME, offline: true, threads: 2, providers: ['cpu' as const] };

/** The default model's id. */
export const DEFAULT_MODEL = 'sentence-transformers/all-MiniLM-L6-v2';
