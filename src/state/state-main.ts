import { parentPort, workerData } from 'node:worker_threads';
import { LocalLiteError } from '../errors.ts';
import { type Fault, type PackedContent, type StateReply, type StateRequest, type StateStart, unpackContent } from './state-messages.ts';
import { openStore, type StateStore } from './store.ts';

/** The thread that owns the database: SQLite is synchronous, and the event loop of the gateway must not wait for a disk. */
function main(): void {
  const port = parentPort;
  if (port === null) return;
  const send = (reply: StateReply): void => port.postMessage(reply);
  let store: StateStore;
  try {
    store = openStore((workerData as StateStart).path);
  } catch (error) {
    send({ refused: plain(error) });
    port.close();
    return;
  }
  send({ opened: store.healed });
  port.on('message', (request: StateRequest) => {
    if (request === 'close') {
      store.close();
      port.close();
      return;
    }
    send(answer(store, request));
  });
}

function answer({ calls }: StateStore, { id, method, parameters }: Exclude<StateRequest, 'close'>): StateReply {
  try {
    if (method === 'putContent') return { id, value: calls.putContent(unpackContent(parameters[0] as PackedContent)) };
    const call = calls[method] as (...parameters: readonly unknown[]) => unknown;
    return { id, value: call(...parameters) };
  } catch (error) {
    return { id, fault: plain(error) };
  }
}

function plain(error: unknown): Fault {
  const { code, message } = LocalLiteError.from(error);
  return { code, message };
}

main();
