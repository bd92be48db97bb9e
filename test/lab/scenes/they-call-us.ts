import assert from 'node:assert/strict';
import { Daemon, farAddress } from '../../interop/daemon.ts';
import { gatewayInside, password, secrets, tunnelKey } from '../../interop/declared.ts';
import { lacAddress, lnsAddress, makePair } from '../../interop/pair.ts';
import { resource } from '../../interop/resources.ts';
import type { Lab } from '../../netns/lab.ts';
import { until } from '../../netns/until.ts';
import type { Act, Stage } from './act.ts';
import { assertTraffic } from './traffic.ts';
import { kernelSession, Xl2tpd } from './xl2tpd.ts';

const secret = 'between-us-and-xl2tpd';

/** What a scene demands of xl2tpd, and how pppd logs in. */
const scenes = {
  pap: { auth: 'pap', challenge: false, sequence: false },
  chap: { auth: 'chap', challenge: false, sequence: false },
  mschapv2: { auth: 'mschapv2', challenge: false, sequence: false },
  challenge: { auth: 'chap', challenge: true, sequence: false },
  sequence: { auth: 'chap', challenge: false, sequence: true },
} as const;
type Scene = keyof typeof scenes;
const names: readonly Scene[] = ['pap', 'chap', 'mschapv2', 'challenge', 'sequence'];

/** Our LNS takes calls of xl2tpd, whose pppd and kernel are the subscriber. */
export const theyCallUs: Act<Scene> = {
  name: 'xl2tpd calls us',
  scenes: names,
  async open(lab: Lab): Promise<Stage<Scene>> {
    const { lac, lns } = await makePair(lab);
    const daemon = new Daemon(lns);
    await daemon.declare('all.yaml', ...documents());
    await daemon.start();
    const peer = await Xl2tpd.start(lac, {
      role: 'lac',
      address: lacAddress,
      secret,
      sections: names.map((name) => ({
        name,
        xl2tpd: [`lns = ${lnsAddress}`, 'autodial = no', ...(scenes[name].challenge ? ['challenge = yes'] : [])],
        pppd: ['noauth', 'user alice', `password ${password}`, 'ipcp-accept-local', 'ipcp-accept-remote'],
      })),
    });
    return {
      async play(scene) {
        const { auth, challenge, sequence } = scenes[scene];
        await peer.dial(scene);
        const session = await daemon.acceptedSessionReady();
        assert.equal(session.status.ppp?.auth, auth);
        assert.equal(session.status.ppp?.user, 'alice');
        await until('pppd to be up', async () => /local {2}IP address/.test(await peer.pppd(scene)));
        const [tunnel] = await daemon.tunnels();
        assert.equal(tunnel.status.peer?.hostName, scene);
        assert.equal(
          tunnel.status.conditions.find(({ type }) => type === 'PeerAuthenticated')?.status,
          `${challenge ? 'True' : 'False'}`,
        );
        await assertTraffic(
          { namespace: lns, address: gatewayInside },
          { namespace: lac, address: farAddress(session) },
        );
        // RFC 2661 5.4: the LNS decides, and the kernel as LAC follows.
        assert.equal((await kernelSession(lac, scene)).sent, sequence);
      },
      async end(scene) {
        await peer.hangUp(scene);
        await until('the call to go', async () => (await daemon.sessions()).length === 0);
      },
      async logs(scene) {
        const said = [`pppd:\n${await peer.pppd(scene)}`, `xl2tpd:\n${peer.process.output.slice(-4000)}`];
        return [...said, `prol2tpd:\n${daemon.process.output.slice(-4000)}`].join('\n');
      },
    };
  },
};

function documents(): string[] {
  const shared = [
    resource('Gateway', 'lns', { listen: [{ address: lnsAddress }] }),
    resource('AddressPool', 'callers', { ranges: ['10.20.1.0/24'] }),
    resource('Subscriber', 'alice', { userName: 'alice', passwordRef: { name: 'secrets', key: 'alice' } }),
    secrets(secret),
  ];
  const ofScene = (name: Scene) => {
    const { auth, challenge, sequence } = scenes[name];
    const secretly = challenge ? ({ authMode: 'challenge' } as const) : ({ authMode: 'none' } as const);
    return [
      resource('PeerProfile', name, {
        match: { hostName: name },
        tunnelProfile: name,
        sessionProfile: name,
        pppProfile: name,
      }),
      resource('TunnelProfile', name, { hostName: 'our-lns', secretRef: tunnelKey, ...secretly }),
      resource('SessionProfile', name, { useSequenceNumbers: sequence }),
      resource('PppProfile', name, {
        auth: { pap: auth === 'pap', chap: auth === 'chap', mschapv2: auth === 'mschapv2' },
        ipv4: { local: gatewayInside, pool: 'callers' },
      }),
    ];
  };
  return [...shared, ...names.flatMap(ofScene)];
}
