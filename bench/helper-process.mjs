import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Starts one of the bench's own processes and returns a function that has it do a named task, one at a time. */
export function startHelper(file) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), { serialization: 'advanced' });
  let waiting;
  child.on('message', ({ result, error }) => {
    const { resolve, reject } = waiting;
    waiting = undefined;
    if (error === undefined) resolve(result);
    else reject(new Error(`${file}: ${error}`));
  });
  child.on('exit', (code, signal) => waiting?.reject(new Error(`${file} ended by itself (${signal ?? code})`)));
  return {
    pid: child.pid,
    ask: (task, argument) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        child.send({ task, argument });
      }),
    stop: () => child.kill(),
  };
}

/** The other side: answers every task with what its function returns or why it failed. */
export function serveTasks(tasks) {
  process.on('message', ({ task, argument }) => {
    Promise.resolve()
      .then(() => tasks[task](argument))
      .then(
        (result) => process.send({ result }),
        (error) => process.send({ error: error.stack ?? String(error) }),
      );
  });
  process.on('disconnect', () => process.exit(0));
}
