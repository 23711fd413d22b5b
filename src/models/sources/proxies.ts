import type { HttpSettings } from './http-client.ts';
import type { Environment } from './npm-settings.ts';

/** Proxies from the environment, as curl and most tools read them (lower case first). */
export function proxiesOf(environment: Environment): Pick<HttpSettings, 'httpProxy' | 'httpsProxy' | 'noProxy'> {
  const read = (name: string): string | undefined =>
    environment[name.toLowerCase()] || environment[name] || environment['all_proxy'] || environment['ALL_PROXY'] || undefined;
  return {
    httpProxy: read('HTTP_PROXY'),
    httpsProxy: read('HTTPS_PROXY'),
    noProxy: environment['no_proxy'] || environment['NO_PROXY'] || undefined,
  };
}
