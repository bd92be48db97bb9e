import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type IpAttachment, sessionKeyV2 } from '../../src/engine/ports.ts';
import { parseIpv4 } from '../../src/engine/spec.ts';
import { join, Namespace, PlaneProcess } from './lab.ts';

const ipv4 = (text: string): number => parseIpv4(text) ?? 0;
const session = sessionKeyV2(7, 9);

let left: Namespace;
let right: Namespace;
let lac: PlaneProcess;
let lns: PlaneProcess;

beforeEach(() => {
  left = new Namespace('left');
  right = new Namespace('right');
  join(left, right);
  lac = new PlaneProcess(left);
  lns = new PlaneProcess(right);
});

afterEach(async () => {
  await lac.kill();
  await lns.kill();
  left.remove();
  right.remove();
});

interface Side {
  plane: PlaneProcess;
  local: string;
  remote: string;
  port?: number;
  peerPort?: number;
  sequencing?: boolean;
}

/** A tunnel 7 with a session 9 on both sides. */
async function sessionUp({ plane, local, remote, sequencing = false }: Side): Promise<void> {
  const socket = await plane.open(local, 1701);
  await plane.apply({
    op: 'tunnelUp',
    localTunnelId: 7,
    remoteTunnelId: 7,
    version: 2,
    socket,
    remote: { address: remote, port: 1701 },
    from: undefined,
  });
  const up = await plane.apply({
    op: 'sessionUp',
    session,
    localTunnelId: 7,
    remoteSessionId: 9,
    pseudowire: 'ppp',
    sequencing,
  });
  expect(up).toEqual({ fact: 'done' });
}

const clientSide: IpAttachment = {
  interface: { kind: 'own' },
  owner: 'Session/office',
  mtu: 1400,
  ipv4: { local: ipv4('10.9.0.2'), remote: ipv4('10.9.0.1'), defaultRoute: false },
  ipv6: { localInterfaceId: 2n, remoteInterfaceId: 1n },
};

const serverSide: IpAttachment = {
  interface: { kind: 'shared', name: 'subs' },
  owner: 'Gateway',
  mtu: 1400,
  ipv4: { local: ipv4('10.9.0.1'), remote: ipv4('10.9.0.2'), defaultRoute: false },
  ipv6: { localInterfaceId: 1n, remoteInterfaceId: 2n },
};

const subs = { name: 'subs', mtu: 1400, addresses: ['10.9.0.1'], routes: ['10.9.0.0/16'] };

describe('two planes', () => {
  test('carry a ping both ways, IPv4 and IPv6', async () => {
    await sessionUp({ plane: lac, local: '192.0.2.1', remote: '192.0.2.2' });
    await sessionUp({ plane: lns, local: '192.0.2.2', remote: '192.0.2.1' });
    expect(await lns.apply({ op: 'device', device: subs })).toEqual({ fact: 'done' });
    const client = await lac.apply({ op: 'attach', session, attachment: clientSide, acfc: false, pfc: false });
    expect(client).toEqual({ fact: 'attached', session, interface: 'l2tp0' });
    const server = await lns.apply({ op: 'attach', session, attachment: serverSide, acfc: true, pfc: true });
    expect(server).toEqual({ fact: 'attached', session, interface: 'subs' });

    left.run('ping', '-c', '3', '-i', '0.05', '-W', '2', '10.9.0.1');
    right.run('ping', '-c', '3', '-i', '0.05', '-W', '2', '10.9.0.2');
    left.run('ping', '-c', '2', '-i', '0.05', '-W', '2', 'fe80::1%l2tp0');
    right.run('ping', '-c', '2', '-i', '0.05', '-W', '2', 'fe80::2%subs');
    // The kernel's own multicast may come on top.
    const counters = await lac.counters(session);
    expect(counters).toMatchObject({ rxPackets: 10, rxDropped: 0, txDropped: 0 });
    expect(counters.txPackets).toBeGreaterThanOrEqual(10);
    expect(left.ip('link', 'show', 'l2tp0')).toContain('alias prol2tp:Session/office');
    expect((await lac.list()).map((device) => device.gaps)).toEqual([[]]);
    expect((await lns.list()).map((device) => device.gaps)).toEqual([[]]);

    expect(await lac.close()).toBe(0);
    expect(await lns.close()).toBe(0);
    expect(left.ip('-o', 'link')).not.toContain('l2tp0');
    expect(right.ip('-o', 'link')).not.toContain('subs');
  });
});
