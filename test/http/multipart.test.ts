import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './test-server.ts';

/* Forms as no honest client sends them, over a real socket. */

const UPLOAD_LIMIT = 300_000;
const FIELD_LIMIT = 20_000;
const BOUNDARY = 'xXx';
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

let server: TestServer;
beforeAll(async () => {
  const limits = { upload_bytes: UPLOAD_LIMIT, input_bytes: FIELD_LIMIT, body_timeout: 1 };
  server = await startTestServer({ settings: { limits } });
});
afterAll(() => server[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly body: Record<string, never> & { readonly error?: Readonly<Record<string, unknown>> };
}

function open(): Socket {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  return socket;
}

/** What the server answers on a connection, without closing it. */
async function answerOn(socket: Socket): Promise<Answer> {
  let text = '';
  for await (const part of socket.iterator({ destroyOnReturn: false })) {
    text += String(part);
    const end = text.indexOf('\r\n\r\n');
    const length = /content-length: (\d+)/i.exec(text)?.[1];
    if (end === -1 || (length !== undefined && Buffer.byteLength(text.slice(end + 4)) < Number(length))) continue;
    const json = text.slice(text.indexOf('{', end), text.lastIndexOf('}') + 1);
    return { status: Number(text.slice(9, 12)), body: JSON.parse(json) };
  }
  throw new RangeError(`the connection ended after ${JSON.stringify(text)}`);
}

const head = (type: string | undefined, length: number | undefined, path = '/v1/files'): string =>
  [
    `POST ${path} HTTP/1.1`,
    'host: 127.0.0.1',
    ...(type === undefined ? [] : [`content-type: ${type}`]),
    length === undefined ? 'transfer-encoding: chunked' : `content-length: ${length}`,
    '\r\n',
  ].join('\r\n');

async function post(body: string | Buffer, type: string | undefined = TYPE, path?: string): Promise<Answer> {
  const socket = open();
  try {
    socket.write(head(type, Buffer.byteLength(body), path));
    socket.write(body);
    return await answerOn(socket);
  } finally {
    socket.destroy();
  }
}

const part = (disposition: string, content: string, more = ''): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n${more}\r\n${content}\r\n`;
const filePart = (content = 'w1 w2', name = 'a.txt'): string =>
  part(`name="file"; filename="${name}"`, content, 'Content-Type: text/plain\r\n');
const field = (name: string, value: string): string => part(`name="${name}"`, value);
const END = `--${BOUNDARY}--\r\n`;
const purpose = field('purpose', 'assistants');

const stored = (): readonly string[] => {
  try {
    return readdirSync(join(server.gateway.config.home, 'files'));
  } catch {
    return [];
  }
};
const rows = async (): Promise<number> => (await server.gateway.files.list({ limit: 1000, order: 'asc' })).items.length;

/** Waits for what comes after an answer, e.g. the removal of half a file. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 300 && !(await isSo()); turn++) await new Promise((resolve) => setTimeout(resolve, 10));
}

let kept = 0;
/** Nothing but what was uploaded on purpose is there, and the next upload works. */
afterEach(async () => {
  const wanted = kept;
  await until(() => stored().length === wanted);
  const left = [stored().length, await rows()];
  // The next test is not to blame for this one.
  kept = stored().length;
  expect(left).toEqual([wanted, wanted]);
  const answer = await post(purpose + filePart() + END);
  expect(answer).toMatchObject({ status: 200, body: { bytes: 5, filename: 'a.txt' } });
  kept++;
});

describe('a form that is not one', () => {
  it.each([
    ['no content type', undefined, 415],
    ['JSON', 'application/json', 415],
    ['an address form', 'application/x-www-form-urlencoded', 415],
    ['no boundary', 'multipart/form-data', 400],
    ['another parameter', 'multipart/form-data; charset=utf-8', 400],
    ['an empty boundary', 'multipart/form-data; boundary=', 400],
    ['another boundary', 'multipart/form-data; boundary=other', 400],
    ['a boundary of 4,000 characters', `multipart/form-data; boundary=${'b'.repeat(4000)}`, 400],
    ['another kind of parts', `multipart/mixed; boundary=${BOUNDARY}`, 415],
  ])('is refused: %s', async (_what, type, status) => {
    const { body, ...answer } = await post(purpose + filePart() + END, type ?? '');
    expect(answer.status).toBe(status);
    expect(body.error).toMatchObject({ type: 'invalid_request_error', message: expect.stringMatching(/form|file|boundary/) });
  });

  it.each([
    ['is empty', ''],
    ['holds nothing', END],
    ['holds no file', purpose + END],
    ['holds the file as a plain field', field('file', 'w1') + purpose + END],
    ['ends in the headers of a part', `${purpose}--${BOUNDARY}\r\nContent-Disp`],
    ['ends in the file', purpose + filePart().slice(0, -4)],
    ['ends behind the file', purpose + filePart()],
    ['ends in a field behind the file', filePart() + purpose.slice(0, -5)],
    ['is bytes of chance', 'x'.repeat(1000)],
  ])('is refused where it %s', async (_what, body) => {
    const answer = await post(body);
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({ code: 'invalid_request', message: expect.stringMatching(/form|file/) });
  });
});

describe('too much in a form', () => {
  it.each([
    ['headers of a part without end', `--${BOUNDARY}\r\n${'x-a: b\r\n'.repeat(30_000)}\r\nw1\r\n${END}`, 400],
    ['one header of 200 kB', `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${'n'.repeat(200_000)}"\r\n\r\nx\r\n${END}`, 413],
    ['a name of 1,000 characters', field('n'.repeat(1000), 'x') + filePart() + END, 413],
    ['a field over its limit', field('purpose', 'x'.repeat(FIELD_LIMIT + 1)) + filePart() + END, 413],
    ['thousands of fields', field('a', 'b').repeat(3000) + filePart() + END, 400],
    ['thousands of parts without names', `--${BOUNDARY}\r\n\r\nx\r\n`.repeat(3000) + filePart() + END, 400],
    [
      'thousands of entries of one object',
      Array.from({ length: 3000 }, (_, at) => field(`a[${at}]`, 'b')).join('') + filePart() + END,
      400,
    ],
    ['two files', purpose + filePart('w1', 'a.txt') + filePart('w2', 'b.txt') + END, 400],
    ['two files, one elsewhere', purpose + filePart() + part('name="other"; filename="b.txt"', 'w2') + END, 400],
    ['a field without a name', purpose + part('x="y"', 'w2') + filePart() + END, 400],
    ['a file without a name of its field', purpose + part('filename="b.txt"', 'w2') + END, 400],
    ['a file in another field', purpose + part('name="other"; filename="b.txt"', 'w2') + END, 400],
  ])('%s', async (_what, body, status) => {
    const answer = await post(body);
    expect(answer).toMatchObject({ status, body: { error: { type: 'invalid_request_error' } } });
  });

  it.each([
    ['purpose', field('purpose', 'nothing')],
    ['purpose', purpose + purpose],
    ['expires_after.seconds', purpose + field('expires_after[anchor]', 'created_at') + field('expires_after[seconds]', '1')],
    ['expires_after.anchor', purpose + field('expires_after[anchor]', 'yesterday') + field('expires_after[seconds]', '3600')],
    ['expires_after', purpose + field('expires_after', 'created_at')],
    ['anything', purpose + field('anything', 'x')],
    ['purpose[a][b]', field('purpose[a][b]', 'x')],
    ['constructor', purpose + field('constructor', 'x')],
  ])('a field that is wrong is named: %s', async (param, fields) => {
    for (const body of [fields + filePart() + END, filePart() + fields + END]) {
      const answer = await post(body);
      expect(answer).toMatchObject({ status: 400, body: { error: { code: 'invalid_request', param } } });
    }
  });

  it('__proto__ is no field', async () => {
    for (const name of ['__proto__', 'a[__proto__]', '__proto__[x]']) {
      expect(await post(purpose + field(name, 'x') + filePart() + END)).toMatchObject({ status: 400 });
    }
    expect(Reflect.get({}, 'x')).toBeUndefined();
  });
});

describe('a file over limits.upload_bytes', () => {
  const tooLarge = { status: 413, body: { error: { code: 'payload_too_large', type: 'invalid_request_error', param: 'file' } } };

  it('is refused with its last byte', async () => {
    expect(await post(purpose + filePart('x'.repeat(UPLOAD_LIMIT + 1)) + END)).toMatchObject(tooLarge);
    expect(await post(purpose + filePart('x'.repeat(UPLOAD_LIMIT)) + END)).toMatchObject({ status: 200, body: { bytes: UPLOAD_LIMIT } });
    kept++;
  });

  it('is refused while the client still sends it', async () => {
    const socket = open();
    socket.write(head(TYPE, undefined));
    const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
    socket.write(chunk(`${purpose}--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n`));
    let isSending = true;
    const sending = (async () => {
      while (isSending && !socket.destroyed) {
        socket.write(chunk('x'.repeat(10_000)));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    })();
    expect(await answerOn(socket)).toMatchObject(tooLarge);
    // Nobody reads on for ever what nobody wants.
    await once(socket.resume(), 'close');
    isSending = false;
    await sending;
  });

  it('is refused before a byte of it, where its length is told', async () => {
    const socket = open();
    socket.write(head(TYPE, 2 ** 40));
    expect(await answerOn(socket)).toMatchObject({ status: 413, body: { error: { code: 'payload_too_large' } } });
    socket.destroy();
  });

  it('ends an ordinary client with the answer, not with a broken connection', async () => {
    const form = new FormData();
    form.set('purpose', 'assistants');
    form.set('file', new Blob(['x'.repeat(20 * UPLOAD_LIMIT)]), 'a.txt');
    const answer = await fetch(`${server.url}/v1/files`, { method: 'POST', body: form });
    expect([answer.status, await answer.json()]).toEqual([
      413,
      expect.objectContaining({ error: expect.objectContaining({ param: 'file' }) }),
    ]);
  });

  it('junk before the first boundary, and behind the last, counts', async () => {
    const junk = 'x'.repeat(UPLOAD_LIMIT + 101 * FIELD_LIMIT + 2 ** 20);
    expect((await post(`${junk}\r\n${purpose}${filePart()}${END}`)).status).toBe(413);
    expect((await post(purpose + filePart() + END + junk)).status).toBe(413);
  });
});

describe('a client', () => {
  const begun = purpose + filePart('w1 '.repeat(1000)).slice(0, -100);

  it('that leaves in the middle leaves nothing behind', async () => {
    const socket = open();
    socket.write(head(TYPE, begun.length + 1000));
    socket.write(begun);
    await until(() => stored().some((name) => name.endsWith('.part')));
    socket.destroy();
    await until(() => stored().every((name) => !name.endsWith('.part')));
  });

  it('that ends its side in the middle leaves nothing behind', async () => {
    const socket = open();
    socket.write(head(TYPE, begun.length + 1000));
    socket.write(begun);
    await until(() => stored().some((name) => name.endsWith('.part')));
    socket.end();
    await once(socket.resume(), 'close');
  });

  it('that falls silent is cut off by name', async () => {
    const socket = open();
    socket.write(head(TYPE, begun.length + 1000));
    socket.write(begun);
    expect(await answerOn(socket)).toMatchObject({ status: 408, body: { error: { code: 'request_timeout' } } });
    socket.destroy();
  });

  it('that is slow but not silent is served', async () => {
    const body = purpose + filePart('w1 w2 w3') + END;
    const socket = open();
    socket.write(head(TYPE, body.length));
    for (let at = 0; at < body.length; at += 40) {
      socket.write(body.slice(at, at + 40));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await answerOn(socket)).toMatchObject({ status: 200, body: { bytes: 8 } });
    socket.destroy();
    kept++;
  });

  it('that sends many at once gets each its own', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, at) => post(purpose + filePart('w'.repeat(at), `${at}.txt`) + END)));
    expect(answers.map(({ body }) => [body['filename'], body['bytes']])).toEqual(answers.map((_, at) => [`${at}.txt`, at]));
    kept += answers.length;
  });
});

describe('names of files', () => {
  const named = async (disposition: string): Promise<unknown> => {
    const { body } = await post(purpose + part(`name="file"; ${disposition}`, 'w1') + END);
    const content = await fetch(`${server.url}/v1/files/${body['id']}/content`);
    expect([content.status, await content.text()]).toEqual([200, 'w1']);
    const kind = content.headers.get('content-disposition') ?? '';
    expect(kind).toMatch(/^attachment; filename\*=UTF-8''[\w.!~%-]+$/);
    kept++;
    expect(decodeURIComponent(kind.slice(kind.indexOf("''") + 2))).toBe(body['filename']);
    return body['filename'];
  };

  it.each([
    ['in folders above', 'filename="../../../etc/passwd"', 'passwd'],
    ['in folders of Windows', 'filename="..\\\\..\\\\boot.ini"', 'boot.ini'],
    ['that are folders only', 'filename="../.."', 'file'],
    ['that are absolute', 'filename="/etc/passwd"', 'passwd'],
    ['with a null byte', 'filename="a\0.txt"', 'a.txt'],
    ['with an escape', 'filename="a\x1b[31m.txt"', 'a[31m.txt'],
    ['in UTF-8', 'filename="Übung 日本 😀.txt"', 'Übung 日本 😀.txt'],
    ['in UTF-8, escaped', "filename*=UTF-8''%C3%9Cbung%20%F0%9F%98%80.txt", 'Übung 😀.txt'],
    ['in Latin-1, escaped', "filename*=iso-8859-1''%DCbung.txt", 'Übung.txt'],
    ['in both ways: the better one counts', 'filename="Ubung.txt"; filename*=UTF-8\'\'%C3%9Cbung.txt', 'Übung.txt'],
    ['with quotes and brackets', `filename="it's (a) \\"b\\"*.txt"`, `it's (a) "b"*.txt`],
    ['without end', `filename="${'😀'.repeat(300)}"`, '😀'.repeat(127)],
    ['that are empty', 'filename=""', 'file'],
  ])('%s', async (_what, disposition, expected) => {
    expect(await named(disposition)).toBe(expected);
  });
});

describe('a file', () => {
  it('that is empty is kept as it is; there is nothing to read in it', async () => {
    expect(await post(purpose + filePart('', 'empty.txt') + END)).toMatchObject({ status: 200, body: { bytes: 0, filename: 'empty.txt' } });
    kept++;
    expect(await post(filePart('', 'empty.txt') + END, TYPE, '/v1/documents/parse')).toMatchObject({
      status: 400,
      body: { error: { param: 'file', message: expect.stringContaining('empty') } },
    });
  });

  it('to be read only leaves no trace', async () => {
    expect(await post(filePart('w1 w2') + field('format', 'pdf') + END, TYPE, '/v1/documents/parse')).toMatchObject({
      status: 400,
      body: { error: { param: 'format' } },
    });
    expect(await post(filePart('w1 w2') + END, TYPE, '/v1/documents/parse')).toMatchObject({ status: 200, body: { text: 'w1 w2' } });
  });
});
