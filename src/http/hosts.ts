import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';

const INTERFACES_MS = 10_000;

/** A `Host` header taken apart: the name in lower case without brackets and final dot, and the port, if it is not 80 or 443. */
export interface HostName {
  readonly name: string;
  readonly port: string;
}

/** Reads a `Host` header, or the host of an origin; undefined when it is malformed. */
export function parseHost(host: string): HostName | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(host.trim());
  if (match === null) return undefined;
  const name = (match[1] ?? match[2] ?? '').toLowerCase().replace(/(?<=[^.])\.$/, '');
  const port = match[3] ?? '';
  return { name: plainAddress(name), port: port === '80' || port === '443' ? '' : port };
}

/** An address in the form that we compare: IPv4 inside IPv6 as IPv4, without zone, compressed. Names stay as they are. */
export function plainAddress(address: string): string {
  const bare = address.toLowerCase().replace(/%.*$/, '');
  const embedded = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(bare)?.[1];
  if (embedded !== undefined) return embedded;
  return isIP(bare) === 6 ? new URL(`http://[${bare}]`).hostname.slice(1, -1) : bare;
}

/** True for an address, or a name, that cannot lead to another machine. */
export function isLoopbackName(name: string): boolean {
  if (isIPv4(name)) return name.startsWith('127.');
  return name === '::1' || name === 'localhost' || name.endsWith('.localhost');
}

/** True for an address that stands for every interface. */
export function isWildcard(host: string): boolean {
  const address = plainAddress(host);
  return address === '0.0.0.0' || address === '::';
}

/**
 * Which names a `Host` header may carry: loopback, the bound address (for a wildcard the addresses of our interfaces) and `allowed`.
 * A page of another site that points its own name at us (DNS rebinding) still sends that name, and is refused by this.
 */
export function createHostCheck(bound: readonly string[], allowed: readonly string[]): (name: string) => boolean {
  const fixed = new Set([...bound.filter((host) => !isWildcard(host)), ...allowed].map((host) => plainAddress(host)));
  const ours = bound.some(isWildcard) ? createInterfaceList() : () => new Set<string>();
  return (name) => isLoopbackName(name) || fixed.has(name) || (isIP(name) !== 0 && ours().has(name));
}

/** A host name as it was set, and the addresses it stands for on this machine: clients may say either. */
export async function boundNames(host: string): Promise<readonly string[]> {
  if (isWildcard(host) || isIP(plainAddress(host)) !== 0 || isLoopbackName(host)) return [host];
  const found = await lookup(host, { all: true }).catch(() => []); // a name that is not known is refused when it is listened on
  return [host, ...found.map(({ address }) => address)];
}

/** The addresses of our interfaces, read again after a while: they change when a network does. */
function createInterfaceList(): () => ReadonlySet<string> {
  let readAt = Number.NEGATIVE_INFINITY;
  let addresses = new Set<string>();
  return () => {
    if (performance.now() - readAt > INTERFACES_MS) {
      readAt = performance.now();
      addresses = new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => plainAddress(address))));
    }
    return addresses;
  };
}

/** Makes a test for "this address is in one of these addresses or CIDR ranges". Entries are valid by the settings' own check. */
export function createAddressList(ranges: readonly string[]): (address: string) => boolean {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  };
}
