/** Two planes over a wire, and Ethernet pseudowires between them, each with a host on bridges behind it. */
import { type EthernetAttachment, type SocketId, type Sublayer, sessionKeyV3 } from '../../src/engine/ports.ts';
import type { DataSequencing, Encapsulation, EthernetSpec, Pseudowire } from '../../src/engine/spec.ts';
import type { Fact, Namespace, PlaneProcess } from './lab.ts';

export const underlay = { near: '192.0.2.1', far: '192.0.2.2' } as const;

export interface Terms {
  local: string;
  remote: string;
  encapsulation?: Encapsulation;
  pmtuDiscovery?: boolean;
  cookies?: { local: number[]; remote: number[] };
  sublayer?: Sublayer;
  sequencing?: DataSequencing;
}

export const nearTerms: Terms = { local: underlay.near, remote: underlay.far };
export const farTerms: Terms = { local: underlay.far, remote: underlay.near };

/** Tunnel 7 at both ends. Answers the socket. */
export async function tunnelUp(
  plane: PlaneProcess,
  { local, remote, encapsulation = 'udp', pmtuDiscovery }: Terms,
): Promise<SocketId> {
  const socket = await plane.open(local, 1701, encapsulation, pmtuDiscovery);
  await plane.apply({
    op: 'tunnelUp',
    localTunnelId: 7,
    remoteTunnelId: 7,
    version: 3,
    encapsulation,
    socket,
    remote: { address: remote, port: encapsulation === 'udp' ? 1701 : 0 },
    from: undefined,
  });
  return socket;
}

/** A session with the same id at both ends. */
export function pseudowireUp(
  plane: PlaneProcess,
  id: number,
  pseudowire: Pseudowire = 'ethernet',
  { cookies, sublayer = 'none', sequencing = 'none' }: Partial<Terms> = {},
): Promise<Fact> {
  return plane.apply({
    op: 'sessionUp',
    session: sessionKeyV3(id),
    localTunnelId: 7,
    remoteSessionId: id,
    pseudowire,
    sequencing,
    format: {
      localSessionId: id,
      localCookie: Uint8Array.from(cookies?.local ?? []),
      remoteCookie: Uint8Array.from(cookies?.remote ?? []),
      rxSublayer: sublayer,
      txSublayer: sublayer,
      checksSequence: sequencing !== 'none',
    },
    reorderTimeoutMs: 0,
    dscp: 0,
  });
}

export function attach(plane: PlaneProcess, id: number, ethernet: Partial<EthernetSpec> = {}): Promise<Fact> {
  const attachment: EthernetAttachment = {
    owner: `Session/line${id}`,
    ethernet: { vlanAction: 'keep', addresses: [], ...ethernet },
  };
  return plane.apply({ op: 'attachEthernet', session: sessionKeyV3(id), attachment });
}

/** A host behind a namespace, over a veth pair: `port` there, `eth0` with the address in the host. */
export function plug(host: Namespace, into: Namespace, port: string, address: string, bridge?: string): void {
  into.ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host.name);
  if (bridge !== undefined) into.ip('link', 'set', port, 'master', bridge);
  into.ip('link', 'set', port, 'up');
  host.ip('addr', 'add', address, 'dev', 'eth0');
  host.ip('link', 'set', 'eth0', 'up');
}

/** Sends a whole Ethernet frame out of an interface. */
export function sendFrame(from: Namespace, device: string, octets: readonly number[]): void {
  const script = `import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
s.send(bytes.fromhex(sys.argv[2]))`;
  from.run('python3', '-c', script, device, Buffer.from(octets).toString('hex'));
}
