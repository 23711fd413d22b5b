import { LocalLiteError } from '../errors.ts';

declare global {
  // Neither the library of ES2023 nor Node's types describe it.
  namespace WebAssembly {
    class Memory {
      readonly buffer: ArrayBuffer;
      grow(pages: number): number;
    }
    interface Module {}
    const Module: new (bytes: Uint8Array) => Module;
    class Instance {
      readonly exports: object;
      constructor(module: Module);
    }
  }
}

/** `dot-products.wat`, assembled: a test assembles it again and compares. */
export const DOT_PRODUCTS = [
  'AGFzbQEAAAABEQJgA39/fwF/YAZ/f39/f38AAwQDAAEBBQYBAQGAgAQHGgMGbWVtb3J5AgAEc2NhbgABBmdhdGhlcgACCukBA3ACAX8DeyAAIAJqIQMDQCAA',
  '/QAEACEFIAH9AAQAIQYgBCAF/YcBIAb9hwH9ugEgBf2IASAG/YgB/boB/a4B/a4BIQQgAUEQaiEBIABBEGohACAAIANJDQALIAT9GwAgBP0bAWogBP0bAiAE',
  '/RsDamoLPAEBfyACRQRADwsgACABIARsaiEGA0AgBSAGIAMgBBAANgIAIAYgBGohBiAFQQRqIQUgAkEBayICDQALCzkAIAJFBEAPCwNAIAUgACABKAIAIARs',
  'aiADIAQQADYCACABQQRqIQEgBUEEaiEFIAJBAWsiAg0ACws=',
].join('');

/** The module's functions: see `dot-products.wat`. Addresses and widths are in bytes. */
export interface DotProducts {
  readonly memory: WebAssembly.Memory;
  scan(rows: number, first: number, count: number, query: number, width: number, sums: number): void;
  gather(rows: number, slots: number, count: number, query: number, width: number, sums: number): void;
}

let compiled: WebAssembly.Module | undefined;

/** An instance with memory of its own. @throws LocalLiteError insufficient_memory */
export function instantiateDotProducts(): DotProducts {
  compiled ??= new WebAssembly.Module(Buffer.from(DOT_PRODUCTS, 'base64'));
  const { exports } = newInstance(compiled);
  if (!isDotProducts(exports)) throw new LocalLiteError('internal', 'the module of dot products has other functions than it should');
  return exports;
}

function newInstance(module: WebAssembly.Module): WebAssembly.Instance {
  try {
    return new WebAssembly.Instance(module);
  } catch (cause) {
    throw new LocalLiteError('insufficient_memory', 'there is no memory left for a vector index', { cause });
  }
}

function isDotProducts(exports: object): exports is DotProducts {
  return (
    'memory' in exports &&
    exports.memory instanceof WebAssembly.Memory &&
    'scan' in exports &&
    typeof exports.scan === 'function' &&
    'gather' in exports &&
    typeof exports.gather === 'function'
  );
}
