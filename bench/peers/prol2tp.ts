import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Process } from '../../test/netns/process.ts';
import { build, root } from '../tools.ts';
import type { Side, Wire } from '../wire.ts';
import type { Lns } from './lns.ts';

/** Starts prol2tpd with the documents of a directory. V8's processor profile goes to build/bench/PROFILE.cpuprofile. */
export function startDaemon(wire: Wire, side: Side, profile?: string, config = join(root, 'bench', side)): Process {
  const { lab } = wire[side];
  const socket = join(lab.directory, `${side}.sock`);
  const daemon = join(root, 'dist', 'prol2tpd.js');
  if (!existsSync(daemon)) throw new Error(`${daemon} is missing: npm run build`);
  const state = join(lab.directory, `${side}.state`);
  const args = ['--config', config, '--socket', socket, '--state', state];
  if (profile === undefined) return wire[side].spawn(daemon, args);
  const flags = ['--cpu-prof', `--cpu-prof-dir=${build}`, `--cpu-prof-name=${profile}.cpuprofile`];
  return wire[side].spawn(process.execPath, [...flags, daemon, ...args]);
}

/** ProL2TP's own daemon as LNS, on its userspace plane. */
export const prol2tp = (profile?: string): Lns => ({
  name: 'prol2tp',
  ppp: { auth: 'pap', ipv6: false },
  async start(wire) {
    const daemon = startDaemon(wire, 'lns', profile);
    return {
      process: daemon,
      stop: async () => {
        await daemon.stop();
      },
    };
  },
});
