import assert from 'node:assert/strict';
import type { PppProfileFields } from '../../../src/reconciler/generated.ts';
import { Daemon, farAddress } from '../../interop/daemon.ts';
import { gatewayInside, password, secrets, tunnelKey } from '../../interop/declared.ts';
import { startDhcp6c } from '../../interop/dhcpv6.ts';
import { startFreeradius } from '../../interop/freeradius.ts';
import { lacAddress, lnsAddress, makePair } from '../../interop/pair.ts';
import { resource, secret as secretDocument } from '../../interop/resources.ts';
import type { Lab, Namespace } from '../../netns/lab.ts';
import type { Process } from '../../netns/process.ts';
import { until } from '../../netns/until.ts';
import type { Act, Stage } from './act.ts';
import { assertTraffic, encryptedMtu } from './traffic.ts';
import { kernelSession, Xl2tpd } from './xl2tpd.ts';

const secret = 'between-us-and-xl2tpd';
const radius = { address: '127.0.0.1', secret: 'between-us-and-radius' };

interface Play {
  /** The only way of authentication. */
  auth: 'pap' | 'chap' | 'mschapv1' | 'mschapv2' | 'eap';
  /** Of the tunnel. */
  challenge?: boolean;
  /** Data messages with sequence numbers. */
  sequence?: boolean;
  ppp?: PppProfileFields;
  pppd?: readonly string[];
  /** What passes in one piece. */
  mtu?: number;
  /** What pppd must have said. */
  said?: RegExp;
}

const ipv6 = { enabled: true, prefixPool: 'links', delegationPool: 'homes', dns: ['2001:db8:ffff::53'] };

/** What a scene demands of xl2tpd and pppd. */
const scenes = {
  pap: { auth: 'pap' },
  // Challenged again while the link is up.
  chap: { auth: 'chap', ppp: { chapInterval: '500ms' }, said: /(rcvd \[CHAP Success [\s\S]*){3}/ },
  mschapv1: { auth: 'mschapv1', said: /rcvd \[CHAP Success/ },
  mschapv2: { auth: 'mschapv2' },
  eap: { auth: 'eap', said: /rcvd \[EAP Request id=\S+ MSCHAPv2 Success[\s\S]*rcvd \[EAP Success/ },
  // Of declared users we ask MS-CHAPv2 first; freeradius is told to ask MD5.
  'eap-md5': {
    auth: 'eap',
    ppp: { aaa: 'radius' },
    said: /rcvd \[EAP Request id=\S+ MD5-Challenge[\s\S]*rcvd \[EAP Success/,
  },
  challenge: { auth: 'chap', challenge: true },
  sequence: { auth: 'chap', sequence: true },
  mppe: {
    auth: 'mschapv2',
    ppp: { mppe: 'required' },
    pppd: ['require-mppe-128'],
    mtu: encryptedMtu,
    said: /MPPE 128-bit stateless compression enabled/,
  },
  ipv6: { auth: 'chap', ppp: { ipv6 }, pppd: ['+ipv6'], said: /remote LL address/ },
} as const satisfies Record<string, Play>;
type Scene = keyof typeof scenes;
const names = Object.keys(scenes) as Scene[];
const play = (name: Scene): Play => scenes[name];

/** Somewhere behind the LNS. */
const server6 = '2001:db8:ffff::1';

/** Our LNS takes calls of xl2tpd, whose pppd and kernel are the subscriber. */
export const theyCallUs: Act<Scene> = {
  name: 'xl2tpd calls us',
  scenes: names,
  async open(lab: Lab): Promise<Stage<Scene>> {
    const { lac, lns } = await makePair(lab);
    const home = await lab.namespace('home');
    await lab.link(lac, { device: 'lan', addresses: [] }, home, { device: 'nic', addresses: [] });
    await lac.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.default.accept_ra=2');
    await lns.addAddress('lo', `${server6}/128`);
    await startFreeradius(lns, { ...radius, users: { alice: { password } } });
    const daemon = new Daemon(lns);
    await daemon.declare('all.yaml', ...documents());
    await daemon.start();
    const peer = await Xl2tpd.start(lac, {
      role: 'lac',
      address: lacAddress,
      secret,
      sections: names.map((name) => ({
        name,
        xl2tpd: [`lns = ${lnsAddress}`, 'autodial = no', ...(play(name).challenge ? ['challenge = yes'] : [])],
        pppd: [
          ...['noauth', 'user alice', `password ${password}`, 'ipcp-accept-local', 'ipcp-accept-remote'],
          ...(play(name).pppd ?? []),
        ],
      })),
    });
    let delegated: Process | undefined;
    return {
      async play(scene) {
        const { auth, challenge = false, sequence = false, mtu, said } = play(scene);
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
        // With IPv6 too, that may have come first.
        const caller = await until('an IPv4 address', async () => farAddress(await daemon.acceptedSessionReady()));
        await assertTraffic({ namespace: lns, address: gatewayInside }, { namespace: lac, address: caller }, mtu);
        // RFC 2661 5.4: the LNS decides, and the kernel as LAC follows.
        assert.equal((await kernelSession(lac, scene)).sent, sequence);
        if (said !== undefined) await until(`${said} of pppd`, async () => said.test(await peer.pppd(scene)));
        if (scene === 'ipv6') delegated = await assertDelegation(lns, lac, home);
      },
      async end(scene) {
        await delegated?.stop();
        delegated = undefined;
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

/**
 * The caller's kernel takes an address from the router advertisement, and a DHCPv6 client gets a prefix for the network at
 * home, whose hosts are reached. @returns the client
 */
async function assertDelegation(lns: Namespace, lac: Namespace, home: Namespace): Promise<Process> {
  const device: Scene = 'ipv6';
  const globalAddress = async (of: string, prefix: string) => {
    const addresses = await lac.ip('-6', 'address', 'show', 'dev', of, 'scope', 'global', '-tentative');
    return addresses.match(new RegExp(`inet6 (${prefix}[0-9a-f:]+)`))?.[1];
  };
  const onLink = await until('an address of the link', () => globalAddress(device, '2001:db8:1:'));
  await until('a ping to the link', () => lns.pings(onLink, '-I', server6));
  const client = await startDhcp6c(lac, { uplink: device, downlink: 'lan', prefixLength: 56 });
  const gateway = await until('an address at home', () => globalAddress('lan', '2001:db8:2:'));
  const host = `${gateway.split(':').slice(0, 4).join(':')}::cafe`;
  await home.addAddress('nic', `${host}/64`);
  await home.ip('-6', 'route', 'add', 'default', 'via', gateway);
  await until('a ping from home', () => home.pings(server6));
  await until('a ping to home', () => lns.pings(host, '-I', server6));
  return client;
}

function documents(): string[] {
  const shared = [
    resource('Gateway', 'lns', {
      listen: [{ address: lnsAddress }],
      radius: { servers: [{ address: radius.address, secretRef: { name: 'radius', key: 'secret' } }] },
    }),
    secretDocument('radius', { secret: radius.secret }),
    resource('AddressPool', 'callers', { ranges: ['10.20.1.0/24'] }),
    resource('AddressPool', 'links', { ipv6: { prefixes: ['2001:db8:1::/48'] } }),
    resource('AddressPool', 'homes', { ipv6: { prefixes: ['2001:db8:2::/48'], delegationLength: 56 } }),
    resource('Subscriber', 'alice', { userName: 'alice', passwordRef: { name: 'secrets', key: 'alice' } }),
    secrets(secret),
  ];
  const ofScene = (name: Scene) => {
    const { auth, challenge = false, sequence = false, ppp } = play(name);
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
        auth: { pap: false, chap: false, mschapv2: false, [auth]: true },
        ipv4: { local: gatewayInside, pool: 'callers' },
        ...ppp,
      }),
    ];
  };
  return [...shared, ...names.flatMap(ofScene)];
}
