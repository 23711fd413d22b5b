import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A Python library in a process of its own (libraries.py), asked one call at a time. */
export function openLibrary(python, name, args) {
  const script = fileURLToPath(new URL('./libraries.py', import.meta.url));
  const child = spawn(python, [script, name, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, HF_HUB_OFFLINE: '1' },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name,
    async embed(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} ended: see its message above`);
      return JSON.parse(value);
    },
    stop: () => child.kill(),
  };
}
