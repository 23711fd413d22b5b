import dns from 'node:dns';
import { Socket } from 'node:net';
import { LocalLiteError } from '../errors.ts';

function refuse(): never {
  throw new LocalLiteError('document_unreadable', 'a document wanted a connection; parsers have none');
}

/**
 * Takes the network away from this process, for the rest of its life: no parser needs it, and no library that one of them uses may be
 * talked into it by a document. A second wall beside not following links.
 */
export function closeNetwork(): void {
  Socket.prototype.connect = refuse;
  for (const name of ['lookup', 'resolve', 'resolve4', 'resolve6'] as const) Object.defineProperty(dns, name, { value: refuse });
  for (const name of ['fetch', 'WebSocket', 'EventSource']) Reflect.deleteProperty(globalThis, name);
}
