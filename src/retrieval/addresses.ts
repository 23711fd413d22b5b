import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { LocalLiteError } from '../errors.ts';

/** Addresses that are not of the public internet: this machine, private and local networks, test and special ranges (IANA's special-purpose registries). */
const SPECIAL = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const)
  SPECIAL.addSubnet(network, bits, 'ipv4');
for (const [network, bits] of [
  ['::', 128],
  ['::1', 128],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  SPECIAL.addSubnet(network, bits, 'ipv6');

/** True for an address outside the public internet, IPv4 inside IPv6 included. */
export function isSpecialAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return SPECIAL.check(mapped, 'ipv4');
  if (/^::ffff:/i.test(address)) return true;
  return SPECIAL.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** Refuses an address written as a number right away; a name is checked when it is looked up. @throws LocalLiteError forbidden */
export function checkHost(hostname: string): void {
  const literal = hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && isSpecialAddress(literal)) throw refused(literal);
}

/** A name server's answer counts only if every address in it is public: the connection is made to what was checked. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    const addresses: LookupAddress[] = Array.isArray(found) ? found : [];
    const [first] = addresses;
    if (error !== null) return callback(error, '', 0);
    const special = addresses.find(({ address }) => isSpecialAddress(address));
    if (special !== undefined) return callback(refused(`${hostname} (${special.address})`), '', 0);
    if (options.all === true) return callback(null, addresses);
    callback(null, first?.address ?? '', first?.family ?? 4);
  });
};

function refused(what: string): LocalLiteError {
  return new LocalLiteError(
    'forbidden',
    `${what} is not an address of the public internet; set ingest.allow_private_addresses to fetch documents from private networks`,
    { param: 'url' },
  );
}
