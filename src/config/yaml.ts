import { createRequire } from 'node:module';

let loaded: typeof import('yaml') | undefined;

/** The YAML library, read when there is a file to parse: most starts have none, and it costs a tenth of the time to start. */
export function yaml(): typeof import('yaml') {
  loaded ??= createRequire(import.meta.url)('yaml') as typeof import('yaml');
  return loaded;
}
