import assert from 'node:assert/strict';
import { Daemon, farAddress } from '../../interop/daemon.ts';
import { gatewayInside, lnsDocuments, password, tunnelDocument } from '../../interop/declared.ts';
import { makePair } from '../../interop/pair.ts';
import { resource } from '../../interop/resources.ts';
import type { Lab } from '../../netns/lab.ts';
import type { Process } from '../../netns/process.ts';
import { until } from '../../netns/until.ts';
import type { Act, Stage } from './act.ts';
import { assertTraffic } from './traffic.ts';

/** Which log-ins pppd refuses; the LNS takes any. */
const refusals = {
  pap: ['refuse-eap', 'refuse-mschap-v2', 'refuse-chap'],
  chap: ['refuse-eap', 'refuse-mschap-v2', 'refuse-pap'],
} as const;
type Scene = keyof typeof refusals;

/** pppd over the kernel's PPPoE comes to our LAC, whose call goes on to our LNS, which runs PPP with it. */
export const pppoe: Act<Scene> = {
  name: 'pppd comes by PPPoE',
  scenes: ['pap', 'chap'],
  async open(lab: Lab): Promise<Stage<Scene>> {
    const { lac, lns } = await makePair(lab);
    const home = await lab.namespace('home');
    await lab.link(lac, { device: 'access', addresses: [] }, home, { device: 'modem', addresses: [] });
    const concentrator = new Daemon(lac);
    await concentrator.declare(
      'all.yaml',
      resource('PppoeServer', 'access', { interface: 'access', acName: 'ours', sessionProfile: 'onwards' }),
      resource('SessionProfile', 'onwards', { forward: { tunnels: ['to-lns'] } }),
      tunnelDocument(),
    );
    const server = new Daemon(lns);
    await server.declare('all.yaml', ...lnsDocuments());
    await server.start();
    await concentrator.start();
    await concentrator.tunnelReady('to-lns');
    let client: Process | undefined;
    return {
      async play(scene) {
        const options = [
          'noauth',
          'nodetach',
          'debug',
          'nodefaultroute',
          'noccp',
          'novj',
          'mtu',
          '1400',
          'mru',
          '1400',
        ];
        const login = ['user', 'alice', 'password', password, 'ifname', scene, ...refusals[scene]];
        client = home.spawn('pppd', ['plugin', 'rp-pppoe.so', 'nic-modem', ...options, ...login]);
        const session = await server.acceptedSessionReady();
        assert.equal(session.status.ppp?.auth, scene);
        await client.says(/local {2}IP address/);
        await assertTraffic(
          { namespace: lns, address: gatewayInside },
          { namespace: home, address: farAddress(session) },
        );
        assert.match(await home.run('cat', '/proc/net/pppoe'), / modem$/m);
      },
      async end() {
        await client?.stop();
        await until('the call to go', async () => (await server.sessions()).length === 0);
        await until('the forwarded call to go', async () => (await concentrator.sessions()).length === 0);
      },
      async logs() {
        const said = [`pppd:\n${client?.output}`, `LAC:\n${concentrator.process.output.slice(-4000)}`];
        return [...said, `LNS:\n${server.process.output.slice(-4000)}`].join('\n');
      },
    };
  },
};
