import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resource, secret } from '../../test/interop/resources.ts';
import type { Ppp } from '../load/load.ts';
import { address } from '../wire.ts';
import { radiusLogin, startBenchRadius } from './freeradius.ts';
import type { Lns } from './lns.ts';
import { startDaemon } from './prol2tp.ts';

/** How ProL2TP's PPP is measured. */
export interface PppSettings {
  readonly name: string;
  readonly ppp: Ppp;
  /** Asks freeradius, and tells it. Without: a declared Subscriber. */
  readonly freeradius?: boolean;
  /** How often each link is asked by LCP echo. Without: never. */
  readonly echoSeconds?: number;
  /** The name of V8's processor profile. */
  readonly profile?: string;
}

/** ProL2TP's own daemon as LNS with one way of PPP. */
export const prol2tpPpp = (settings: PppSettings): Lns => ({
  name: settings.name,
  ppp: settings.ppp,
  async start(wire) {
    const config = join(wire.lns.lab.directory, 'prol2tp');
    await mkdir(config, { recursive: true });
    await writeFile(join(config, 'lns.yaml'), documents(settings).join('---\n'), { mode: 0o600 });
    const radius = settings.freeradius ? await startBenchRadius(wire.lns) : undefined;
    const daemon = startDaemon(wire, 'lns', settings.profile, config);
    return {
      process: daemon,
      radius,
      stop: async () => {
        await daemon.stop();
        await radius?.stop();
      },
    };
  },
});

function documents({ ppp, freeradius = false, echoSeconds }: PppSettings): string[] {
  const server = { address: radiusLogin.address, secretRef: { name: 'bench', key: 'radius' } };
  return [
    resource('Gateway', 'lns', {
      listen: [{ address: address.lns }],
      radius: freeradius ? { servers: [server] } : undefined,
    }),
    resource('PeerProfile', 'default', { role: 'lac' }),
    resource('PppProfile', 'default', {
      auth: { pap: ppp.auth === 'pap', chap: ppp.auth === 'chap', mschapv2: false },
      aaa: freeradius ? 'radius' : 'local',
      lcpEcho: echoSeconds === undefined ? undefined : { interval: `${echoSeconds}s` },
      ipv4: { local: '10.63.0.1', pool: 'callers' },
      ipv6: ppp.ipv6 ? { enabled: true, prefixPool: 'links' } : undefined,
    }),
    resource('AddressPool', 'callers', { ranges: ['10.64.0.0/16'] }),
    resource('AddressPool', 'links', { ipv6: { prefixes: ['2001:db8::/48'] } }),
    resource('Subscriber', 'bench', { userName: 'bench', passwordRef: { name: 'bench', key: 'password' } }),
    secret('bench', { password: 'bench', radius: radiusLogin.secret }),
  ];
}
