import { openSync } from 'node:fs';
import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Lab, Running, Side } from '../lab.ts';
import { build, root } from '../tools.ts';
import type { Lns } from './lns.ts';

/** Starts prol2tpd with the documents of bench/SIDE. With `profile`, V8's processor profile goes to build/bench. */
export async function startDaemon(lab: Lab, side: Side, profile = false): Promise<Running> {
  const directory = join(build, `prol2tp-${side}`);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const config = join(directory, 'config');
  await cp(join(root, 'bench', side), config, { recursive: true });
  const log = openSync(join(directory, 'prol2tpd.log'), 'w');
  const flags = profile ? ['--cpu-prof', `--cpu-prof-dir=${build}`, `--cpu-prof-name=${side}.cpuprofile`] : [];
  const daemon = join(root, 'dist', 'prol2tpd.js');
  return lab.start(side, ['node', ...flags, daemon, '--config', config], log, log, directory);
}

/** ProL2TP's own daemon as LNS, on its userspace plane. */
export const prol2tp = (profile: boolean): Lns => ({
  name: 'prol2tp',
  start: (lab) => startDaemon(lab, 'lns', profile),
});
