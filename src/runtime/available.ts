import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProviderName } from './providers.ts';

/** What the pinned onnxruntime-node carries on each platform, from the table in its README; a test holds it to what the build says. */
const BUNDLED: Readonly<Record<string, readonly ProviderName[]>> = {
  'win32-x64': ['cpu', 'webgpu', 'dml'],
  'win32-arm64': ['cpu', 'webgpu', 'dml'],
  'linux-x64': ['cpu', 'webgpu'],
  'linux-arm64': ['cpu'],
  'darwin-x64': ['cpu', 'webgpu', 'coreml'],
  'darwin-arm64': ['cpu', 'webgpu', 'coreml'],
};

/**
 * The providers to choose from. For the pinned runtime without loading it, because the gateway process runs no inference and should not
 * pay the native library's memory and time; another build is asked itself.
 */
export async function availableProviders(runtimePackage: string | undefined): Promise<readonly ProviderName[]> {
  if (runtimePackage !== undefined) return (await inspectRuntime(runtimePackage)).available;
  const bundled = BUNDLED[`${process.platform}-${process.arch}`] ?? ['cpu'];
  return (await hasCudaLibrary(undefined)) ? [...bundled, 'cuda'] : bundled;
}

/** The version of a runtime build and its providers, as it says itself. Loads the native library. */
export async function inspectRuntime(runtimePackage?: string): Promise<{ version: string; available: readonly ProviderName[] }> {
  const { listBackends } = await import('./onnx.ts');
  const [{ version, backends }, withCuda] = await Promise.all([listBackends(runtimePackage), hasCudaLibrary(runtimePackage)]);
  const usable = backends.filter(({ provider, bundled }) => bundled || (provider === 'cuda' && withCuda));
  return { version, available: usable.map(({ provider }) => provider) };
}

/** Whether the CUDA library, which is fetched apart, lies beside a runtime build. */
async function hasCudaLibrary(runtimePackage: string | undefined): Promise<boolean> {
  try {
    const entry = createRequire(fileURLToPath(import.meta.url)).resolve(runtimePackage ?? 'onnxruntime-node');
    const files = await readdir(join(dirname(entry), '..', 'bin'), { recursive: true });
    return files.some((file) => file.includes(join(process.platform, process.arch)) && file.includes('onnxruntime_providers_cuda.'));
  } catch {
    return false; // another layout: opening a session will tell
  }
}
