import { errorFromFetch } from './api-error.ts';

const PART_BYTES = 65_536;

/** How far an upload is. */
export interface UploadProgress {
  /** Bytes of the file that are on their way; grows, and is `total` once the server has answered. */
  readonly sent: number;
  /** Bytes of the file. */
  readonly total: number;
}

/** A form to send, and whom to tell how far it is. */
export interface Upload {
  readonly fetch: typeof fetch;
  /** `fetch` is the global one, for which another way of sending may stand in. */
  readonly isGlobalFetch: boolean;
  readonly url: string;
  readonly init: RequestInit;
  readonly form: FormData;
  readonly tell: (sent: number) => void;
}

/** Tells `onProgress` only what is new: a try that is repeated begins where the last one was, and what a form adds to its file is left out. */
export function growing(total: number, onProgress: (progress: UploadProgress) => void): (sent: number) => void {
  let told = -1;
  return (sent) => {
    const next = Math.min(sent, total);
    if (next <= told) return;
    told = next;
    onProgress({ sent: next, total });
  };
}

/**
 * Sends a form and tells the bytes that went out: outside of browsers those that the connection took from a stream, in a page those that
 * `XMLHttpRequest` reports, because browsers stream requests over HTTP/2 only. With another `fetch` in a page, and in a service worker,
 * nobody knows them.
 */
export function sendForm({ fetch: send, isGlobalFetch, url, init, form, tell }: Upload): Promise<Response> {
  const make: unknown = Reflect.get(globalThis, 'XMLHttpRequest');
  if (isXhrMaker(make)) return isGlobalFetch ? sendByXhr(new make(), { url, init, form, tell }) : send(url, { ...init, body: form });
  if ('ServiceWorkerGlobalScope' in globalThis) return send(url, { ...init, body: form });
  return send(url, streamed(init, form, tell));
}

function streamed(init: RequestInit, form: FormData, tell: (sent: number) => void): RequestInit {
  const encoded = new Response(form);
  const headers = { ...Object.fromEntries(new Headers(init.headers)), 'content-type': encoded.headers.get('content-type') ?? '' };
  const body = encoded.body === null ? null : counted(encoded.body, tell);
  // What browsers have no type for, and Node asks for where a body is a stream.
  return Object.assign({ ...init, headers, body }, { duplex: 'half' });
}

/** Handed over in small parts, each told once the next one is asked for. */
function counted(parts: ReadableStream<Uint8Array>, tell: (sent: number) => void): ReadableStream<Uint8Array> {
  const reader = parts.getReader();
  let part: Uint8Array = new Uint8Array();
  let sent = 0;
  return new ReadableStream(
    {
      async pull(controller) {
        tell(sent);
        while (part.length === 0) {
          const { done, value } = await reader.read();
          if (done) return controller.close();
          part = value;
        }
        const next = part.subarray(0, PART_BYTES);
        part = part.subarray(PART_BYTES);
        sent += next.length;
        controller.enqueue(next);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** As much of a browser's XMLHttpRequest as is used here. */
interface Xhr {
  readonly upload: { onprogress: ((event: { readonly loaded: number }) => void) | null };
  onload: (() => void) | null;
  onerror: (() => void) | null;
  onabort: (() => void) | null;
  responseType: string;
  readonly response: ArrayBuffer | null;
  readonly status: number;
  readonly statusText: string;
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  getAllResponseHeaders(): string;
  send(body: FormData): void;
  abort(): void;
}

function isXhrMaker(value: unknown): value is new () => Xhr {
  return typeof value === 'function';
}

function sendByXhr(xhr: Xhr, { url, init, form, tell }: Pick<Upload, 'url' | 'init' | 'form' | 'tell'>): Promise<Response> {
  return new Promise((resolve, reject) => {
    const { signal } = init;
    const stop = (): void => xhr.abort();
    const ended = (settle: () => void) => (): void => {
      signal?.removeEventListener('abort', stop);
      settle();
    };
    xhr.open(init.method ?? 'POST', url);
    xhr.responseType = 'arraybuffer';
    for (const [name, value] of new Headers(init.headers)) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = ({ loaded }) => tell(loaded);
    xhr.onload = ended(() => resolve(answerOf(xhr)));
    // A page is told no more than that.
    xhr.onerror = ended(() => reject(errorFromFetch('the connection failed', url).error));
    xhr.onabort = ended(() => reject(signal?.reason));
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) return xhr.onabort();
    xhr.send(form);
  });
}

function answerOf(xhr: Xhr): Response {
  const lines = xhr.getAllResponseHeaders().trim().split(/\r?\n/);
  const headers = lines.map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
  return new Response(xhr.response, { status: xhr.status, statusText: xhr.statusText, headers: headers.filter(([name]) => name !== '') });
}
