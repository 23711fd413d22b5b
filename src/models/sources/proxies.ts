import type { HttpSettings } from './http-client.ts';
import type { Environment } from './npm-settings.ts';

/** Proxies from the environment, as curl reads them (lower case first). Only http proxies are known; others are left out. */
export function proxiesOf(environment: Environment): Pick<HttpSettings, 'httpProxy' | 'httpsProxy' | 'noProxy'> {
  const read = (...names: readonly string[]): string | undefined =>
    [...names, 'ALL_PROXY']
      .flatMap((name) => [environment[name.toLowerCase()], environment[name]])
      .find((value) => /^https?:\/\//.test(value ?? ''));
  return {
    httpProxy: read('HTTP_PROXY'),
    httpsProxy: read('HTTPS_PROXY'),
    noProxy: environment['no_proxy'] || environment['NO_PROXY'] || undefined,
  };
}
