import type { ModelFile } from './card.ts';
import { SourceFailure } from './sources/failure.ts';

/** Formats that run code when they are opened (pickle), or are code. */
const UNSAFE = /\.(bin|pt|pth|pkl|pickle|ckpt|joblib|npy|npz|h5|keras|py|js|mjs|cjs|ts|sh|exe|dll|so|dylib|node|bat|ps1)$/i;

/** Path of a file inside the installed model. */
export function installedPath(file: ModelFile): string {
  return file.as ?? file.path;
}

/**
 * @throws SourceFailure unsafe for a path that leaves the model's folder, is not portable, or is of a format that can run code
 */
export function checkModelFile(file: ModelFile): void {
  for (const path of [file.path, installedPath(file)]) {
    const parts = path.split('/');
    const sound = !/[\\:*?"<>|\p{Cc}]/u.test(path) && parts.every((part) => part !== '' && part !== '.' && part !== '..');
    if (!sound) throw new SourceFailure('unsafe', `the path ${JSON.stringify(path)} is not one inside a model`);
  }
  if (UNSAFE.test(installedPath(file))) {
    throw new SourceFailure(
      'unsafe',
      `${file.path} is of a format that can run code; LocalLite installs ONNX graphs, weights and configuration only`,
    );
  }
}

/**
 * True for supporting files that a repository may lack: configuration whose content nobody pinned. The graph, its weights and the
 * tokenizer are never optional.
 */
export function isOptional(file: ModelFile): boolean {
  const supporting = /\.(json|txt)$/.test(file.path) && installedPath(file) !== 'tokenizer.json';
  return supporting && file.sha256 === undefined;
}
