import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LocalLiteError } from '../errors.ts';
import { openAiError } from '../wire/openai-error.ts';

/** Knows which requests run on which connection, so that a server can stop without cutting them. */
export interface Drain {
  /** The listener to give to the server in place of the original. */
  readonly listener: RequestListener;
  /** Starts following the server's connections; call it before it listens. */
  watch(server: Server): void;
  /** True while this connection owes, or is sending, the answer to a request that has fully arrived. */
  isBusy(socket: Duplex): boolean;
  /** See {@link Listening.close}. */
  close(server: Server, graceMs: number): Promise<number>;
}

/** Time that the last bytes get to leave once nothing runs any more. */
const FLUSH_MS = 500;

/** `unreadMs`: how long a finished answer may wait for a client that does not read it. */
export function createDrain(original: RequestListener, options: { readonly unreadMs: number }): Drain {
  /** Every connection; under TLS the bare ones, some of which never get through the handshake. */
  const connections = new Set<Socket>();
  /** Those that carry requests; under TLS the encrypted ones above the bare. */
  const clients = new Set<Socket>();
  const running = new Map<Duplex, Set<ServerResponse>>();
  let closing: Promise<number> | undefined;
  let cutTimer: NodeJS.Timeout | undefined;
  let cut = 0;

  function listener(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    begin(socket, response);
    response.once('close', () => end(socket, response));
    // Without a limit, a client that never reads would hold the answer in memory for ever.
    response.once('prefinish', () => socket.setTimeout(options.unreadMs));
    if (closing === undefined) {
      original.call(undefined, request, response as Parameters<RequestListener>[1]);
      return;
    }
    refuse(response);
  }

  function begin(socket: Duplex, response: ServerResponse): void {
    const responses = running.get(socket) ?? new Set();
    running.set(socket, responses.add(response));
  }

  function end(socket: Socket, response: ServerResponse): void {
    const responses = running.get(socket);
    responses?.delete(response);
    if (responses?.size !== 0) return;
    running.delete(socket);
    if (closing === undefined) return;
    socket.destroySoon();
    if (running.size === 0) arm(FLUSH_MS);
  }

  function follow(set: Set<Socket>): (socket: Socket) => void {
    return (socket) => {
      set.add(socket);
      socket.once('close', () => set.delete(socket));
    };
  }

  function startClosing(server: Server): Promise<number> {
    return new Promise((done) => {
      server.close(() => {
        clearTimeout(cutTimer);
        done(cut);
      });
      for (const responses of running.values()) for (const response of responses) response.shouldKeepAlive = false;
      // Idle connections, and those whose first request has not fully arrived.
      for (const socket of clients) if (!running.has(socket)) socket.destroySoon();
      if (running.size === 0) arm(FLUSH_MS);
    });
  }

  function arm(milliseconds: number): void {
    clearTimeout(cutTimer);
    cutTimer = setTimeout(() => {
      cut = running.size;
      for (const socket of connections) socket.destroy();
    }, milliseconds);
  }

  return {
    listener,
    watch(server) {
      server.on('connection', follow(connections));
      server.on('setSecureContext' in server ? 'secureConnection' : 'connection', follow(clients));
    },
    isBusy: (socket) => [...(running.get(socket) ?? [])].some((response) => response.headersSent || response.req.complete),
    close(server, graceMs) {
      if (closing === undefined || running.size > 0) arm(Math.max(0, graceMs));
      closing ??= startClosing(server);
      return closing;
    },
  };
}

function refuse(response: ServerResponse): void {
  const { status, headers, body } = openAiError(new LocalLiteError('shutting_down', 'the gateway is stopping'), '');
  response.writeHead(status, { ...headers, 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(body));
}
