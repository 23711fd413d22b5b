import { isIP } from 'node:net';
import type { Config } from './settings.ts';

/** True for an address that only this machine can reach. */
function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (isIP(name) === 0) return name === 'localhost' || name.endsWith('.localhost');
  return name === '::1' || name === '0:0:0:0:0:0:0:1' || /^(::ffff:)?127\./.test(name);
}

/**
 * What forbids a gateway with these settings to listen, one line each: an address that others can reach, or any web page, without a
 * key. `hasKeys` says whether keys were made with `locallite keys`.
 */
export function accessProblems(config: Config, hasKeys: boolean): readonly string[] {
  const guarded = hasKeys || config.api_key !== undefined || config.api_keys_file !== undefined || config.allow_unauthenticated;
  if (guarded) return [];
  const remedy =
    'set api_key or api_keys_file, make a key with `locallite keys create`, or say allow_unauthenticated: true if this is meant';
  const problems: string[] = [];
  if (!isLoopback(config.host)) problems.push(`host: ${config.host} can be reached from other machines, and there is no key; ${remedy}`);
  if (config.cors.origins.includes('*')) problems.push(`cors.origins: * lets every web page in, and there is no key; ${remedy}`);
  return problems;
}

/** Settings that make sense only together, one line for each that stands alone. */
export function pairProblems(config: Config): readonly string[] {
  const { cert, key } = config.tls;
  const problems: string[] = [];
  if (cert !== undefined && key === undefined) problems.push('tls.cert: a certificate needs its private key; set tls.key too');
  if (key !== undefined && cert === undefined) problems.push('tls.key: a private key needs its certificate; set tls.cert too');
  const { url } = config.documents.docling;
  if (url !== undefined && config.offline && !isLoopback(hostOf(url))) {
    problems.push(`documents.docling.url: ${hostOf(url)} is not this machine, and offline is true; unset one of them`);
  }
  return problems;
}

function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
}
