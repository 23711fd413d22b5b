// Prints `N passed, N failed, N skipped` from vitest's JSON report. A file that could not even be loaded counts as one failure.
// usage: node scripts/summarise-tests.mjs REPORT
import { readFileSync } from 'node:fs';

const [path = ''] = process.argv.slice(2);
try {
  const report = JSON.parse(readFileSync(path, 'utf8'));
  const broken = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.every((test) => test.status !== 'failed'),
  );
  const failed = report.numFailedTests + broken.length;
  console.log(`${report.numPassedTests} passed, ${failed} failed, ${report.numPendingTests + report.numTodoTests} skipped`);
  process.exitCode = failed === 0 && report.numPassedTests > 0 ? 0 : 1;
} catch (error) {
  console.error(`no test report: ${error.message}`);
  console.log('0 passed, 1 failed, 0 skipped');
  process.exitCode = 1;
}
