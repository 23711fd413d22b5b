import { loadTokenizer } from '../runtime/tokenizer.ts';
import { openModelFiles } from './build.ts';
import { calibrate } from './convert-int8.ts';
import type { ConvertRequest } from './convert-types.ts';
import { encodeStatistics, type StatisticsFile } from './statistics.ts';
import { encodeTextSets } from './text-sets.ts';

/**
 * Statistics of a model as they are shipped with LocalLite (see scripts/calibrate.mjs). Leaves a float32 graph in the request's `output`.
 * @throws LocalLiteError as convertModel
 */
export async function calibrateModel(request: ConvertRequest): Promise<StatisticsFile> {
  const files = openModelFiles(request.directory);
  try {
    const texts = encodeTextSets(await loadTokenizer(request.directory), {
      pairs: request.tasks.includes('rerank'),
      maxTokens: request.maxTokens,
    });
    const watched = { signal: new AbortController().signal, onProgress: () => undefined };
    return encodeStatistics(request.id, await calibrate({ files, request, texts, scratch: request.output, ...watched }));
  } finally {
    files.close();
  }
}
