import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { InferenceSession as OrtSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { LocalLiteError } from '../errors.ts';
import { withFixedShape } from './fixed-shape.ts';
import type { ProviderName } from './providers.ts';
import type { InferenceSession, OpenedSession, SessionRequest, TensorShape, Tensors } from './session.ts';

type Ort = typeof import('onnxruntime-node');

/** ONNX Runtime's backend names for ours. */
const BACKEND_TO_PROVIDER: Readonly<Record<string, ProviderName>> = {
  cpu: 'cpu',
  cuda: 'cuda',
  dml: 'dml',
  qnn: 'qnn',
  coreml: 'coreml',
  webgpu: 'webgpu',
};

/** Provider names as they stand in ONNX Runtime's profiles. */
const PROFILE_TO_PROVIDER: Readonly<Record<string, ProviderName>> = {
  CPUExecutionProvider: 'cpu',
  CUDAExecutionProvider: 'cuda',
  DmlExecutionProvider: 'dml',
  QNNExecutionProvider: 'qnn',
  CoreMLExecutionProvider: 'coreml',
  WebGpuExecutionProvider: 'webgpu',
};

/**
 * Loads the runtime: the pinned one, or the build a setting points to.
 * @throws LocalLiteError provider_unavailable when that build cannot be loaded.
 */
async function loadRuntime(runtimePackage: string | undefined): Promise<Ort> {
  const specifier = runtimePackage ?? 'onnxruntime-node';
  try {
    // As `require` does: a folder counts by its package.json, which `import` refuses.
    return createRequire(import.meta.url)(specifier) as Ort;
  } catch (cause) {
    const where = runtimePackage === undefined ? 'onnxruntime-node' : `${specifier} (setting runtime.package)`;
    throw new LocalLiteError('provider_unavailable', `ONNX Runtime could not be loaded from ${where}: ${messageOf(cause)}`, { cause });
  }
}

/** The version of a build of the runtime, and the providers it knows, with whether their libraries come with it. */
export async function listBackends(
  runtimePackage: string | undefined,
): Promise<{ version: string; backends: readonly { provider: ProviderName; bundled: boolean }[] }> {
  const ort = await loadRuntime(runtimePackage);
  const backends = ort.listSupportedBackends().flatMap(({ name, bundled }) => {
    const provider = BACKEND_TO_PROVIDER[name];
    return provider === undefined ? [] : [{ provider, bundled }];
  });
  return { version: ort.env.versions.node ?? 'unknown', backends };
}

/**
 * Opens a graph on exactly one provider (with ONNX Runtime's own per-node fallback to the processor).
 * @throws LocalLiteError provider_unavailable when that provider refuses, model_load_failed when the graph cannot be read.
 */
export async function openSession(request: SessionRequest): Promise<OpenedSession> {
  const ort = await loadRuntime(request.runtimePackage);
  const profileFolder = await mkdtemp(join(tmpdir(), 'locallite-profile-'));
  try {
    const session = await ort.InferenceSession.create(request.path, sessionOptions(request, join(profileFolder, 'p')));
    return { ...withFixedShape(wrapSession(ort, session)), nodesByProvider: () => endProfile(session, profileFolder) };
  } catch (cause) {
    await rm(profileFolder, { recursive: true, force: true });
    // Clients read this; where the files lie is nobody's business but the owner's.
    const reason = messageOf(cause).replaceAll(dirname(request.path), '…');
    throw new LocalLiteError(request.provider === 'cpu' ? 'model_load_failed' : 'provider_unavailable', reason, { cause });
  }
}

/**
 * One thread, no spinning: a session owns one core and gives it back while it waits. The memory arena stays on: it buys about 5 % and
 * hardly raises the peak (docs/decisions/0004-process-model.md has the figures).
 */
function sessionOptions(request: SessionRequest, profileFilePrefix: string): OrtSession.SessionOptions {
  const library = request.providerLibrary === undefined ? {} : { backendPath: request.providerLibrary };
  const provider = request.provider === 'qnn' ? { name: 'qnn' as const, ...library } : request.provider;
  return {
    executionProviders: [provider],
    intraOpNumThreads: request.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    logSeverityLevel: 4,
    enableProfiling: true,
    profileFilePrefix,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  };
}

function wrapSession(ort: Ort, session: OrtSession): InferenceSession {
  return {
    inputs: session.inputMetadata.map(tensorShape),
    outputs: session.outputMetadata.map(tensorShape),
    async run(feeds, outputs) {
      const tensors = Object.fromEntries(
        Object.entries(feeds).map(([name, tensor]) => [name, new ort.Tensor(tensor.type, tensor.data, tensor.dims)]),
      );
      return plainTensors(await session.run(tensors, [...outputs]));
    },
    dispose: () => session.release(),
  };
}

function tensorShape(metadata: OrtSession.ValueMetadata): TensorShape {
  return metadata.isTensor
    ? { name: metadata.name, type: metadata.type, shape: metadata.shape }
    : { name: metadata.name, type: 'not a tensor', shape: [] };
}

function plainTensors(results: OrtSession.OnnxValueMapType): Tensors {
  return Object.fromEntries(
    Object.entries(results).map(([name, value]) => {
      const { type, dims, data } = value as OrtTensor;
      if ((type === 'float32' && data instanceof Float32Array) || (type === 'float16' && data instanceof Uint16Array)) {
        return [name, { type, dims, data }];
      }
      throw new LocalLiteError('model_unsupported', `output ${name} is ${type}; float32 or float16 is needed`);
    }),
  );
}

async function endProfile(session: OrtSession, folder: string): Promise<Readonly<Record<string, number>> | undefined> {
  try {
    session.endProfiling();
    const [file] = await readdir(folder);
    if (file === undefined) return undefined;
    return countNodes(JSON.parse(await readFile(join(folder, file), 'utf8')));
  } catch {
    // The profile only feeds the load report: a runtime build without it still serves.
    return undefined;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Counts the distinct nodes each provider ran, from ONNX Runtime's profile (Chrome trace events with `args.provider`). */
export function countNodes(events: readonly { cat?: string; name?: string; args?: { provider?: string } }[]): Record<string, number> {
  const seen = new Map<string, Set<string>>();
  for (const { cat, name, args } of events) {
    if (cat !== 'Node' || name === undefined || args?.provider === undefined) continue;
    const provider = PROFILE_TO_PROVIDER[args.provider] ?? args.provider;
    seen.set(provider, (seen.get(provider) ?? new Set()).add(name));
  }
  return Object.fromEntries([...seen].map(([provider, names]) => [provider, names.size]));
}

function messageOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).trim();
}
