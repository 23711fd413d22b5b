import { isIP } from 'node:net';
import type { Connection } from './connection.ts';
import { isLoopbackName, plainAddress } from './hosts.ts';

/** Who is at the other end, as far as it can be believed. */
export interface Client {
  /** Address of the client itself; behind a trusted proxy the one that the proxy names. */
  readonly address: string;
  /** True when the client's own connection is TLS. */
  readonly encrypted: boolean;
  /** The `Host` that the client asked for; undefined when it named none. */
  readonly host: string | undefined;
  /** True when it surely sits on this machine: no proxy, trusted or not, says that it forwards for somebody else. */
  readonly local: boolean;
}

interface Hop {
  readonly address: string | undefined;
  readonly proto: string | undefined;
  readonly host: string | undefined;
}

/**
 * Finds the client behind trusted proxies. `X-Forwarded-For`, `-Proto`, `-Host` are read when the peer is trusted, else they are
 * ignored; `Forwarded` (RFC 7239) only where there is no `X-Forwarded-For`: a proxy that sets one often passes on what the client put
 * into the other.
 */
export function findClient(headers: Headers, connection: Connection, trusted: (address: string) => boolean): Client {
  const peer = plainAddress(connection.remoteAddress);
  const hops = forwardedHops(headers);
  const direct: Client = {
    address: peer,
    encrypted: connection.encrypted,
    host: headers.get('host') ?? undefined,
    local: isLoopbackName(peer) && hops.every((hop) => hop.address !== undefined && isLoopbackName(hop.address)),
  };
  if (hops.length === 0 || !trusted(peer)) return direct;
  const client = nearestUntrusted(hops, trusted);
  return {
    address: client?.address ?? peer,
    encrypted: client?.proto === undefined ? connection.encrypted : client.proto === 'https',
    host: client?.host ?? direct.host,
    local: direct.local,
  };
}

/** Walks from the nearest hop outwards: only what a trusted proxy wrote counts, so the first untrusted address is the client. */
function nearestUntrusted(hops: readonly Hop[], trusted: (address: string) => boolean): Hop | undefined {
  let last: Hop | undefined;
  for (const hop of hops.toReversed()) {
    if (hop.address === undefined) return last;
    last = hop;
    if (!trusted(hop.address)) return last;
  }
  return last;
}

function forwardedHops(headers: Headers): readonly Hop[] {
  const addresses = listOf(headers.get('x-forwarded-for'));
  if (addresses.length === 0) return listOf(headers.get('forwarded')).map(parseForwarded);
  const proto = listOf(headers.get('x-forwarded-proto')).at(-1)?.toLowerCase();
  const host = listOf(headers.get('x-forwarded-host')).at(-1);
  return addresses.map((address) => ({ address: parseAddress(address), proto, host }));
}

function listOf(header: string | null): readonly string[] {
  return header === null ? [] : header.split(',').map((part) => part.trim());
}

function parseForwarded(element: string): Hop {
  const fields = new Map<string, string>();
  for (const pair of element.split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0) {
      const value = pair.slice(equals + 1).trim();
      fields.set(pair.slice(0, equals).trim().toLowerCase(), value.replace(/^"(.*)"$/, '$1'));
    }
  }
  return { address: parseAddress(fields.get('for') ?? ''), proto: fields.get('proto')?.toLowerCase(), host: fields.get('host') };
}

/** `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]:4711`; undefined for a name, `unknown` or a hidden identifier. */
function parseAddress(text: string): string | undefined {
  const bare = /^\[(.*)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 ? undefined : plainAddress(bare);
}
