import assert from 'node:assert/strict';
import { Daemon } from '../../interop/daemon.ts';
import { secrets, sessionDocument, tunnelDocument, tunnelKey } from '../../interop/declared.ts';
import { lnsAddress, makePair, wire } from '../../interop/pair.ts';
import { resource } from '../../interop/resources.ts';
import type { Lab } from '../../netns/lab.ts';
import { until } from '../../netns/until.ts';
import type { Act, Stage } from './act.ts';
import { assertTraffic, encryptedMtu } from './traffic.ts';
import { kernelSession, Xl2tpd } from './xl2tpd.ts';

const secret = 'between-us-and-xl2tpd';
const theirInside = '10.9.0.1';

/** What a scene demands of us, and pppd's options that do so. xl2tpd knows the scene by the address we call from. */
const scenes = {
  pap: {
    auth: 'pap',
    pppd: 'require-pap',
    from: '192.0.2.16',
    inside: '10.9.0.16',
    challenge: false,
    sequence: false,
  },
  // pppd as server knows EAP with MD5 only.
  eap: {
    auth: 'eap',
    pppd: 'require-eap',
    from: '192.0.2.17',
    inside: '10.9.0.17',
    challenge: false,
    sequence: false,
  },
  chap: {
    auth: 'chap',
    pppd: 'require-chap',
    from: '192.0.2.12',
    inside: '10.9.0.12',
    challenge: false,
    sequence: false,
  },
  mschapv2: {
    auth: 'mschapv2',
    pppd: 'require-mschap-v2',
    from: '192.0.2.13',
    inside: '10.9.0.13',
    challenge: false,
    sequence: false,
  },
  mppe: {
    auth: 'mschapv2',
    pppd: 'require-mschap-v2',
    from: '192.0.2.18',
    inside: '10.9.0.18',
    challenge: false,
    sequence: false,
  },
  hidden: {
    auth: 'chap',
    pppd: 'require-chap',
    from: '192.0.2.14',
    inside: '10.9.0.14',
    challenge: true,
    sequence: false,
  },
  sequence: {
    auth: 'chap',
    pppd: 'require-chap',
    from: '192.0.2.15',
    inside: '10.9.0.15',
    challenge: false,
    sequence: true,
  },
} as const;
type Scene = keyof typeof scenes;
const names = Object.keys(scenes) as Scene[];

/** We place calls to xl2tpd, whose pppd authenticates us and whose kernel carries. */
export const weCallThem: Act<Scene> = {
  name: 'we call xl2tpd',
  scenes: names,
  async open(lab: Lab): Promise<Stage<Scene>> {
    const { lac, lns } = await makePair(lab);
    for (const name of names) await lac.addAddress(wire, `${scenes[name].from}/24`);
    const daemon = new Daemon(lac);
    await daemon.declare('all.yaml', secrets(secret));
    await daemon.start();
    const peer = await Xl2tpd.start(lns, {
      role: 'lns',
      address: lnsAddress,
      secret,
      sections: names.map((name) => {
        const { pppd, from, inside, challenge, sequence } = scenes[name];
        const sequenced = sequence ? ['pppol2tp_send_seq', 'pppol2tp_recv_seq'] : [];
        const encrypted = name === 'mppe' ? ['require-mppe-128'] : [];
        const conf = [`lac = ${from}`, `ip range = ${inside}`, `local ip = ${theirInside}`];
        return {
          name,
          xl2tpd: challenge ? [...conf, 'challenge = yes'] : conf,
          pppd: [pppd, ...sequenced, ...encrypted],
        };
      }),
    });
    return {
      async play(scene) {
        const { auth, from, inside, challenge, sequence } = scenes[scene];
        const secretly = challenge
          ? ({ authMode: 'challenge', hideAvps: true } as const)
          : ({ authMode: 'none' } as const);
        await daemon.declare(
          'all.yaml',
          secrets(secret),
          resource('SessionProfile', 'default', { useSequenceNumbers: sequence, sequencingRequired: sequence }),
          // pppd is not there yet when the call is: it misses the first request.
          resource('PppProfile', 'default', { auth: { eap: true }, mppe: 'optional', lcp: { retransmit: '300ms' } }),
          tunnelDocument({ localAddress: from, secretRef: tunnelKey, mtu: 1400, ...secretly }),
          sessionDocument(),
        );
        const session = await daemon.sessionReady('call');
        assert.equal(session.status.ppp?.auth, auth);
        assert.equal(session.status.ppp?.localAddress, inside);
        await until('pppd to be up', async () => /remote IP address/.test(await peer.pppd(scene)));
        const tunnel = await daemon.tunnelReady('to-lns');
        assert.equal(
          tunnel.status.conditions.find(({ type }) => type === 'PeerAuthenticated')?.status,
          `${challenge ? 'True' : 'False'}`,
        );
        const mtu = scene === 'mppe' ? encryptedMtu : undefined;
        await assertTraffic({ namespace: lns, address: theirInside }, { namespace: lac, address: inside }, mtu);
        assert.deepEqual(await kernelSession(lns, scene), { required: sequence, sent: sequence });
      },
      async end() {
        await daemon.declare('all.yaml', secrets(secret));
        await until('pppd to end', async () => (await lns.programs()).every(({ name }) => name !== 'pppd'));
        await until('the tunnel to go', async () => (await daemon.tunnels()).length === 0);
      },
      async logs(scene) {
        const said = [`pppd:\n${await peer.pppd(scene)}`, `xl2tpd:\n${peer.process.output.slice(-4000)}`];
        return [...said, `prol2tpd:\n${daemon.process.output.slice(-4000)}`].join('\n');
      },
    };
  },
};
