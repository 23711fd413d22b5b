import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { LocalLiteError } from '../errors.ts';
import { IndexHost } from './index-host.ts';
import type { IndexReply, IndexRequest, IndexStart } from './index-messages.ts';

/** The thread of the indexes: searching takes milliseconds of a processor, which the event loop of the gateway must not lose. */
function main(port: MessagePort): void {
  let host: IndexHost | undefined;
  const reply = async (request: Exclude<IndexRequest, 'close'>): Promise<IndexReply> => {
    try {
      host ??= new IndexHost(workerData as IndexStart, (line) => port.postMessage(line));
      return { id: request.id, value: await host.answer(request) };
    } catch (error) {
      const { code, message } = LocalLiteError.from(error);
      return { id: request.id, fault: { code, message } };
    }
  };
  port.on('message', (request: IndexRequest) => {
    if (request !== 'close') {
      void reply(request).then((answer) => port.postMessage(answer));
      return;
    }
    host?.close();
    port.close();
  });
}

if (parentPort !== null) main(parentPort);
