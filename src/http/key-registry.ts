import type { Scope } from './connection.ts';

/** A key as it is kept: its secret only as a hash, which stays inside. */
export interface KeyRecord {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Exclude<Scope, 'public'>[];
  /** Undefined: the setting `limits.requests_per_minute`. */
  readonly requestsPerMinute: number | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** The keys that routes list, create and revoke. */
export interface KeyRegistry {
  list(): Promise<readonly KeyRecord[]>;
  /** @throws LocalLiteError conflict when the name is taken */
  create(key: Pick<KeyRecord, 'name' | 'scopes' | 'requestsPerMinute'>): Promise<{ readonly record: KeyRecord; readonly secret: string }>;
  /** False when there is no such key. */
  revoke(id: string): Promise<boolean>;
}
