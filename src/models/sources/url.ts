import type { ModelSource } from '../card.ts';
import { SourceFailure } from './failure.ts';
import { createHttpClient, discard, type HttpClient } from './http-client.ts';
import type { NetworkSettings } from './npm.ts';
import { proxiesOf } from './proxies.ts';
import { withRetries } from './retry.ts';
import type { RemoteFile, Source, SourceAddress, SourcePlan } from './source.ts';

/** Files looked for beside a graph that stands on a plain web server, which lists nothing. */
const WELL_KNOWN = [
  'config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'modules.json',
  'sentence_bert_config.json',
  'config_sentence_transformers.json',
  '1_Pooling/config.json',
];
const GRAPHS = ['onnx/model.onnx', 'model.onnx', 'onnx/model_q4.onnx', 'onnx/model_quantized.onnx'];
const DATA_SUFFIXES = ['_data', '.data'];

/** Files on a plain web server: the folder of a model, or its graph. */
export function createUrlSource(network: NetworkSettings): Source {
  const open = (): HttpClient => createHttpClient({ ...proxiesOf(network.environment), stallTimeoutMs: network.stallTimeoutMs });
  return {
    kind: 'https',
    remote: true,
    async resolve(address: SourceAddress, wanted: ModelSource): Promise<SourcePlan> {
      const { folder } = placeOf(address.id);
      const files: RemoteFile[] = wanted.files.map(({ path, bytes, sha256 }) => ({ path, url: urlOf(folder, path), bytes, sha256 }));
      return { kind: 'files', revision: undefined, client: open(), files };
    },
    async list(address, signal) {
      const client = open();
      try {
        return { kind: 'files', revision: undefined, client, files: await probe(client, address.id, network.retries, signal) };
      } catch (error) {
        await client.close();
        throw error;
      }
    },
  };
}

const urlOf = (folder: string, path: string): string => new URL(path.split('/').map(encodeURIComponent).join('/'), folder).href;

/** The model's folder (with a slash at its end), and the graph's path inside it if the address names one. */
function placeOf(address: string): { folder: string; graph: string | undefined } {
  const url = new URL(address);
  if (!url.pathname.endsWith('.onnx')) {
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    return { folder: url.href, graph: undefined };
  }
  const parts = url.pathname.split('/');
  const depth = parts.at(-2) === 'onnx' ? 2 : 1;
  const graph = parts.splice(-depth).map(decodeURIComponent).join('/');
  url.pathname = `${parts.join('/')}/`;
  return { folder: url.href, graph };
}

async function probe(client: HttpClient, address: string, retries: number, signal: AbortSignal): Promise<RemoteFile[]> {
  const { folder, graph } = placeOf(address);
  const found: RemoteFile[] = [];
  const look = async (path: string): Promise<boolean> => {
    const file = await head(client, urlOf(folder, path), path, retries, signal);
    if (file !== undefined) found.push(file);
    return file !== undefined;
  };
  for (const path of graph === undefined ? GRAPHS : [graph]) {
    if (!(await look(path))) continue;
    for (const suffix of DATA_SUFFIXES) await look(path + suffix);
  }
  if (found.length === 0) throw new SourceFailure('missing', `there is no ONNX graph at ${graph === undefined ? folder : address}`);
  for (const path of WELL_KNOWN) await look(path);
  return found;
}

async function head(client: HttpClient, url: string, path: string, retries: number, signal: AbortSignal): Promise<RemoteFile | undefined> {
  try {
    const answer = await withRetries(() => client.send(url, { method: 'HEAD', signal }), { retries }, signal);
    discard(answer);
    const length = answer.headers['content-length'];
    return { path, url, ...(length === undefined ? {} : { bytes: Number(length) }) };
  } catch (error) {
    if (SourceFailure.isFailure(error) && error.kind === 'missing') return undefined;
    throw error;
  }
}
