import { readFileSync } from 'node:fs';

// The unit of the times in /proc/PID/stat: USER_HZ, 100 on every Linux that Node runs on.
const ticksPerSecond = 100;

/** User and system time of a process with all its threads, in seconds (proc(5), fields 14 and 15 of stat). */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`no VmRSS of process ${pid}`);
  return Number(kibibytes) * 1024;
}
