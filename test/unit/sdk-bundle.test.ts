import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';

const LIMIT_BYTES = 20_000;

async function bundle() {
  const result = await build({
    entryPoints: ['src/sdk/index.ts'],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'sdk',
    logLevel: 'silent',
  });
  return { text: result.outputFiles[0]?.text ?? '', inputs: Object.keys(result.metafile.inputs) };
}

describe('the SDK, bundled for browsers', () => {
  it('is small and holds nothing but sdk, wire and errors', async () => {
    const { text, inputs } = await bundle();
    expect(text.length).toBeGreaterThan(1000);
    expect(text.length).toBeLessThan(LIMIT_BYTES);
    const foreign = inputs.filter((path) => !/^src\/(sdk\/[\w-]+|wire\/(base64|sse)|errors)\.ts$/.test(path));
    expect(foreign).toEqual([]);
    expect(text).not.toMatch(/\bzod\b|require\(|["']node:/);
  });

  it('works where only web globals exist', async () => {
    const { text } = await bundle();
    const seen: string[] = [];
    const fetchLike = async (url: string) => {
      seen.push(url);
      const embedding = { object: 'embedding', index: 0, embedding: 'AACAPwAAAEA=' };
      return new Response(JSON.stringify({ object: 'list', data: [embedding] }), { status: 200 });
    };
    const web = { fetch: fetchLike, URL, AbortController, Response, TextDecoder, setTimeout, clearTimeout, atob, btoa };
    const context = createContext(web);
    runInContext(text, context);
    const vector: unknown = await runInContext("new sdk.LocalLite({ baseUrl: 'http://gateway.test/v1/' }).embed('cat')", context);
    expect(seen).toEqual(['http://gateway.test/v1/embeddings']);
    expect(Array.from(vector as Float32Array)).toEqual([1, 2]);
  });
});
