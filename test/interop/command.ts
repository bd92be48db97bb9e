import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Daemon } from './daemon.ts';

const program = fileURLToPath(new URL('../../dist/prol2tp.js', import.meta.url));

/** Runs `prol2tp` beside a daemon, and tells how it ended. */
export async function runBeside(
  daemon: Daemon,
  ...args: string[]
): Promise<{ exitCode: number | undefined; output: string }> {
  const options = { reject: false, all: true, stdin: 'ignore', env: { NO_COLOR: '1' } } as const;
  const result = await execa(process.execPath, [program, '--socket', daemon.socket, ...args], options);
  return { exitCode: result.exitCode, output: result.all };
}
