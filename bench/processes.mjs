import { readdirSync, readFileSync } from 'node:fs';

/** CPU times and memory by process are read from /proc; elsewhere the lines that need them are left out. */
export const CAN_MEASURE_PROCESSES = process.platform === 'linux';

/** A process and all that it started. */
export function familyOf(pid) {
  return [pid, ...childrenOf(pid).flatMap(familyOf)];
}

export function childrenOf(pid) {
  return tasksOf(pid).flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number));
}

/** Milliseconds on a processor so far, all threads: nanosecond clocks of the scheduler where it keeps them, else clock ticks. */
export function cpuMs(pid) {
  const exact = tasksOf(pid).map((task) => Number(read(`/proc/${pid}/task/${task}/schedstat`).split(' ')[0]));
  if (exact.some((nanoseconds) => nanoseconds > 0)) return exact.reduce((total, nanoseconds) => total + nanoseconds, 0) / 1e6;
  const fields = read(`/proc/${pid}/stat`)
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Summed proportional set size in bytes. */
export function pssBytes(pids) {
  const kilobytes = pids.map((pid) => Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0));
  return kilobytes.reduce((total, each) => total + each, 0) * 1024;
}

function tasksOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the process or thread has just ended
  }
}
