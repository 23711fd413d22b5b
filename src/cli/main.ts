#!/usr/bin/env node
import { VERSION } from './version.ts';

/** The program `locallite`. Everything beyond the version is read only when it is needed, so that each command starts quickly. */
async function main(argv: readonly string[]): Promise<void> {
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  const { runInProcess } = await import('./process.ts');
  await runInProcess(argv);
}

await main(process.argv.slice(2));
