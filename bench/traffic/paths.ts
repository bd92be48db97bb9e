import { until } from '../../test/netns/until.ts';
import { waitUntilAnswering } from '../load/load.ts';
import { l2tpns } from '../peers/l2tpns.ts';
import type { Lns } from '../peers/lns.ts';
import { prol2tp, startDaemon } from '../peers/prol2tp.ts';
import { tools } from '../tools.ts';
import { address, type Wire } from '../wire.ts';
import { overlays } from './overlays.ts';

/** A way from the LAC's host to the LNS's, ready for traffic. */
export interface Path {
  /** The caller's address and its peer's. */
  readonly near: string;
  readonly far: string;
  /** The LNS whose processor time counts; none on the bare wire. */
  readonly lnsPid: number | undefined;
}

export interface PathKind {
  readonly name: string;
  open(wire: Wire): Promise<Path>;
}

type Call = Pick<Path, 'near' | 'far'>;

// What is left of 1,500 octets by IP, UDP, L2TP and PPP headers (20 + 8 + 6 + 4), rounded down.
const callMtu = 1_460;

/** The load generator as LAC: a thin plane in C, so that the LNS is what limits. */
async function callByGenerator(wire: Wire): Promise<Call> {
  const device = 'call0';
  const generator = wire.lac.spawn(tools.load, ['--lns', address.lns, '--hold', '3600', '--tun', device]);
  const [line] = await generator.says(/^{"phase":"up".*}$/m);
  const { ok, address: near, peerAddress: far } = JSON.parse(line);
  if (ok !== 1) throw new Error(`no call: ${line}`);
  await wire.lac.ip('address', 'add', near, 'peer', far, 'dev', device);
  await wire.lac.ip('link', 'set', device, 'mtu', String(callMtu), 'up');
  return { near, far };
}

/** Our daemon as LAC, as declared in bench/lac. */
async function callByDaemon(wire: Wire): Promise<Call> {
  const daemon = startDaemon(wire, 'lac');
  return await until(
    'the call',
    async () => {
      if (!daemon.running) throw new Error(daemon.output);
      const [device] = JSON.parse(await wire.lac.ip('-j', '-4', 'address', 'show', 'dev', 'call0'));
      const [found] = device.addr_info;
      return found.address !== undefined && { near: String(found.local), far: String(found.address) };
    },
    30_000,
  );
}

function through(lac: string, call: (wire: Wire) => Promise<Call>, lns: Lns): PathKind {
  return {
    name: `${lac} - ${lns.name}`,
    async open(wire) {
      const { process } = await lns.start(wire);
      await waitUntilAnswering(wire, lns, process);
      return { ...(await call(wire)), lnsPid: process.pid };
    },
  };
}

const bare: PathKind = {
  name: 'bare wire',
  open: async () => ({ near: address.lac, far: address.lns, lnsPid: undefined }),
};

export const paths: readonly PathKind[] = [
  bare,
  through('l2tpload', callByGenerator, l2tpns),
  through('l2tpload', callByGenerator, prol2tp()),
  through('prol2tp', callByDaemon, l2tpns),
  through('prol2tp', callByDaemon, prol2tp()),
  ...overlays,
];
