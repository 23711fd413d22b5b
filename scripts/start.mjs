// What `npm start` runs: set-up, then `locallite serve` in this very process, so that signals reach the gateway directly.
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { orExit, setUp } from './setup.mjs';

orExit(setUp);
const cli = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'cli.js');
process.argv.splice(1, 1, cli, 'serve');
await import(pathToFileURL(cli).href);
