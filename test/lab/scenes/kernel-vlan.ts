import assert from 'node:assert/strict';
import type { EthernetProfileFields } from '../../../src/reconciler/generated.ts';
import { Daemon } from '../../interop/daemon.ts';
import { lacAddress, lnsAddress, makePair } from '../../interop/pair.ts';
import { resource } from '../../interop/resources.ts';
import type { Lab, Namespace } from '../../netns/lab.ts';
import { until } from '../../netns/until.ts';
import type { Act, Stage } from './act.ts';
import { addSessions, addTunnel, type KernelTunnel, kernelTable } from './kernel-l2tp.ts';
import { assertUnfragmented, deviceMtu, unanswered } from './traffic.ts';

const tunnel: KernelTunnel = {
  tunnelId: 2,
  peerTunnelId: 1,
  local: lnsAddress,
  remote: lacAddress,
  ports: { local: 1702, remote: 1701 },
};

interface Play {
  n: number;
  ethernet: EthernetProfileFields;
  /** The VLAN on our side and on the kernel's; absent: frames have no tag there. */
  ourVlan?: number;
  theirVlan: number;
}

/** What becomes of the tags. */
const scenes = {
  strip: { n: 1, ethernet: { vlanId: 100 }, theirVlan: 100 },
  keep: { n: 2, ethernet: {}, ourVlan: 200, theirVlan: 200 },
  rewrite: { n: 3, ethernet: { vlanId: 300, vlanAction: 'rewrite' }, ourVlan: 300, theirVlan: 301 },
} as const satisfies Record<string, Play>;
type Scene = keyof typeof scenes;
const names = Object.keys(scenes) as Scene[];

/** A VLAN pseudowire each, whose far end is a VLAN device (8021q) on the kernel's own L2TPv3. */
export const kernelVlan: Act<Scene> = {
  name: 'VLAN pseudowires to the kernel',
  scenes: names,
  async open(lab: Lab): Promise<Stage<Scene>> {
    const { lac: us, lns: kernel } = await makePair(lab);
    const daemon = new Daemon(us);
    await daemon.declare('all.yaml', ...documents());
    await daemon.start();
    await addTunnel(kernel, tunnel);
    await addSessions(
      kernel,
      tunnel.tunnelId,
      names.map((name) => ({
        name: theirs(name),
        sessionId: 20 + scenes[name].n,
        peerSessionId: 10 + scenes[name].n,
        sublayer: 'none',
        seq: 'none',
      })),
    );
    return {
      async play(scene) {
        const play: Play = scenes[scene];
        const { n, ourVlan, theirVlan } = play;
        await daemon.sessionReady(scene);
        const mine = ourVlan === undefined ? ours(scene) : await addVlan(us, ours(scene), ourVlan);
        const theirDevice = await addVlan(kernel, theirs(scene), theirVlan);
        if (ourVlan !== undefined) await us.addAddress(mine, `10.60.${n}.1/24`);
        await kernel.addAddress(theirDevice, `10.60.${n}.2/24`);
        if (ourVlan !== undefined && ourVlan !== theirVlan) {
          // What we send keeps our tag and so comes out of another VLAN device there, which answers no questions here.
          await addVlan(kernel, theirs(scene), ourVlan);
          await kernel.ip('neigh', 'add', `10.60.${n}.1`, 'lladdr', await macOf(us, mine), 'dev', theirDevice);
          await us.ip('neigh', 'add', `10.60.${n}.2`, 'lladdr', await macOf(kernel, theirs(scene)), 'dev', mine);
        }
        const mtu = (await deviceMtu(us)).get(ours(scene));
        for (const [from, address] of [
          [us, `10.60.${n}.2`],
          [kernel, `10.60.${n}.1`],
        ] as const) {
          assert.deepEqual(await unanswered(from, [{ address }]), []);
          assert.deepEqual(await unanswered(from, [{ address, mtu }]), [], `in one piece of ${mtu}`);
        }
        for (const namespace of [us, kernel]) await assertUnfragmented(namespace);
        assert((await txPackets(kernel, theirDevice)) >= 4, `VLAN ${theirVlan} was used`);
        // Somebody takes our device away: it comes back and carries.
        if (scene !== 'strip') return;
        await us.ip('link', 'delete', ours(scene));
        await until('a ping through the new device', () => kernel.pings(`10.60.${n}.1`));
      },
      async end() {
        assert.deepEqual(await daemon.errors(), []);
      },
      async logs() {
        const links = `${await us.ip('-d', 'link')}\n${await kernel.ip('-s', 'link')}`;
        return `${links}\nkernel:\n${await kernelTable(kernel)}\nprol2tpd:\n${daemon.process.output.slice(-4000)}`;
      },
    };
  },
};

const ours = (scene: Scene) => `us-${scene}`;
const theirs = (scene: Scene) => `k-${scene}`;

function documents(): string[] {
  return [
    resource('Tunnel', 'to-kernel', {
      localAddress: lacAddress,
      localPort: 1701,
      remoteAddress: lnsAddress,
      remotePort: 1702,
      static: { localTunnelId: 1, remoteTunnelId: 2 },
    }),
    ...names.flatMap((name) => {
      const { n, ethernet, ourVlan }: Play = scenes[name];
      const addresses = ourVlan === undefined ? [`10.60.${n}.1/24`] : [];
      return [
        resource('EthernetProfile', name, { interfaceName: ours(name), addresses, ...ethernet }),
        resource('Session', name, {
          tunnel: 'to-kernel',
          pseudowire: 'vlan',
          ethernetProfile: name,
          static: { localSessionId: 10 + n, remoteSessionId: 20 + n },
        }),
      ];
    }),
  ];
}

/** @returns the VLAN device's name */
async function addVlan(namespace: Namespace, device: string, id: number): Promise<string> {
  const name = `${device}.${id}`;
  await namespace.ip('link', 'add', 'link', device, 'name', name, 'type', 'vlan', 'id', String(id));
  await namespace.ip('link', 'set', name, 'up');
  return name;
}

async function macOf(namespace: Namespace, device: string): Promise<string> {
  const [{ address }]: { address: string }[] = JSON.parse(await namespace.ip('-j', 'link', 'show', device));
  return address;
}

async function txPackets(namespace: Namespace, device: string): Promise<number> {
  const [{ stats64 }]: { stats64: { tx: { packets: number } } }[] = JSON.parse(
    await namespace.ip('-s', '-j', 'link', 'show', device),
  );
  return stats64.tx.packets;
}
