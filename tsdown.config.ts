import { defineConfig } from 'tsdown';

const publicEntries = { index: 'src/index.ts', sdk: 'src/sdk/index.ts', testing: 'src/testing/index.ts' };

export default defineConfig({
  entry: {
    ...publicEntries,
    cli: 'src/cli/main.ts',
    worker: 'src/engines/worker-main.ts',
    converter: 'src/convert/converter-main.ts',
    state: 'src/state/state-main.ts',
    indexes: 'src/indexing/index-main.ts',
    parser: 'src/documents/parser-main.ts',
    ocr: 'src/engines/ocr/ocr-main.ts',
  },
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  outExtensions: () => ({ js: '.js', dts: '.d.ts' }),
  dts: { entry: Object.values(publicEntries) },
  clean: true,
  // The page of GET /docs, served from the package itself, and what the converter reads when a catalogue model is quantised.
  copy: ({ outDir }) => [
    ...['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt', 'favicon-32x32.png'].map((file) => ({
      from: `node_modules/swagger-ui-dist/${file}`,
      to: `${outDir}/assets`,
    })),
    { from: 'src/convert/statistics', to: outDir },
    // What `locallite demo` searches.
    { from: 'src/cli/books', to: outDir },
  ],
});
