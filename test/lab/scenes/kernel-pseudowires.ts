import assert from 'node:assert/strict';
import { Daemon, isTrue } from '../../interop/daemon.ts';
import { lacAddress, lnsAddress, makePair } from '../../interop/pair.ts';
import { resource } from '../../interop/resources.ts';
import type { Lab, Namespace } from '../../netns/lab.ts';
import { until } from '../../netns/until.ts';
import type { Act, Stage } from './act.ts';
import {
  addSessions,
  addTunnel,
  type KernelSession,
  type KernelTunnel,
  kernelSessions,
  kernelTable,
  removeSession,
  removeTunnel,
} from './kernel-l2tp.ts';
import { assertStreams, assertUnfragmented, deviceMtu, unanswered } from './traffic.ts';

/** What the tunnels run over. */
const tunnels = {
  'UDP over IPv4': { n: 1, encapsulation: 'udp', local: lacAddress, remote: lnsAddress },
  'UDP over IPv6': { n: 2, encapsulation: 'udp', local: '2001:db8::1', remote: '2001:db8::2' },
  'IP 115 over IPv4': { n: 3, encapsulation: 'ip', local: lacAddress, remote: lnsAddress },
  'IP 115 over IPv6': { n: 4, encapsulation: 'ip', local: '2001:db8::1', remote: '2001:db8::2' },
} as const;
type Scene = keyof typeof tunnels;

/** What both ends are told of a session. */
interface Variant {
  l2SpecificSublayer: 'none' | 'default';
  dataSequencing: 'none' | 'nonIp' | 'all';
  seq: KernelSession['seq'];
}

const variants: readonly Variant[] = [
  { l2SpecificSublayer: 'none', dataSequencing: 'none', seq: 'none' },
  { l2SpecificSublayer: 'default', dataSequencing: 'none', seq: 'none' },
  { l2SpecificSublayer: 'default', dataSequencing: 'none', seq: 'send' },
  { l2SpecificSublayer: 'default', dataSequencing: 'nonIp', seq: 'none' },
  { l2SpecificSublayer: 'default', dataSequencing: 'all', seq: 'send' },
  { l2SpecificSublayer: 'default', dataSequencing: 'all', seq: 'recv' },
  { l2SpecificSublayer: 'default', dataSequencing: 'all', seq: 'both' },
];
const cookieOctets = [0, 4, 8] as const;

/** A session in both ends' words. */
interface Pair extends Variant {
  name: string;
  /** Our devices are called after it, and the kernel's. */
  ours: string;
  theirs: string;
  localSessionId: number;
  remoteSessionId: number;
  /** Hexadecimal: what comes to us, and what goes from us. */
  localCookie: string | undefined;
  remoteCookie: string | undefined;
  ourAddress: string;
  theirAddress: string;
}

function pairs(n: number): Pair[] {
  const all = cookieOctets.flatMap((octets) => variants.map((variant) => ({ ...variant, octets })));
  return all.map(({ octets, ...variant }, index) => {
    const id = n * 100 + index;
    const cookie = (first: number) =>
      octets === 0 ? undefined : Buffer.from(Array.from({ length: octets }, (_, at) => first + at)).toString('hex');
    return {
      ...variant,
      name: `s${id}`,
      ours: `us${id}`,
      theirs: `kernel${id}`,
      localSessionId: 70_000 + id,
      remoteSessionId: 80_000 + id,
      localCookie: cookie(0x10 + index),
      remoteCookie: cookie(0xa0 + index),
      ourAddress: `10.${50 + n}.${index}.1`,
      theirAddress: `10.${50 + n}.${index}.2`,
    };
  });
}

/** Static tunnels to the kernel's own L2TPv3, which carries Ethernet: every cookie with every way of numbering. */
export const kernelPseudowires: Act<Scene> = {
  name: 'static pseudowires to the kernel',
  scenes: Object.keys(tunnels) as Scene[],
  async open(lab: Lab): Promise<Stage<Scene>> {
    const { lac: us, lns: kernel } = await makePair(lab);
    const daemon = new Daemon(us);
    await daemon.start();
    return {
      async play(scene) {
        const { n } = tunnels[scene];
        const all = pairs(n);
        await daemon.declare('all.yaml', ...documents(scene, all));
        const tunnel = kernelTunnel(scene);
        await addTunnel(kernel, tunnel);
        await addSessions(kernel, tunnel.tunnelId, all.map(kernelSession));
        await until('all sessions to be ready', async () => {
          const sessions = await daemon.sessions();
          return sessions.length === all.length && sessions.every((session) => isTrue(session, 'Ready'));
        });
        await assertPings(us, kernel, all);
        // The last one has everything: a long cookie, and numbers both ways.
        const { ourAddress, theirAddress } = all[all.length - 1];
        await assertStreams({ namespace: kernel, address: theirAddress }, { namespace: us, address: ourAddress });
        for (const namespace of [us, kernel]) await assertUnfragmented(namespace);
        await assertNumbered(kernel, all);
        await assertCookiesChecked(daemon, kernel, scene, all);
      },
      async end(scene) {
        const { n } = tunnels[scene];
        await daemon.withdraw('all.yaml');
        await removeTunnel(kernel, kernelTunnel(scene).tunnelId);
        await until('our devices to go', async () => !(await us.ip('-o', 'link')).includes(` us${n}`));
        assert.deepEqual(await daemon.errors(), []);
      },
      async logs() {
        return `kernel:\n${await kernelTable(kernel)}\nprol2tpd:\n${daemon.process.output.slice(-4000)}`;
      },
    };
  },
};

function documents(scene: Scene, all: readonly Pair[]): string[] {
  const { n, encapsulation, local, remote } = tunnels[scene];
  const ports = encapsulation === 'udp' ? { localPort: 1710 + n, remotePort: 1720 + n } : {};
  return [
    resource('Tunnel', `t${n}`, {
      version: 'v3',
      encapsulation,
      localAddress: local,
      remoteAddress: remote,
      ...ports,
      static: { localTunnelId: 1000 + n, remoteTunnelId: 2000 + n },
    }),
    ...all.flatMap((pair) => {
      const { name, ours, ourAddress, l2SpecificSublayer, dataSequencing } = pair;
      const { localSessionId, remoteSessionId, localCookie, remoteCookie } = pair;
      return [
        resource('EthernetProfile', name, { interfaceName: ours, addresses: [`${ourAddress}/24`] }),
        resource('Session', name, {
          tunnel: `t${n}`,
          pseudowire: 'ethernet',
          ethernetProfile: name,
          l2SpecificSublayer,
          dataSequencing,
          static: { localSessionId, remoteSessionId, localCookie, remoteCookie },
        }),
      ];
    }),
  ];
}

function kernelTunnel(scene: Scene): KernelTunnel {
  const { n, encapsulation, local, remote } = tunnels[scene];
  const ports = encapsulation === 'udp' ? { local: 1720 + n, remote: 1710 + n } : undefined;
  return { tunnelId: 2000 + n, peerTunnelId: 1000 + n, local: remote, remote: local, ports };
}

function kernelSession(pair: Pair): KernelSession {
  return {
    name: pair.theirs,
    sessionId: pair.remoteSessionId,
    peerSessionId: pair.localSessionId,
    cookie: pair.localCookie,
    peerCookie: pair.remoteCookie,
    sublayer: pair.l2SpecificSublayer,
    seq: pair.seq,
    address: `${pair.theirAddress}/24`,
  };
}

/** Small pings and such as fill the devices' MTU, which is the kernel's own: it reckons the same headers. */
async function assertPings(us: Namespace, kernel: Namespace, all: readonly Pair[]): Promise<void> {
  for (const [from, to] of [
    [us, 'theirAddress'],
    [kernel, 'ourAddress'],
  ] as const)
    assert.deepEqual(
      await unanswered(
        from,
        all.map((pair) => ({ address: pair[to] })),
      ),
      [],
    );
  const [ourMtu, theirMtu] = [await deviceMtu(us), await deviceMtu(kernel)];
  for (const { name, ours, theirs } of all) assert.equal(ourMtu.get(ours), theirMtu.get(theirs), `the MTU of ${name}`);
  for (const [from, to] of [
    [us, 'theirAddress'],
    [kernel, 'ourAddress'],
  ] as const) {
    const targets = all.map((pair) => ({ address: pair[to], mtu: theirMtu.get(pair.theirs) }));
    assert.deepEqual(await unanswered(from, targets), []);
  }
}

/** What the kernel has counted, so that nothing came another way, and whether it saw numbers where it should. */
async function assertNumbered(kernel: Namespace, all: readonly Pair[]): Promise<void> {
  const states = await kernelSessions(kernel);
  for (const { name, remoteSessionId, dataSequencing, l2SpecificSublayer, seq } of all) {
    const state = states.get(remoteSessionId);
    assert(state, `the kernel has no session ${name}`);
    const { tx, rx, sendsSequence, nr, ns } = state;
    assert(tx.packets >= 4 && rx.packets >= 4, `${name}: ${JSON.stringify(state)}`);
    assert.deepEqual([tx.errors, rx.errors], [0, 0], name);
    assert.equal(state.sublayerOctets, l2SpecificSublayer === 'none' ? 0 : 4, name);
    assert.equal(state.requiresSequence, seq === 'recv' || seq === 'both', name);
    // It numbers what it sends as soon as what it gets is numbered, and stops likewise.
    if (dataSequencing !== 'nonIp') assert.equal(sendsSequence, dataSequencing === 'all', name);
    if (dataSequencing === 'all') assert(nr >= 4 && ns >= 4, `${name}: ${JSON.stringify(state)}`);
  }
}

/** With a cookie that we were not told, nothing gets through to us, and that is counted. */
async function assertCookiesChecked(
  daemon: Daemon,
  kernel: Namespace,
  scene: Scene,
  all: readonly Pair[],
): Promise<void> {
  const { tunnelId } = kernelTunnel(scene);
  for (const octets of [4, 8]) {
    const pair = all.find(({ localCookie }) => localCookie?.length === octets * 2);
    assert(pair);
    const dropped = async () => (await daemon.gateway())?.status.dropped?.wrongCookie ?? 0;
    const before = await dropped();
    await removeSession(kernel, tunnelId, pair.remoteSessionId);
    // Right but for the last octet.
    const cookie = pair.localCookie?.replace(/..$/, '00');
    await addSessions(kernel, tunnelId, [{ ...kernelSession(pair), cookie }]);
    assert(!(await kernel.pings(pair.ourAddress)), `${pair.name} with another cookie`);
    assert((await dropped()) > before, `${pair.name}: ${await dropped()} with another cookie`);
  }
}
