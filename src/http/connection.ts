/** What is known of a connection besides the request that came over it. */
export interface Connection {
  /** Address of the peer, e.g. `127.0.0.1`; of the nearest proxy when there is one. */
  readonly remoteAddress: string;
  /** True when the socket itself is TLS. */
  readonly encrypted: boolean;
  /** Port of ours that the peer reached. */
  readonly localPort: number;
}

/** What a caller must be allowed to do to use a route: `public` needs no key at all. */
export type Scope = 'public' | 'inference' | 'documents' | 'admin';

/** Who is calling, once access has been checked. */
export interface Caller {
  /** Id of the key that was used; undefined where none is needed (open on loopback, or a public route). */
  readonly keyId: string | undefined;
  readonly scopes: readonly Scope[];
}
