import { formatFacts } from './format.ts';
import { type Io, note, print, styled } from './io.ts';
import type { DefaultModel } from './serve-default-model.ts';

/** What the block for people says. */
export interface Announcement {
  readonly url: string;
  readonly needsKey: boolean;
  readonly model: DefaultModel;
  /** The default model as the settings name it. */
  readonly name: string;
  /** Providers that the settings name; nothing is said of others. */
  readonly wanted: readonly string[];
  /** From the start of the process. */
  readonly milliseconds: number;
  readonly version: string;
}

/** Says on the output where the gateway is, what runs in it, and what to type to see a vector. */
export async function announce(announcement: Announcement, io: Io): Promise<void> {
  const { url, model, milliseconds, version, wanted } = announcement;
  const { loaded, problem } = model;
  const facts = formatFacts([
    ['API', `${url}/v1`],
    ['docs', `${url}/docs`],
    ['model', loaded && `${loaded.id} (${loaded.variant}, ${model.dimensions} dimensions)`],
    ['provider', loaded && `${loaded.provider}, ${loaded.workers} ${loaded.workers === 1 ? 'worker' : 'workers'}`],
  ]);
  await print(io, `\n${styled(io, 'bold', `LocalLite ${version}`)} ${loaded ? 'is ready' : 'listens'} after ${milliseconds} ms\n`);
  await print(io, facts.replaceAll(/^/gm, '  '));
  const next = loaded === undefined ? '' : `  Try it:\n  ${styled(io, 'cyan', curlLine(announcement, process.platform))}\n\n`;
  await print(io, `\n${next}  Ctrl-C stops it.\n`);
  if (problem !== undefined) await note(io, `${styled(io, 'yellow', 'the default model is missing:', 'err')} ${problem.message}`);
  for (const { provider, reason } of loaded?.rejected ?? []) {
    if (wanted.includes(provider)) await note(io, `${styled(io, 'yellow', `${provider} does not run:`, 'err')} ${reason}`);
  }
}

/** A curl call that works as printed: in POSIX shells, and with double quotes only in Windows' ones. */
export function curlLine({ url, needsKey, name }: Pick<Announcement, 'url' | 'needsKey' | 'name'>, platform: NodeJS.Platform): string {
  const body = JSON.stringify({ model: name, input: 'Hello world' });
  const windows = platform === 'win32';
  const quoted = (text: string): string => (windows ? `"${text.replaceAll('"', '\\"')}"` : `'${text}'`);
  const key = needsKey ? ` -H "Authorization: Bearer ${windows ? '%LOCALLITE_API_KEY%' : '$LOCALLITE_API_KEY'}"` : '';
  return `curl ${url}/v1/embeddings -H ${quoted('Content-Type: application/json')}${key} -d ${quoted(body)}`;
}
