/** A thousand Ethernet pseudowires in one control connection, between two daemons with a device for each. */
import { expect, test } from 'vitest';
import type { Namespace } from '../netns/lab.ts';
import { until } from '../netns/until.ts';
import { type Daemon, isTrue } from './daemon.ts';
import { lac as left, lacHost as leftRouter, lns as right, lnsHost as rightRouter } from './fresh-pair.ts';
import { leftDocuments, links, pinged, rightDocuments } from './l2vpn.ts';
import { resource } from './resources.ts';

const count = 1_000;
const withinMs = 240_000;

async function ready(daemon: Daemon): Promise<number> {
  return (await daemon.sessions()).filter((session) => isTrue(session, 'Ready')).length;
}

async function allReady(): Promise<void> {
  for (const daemon of [left, right]) {
    await until(
      `${count} pseudowires at ${daemon.namespace.name}`,
      async () => (await ready(daemon)) === count,
      withinMs,
    );
  }
}

async function devices(router: Namespace): Promise<string[]> {
  return (await links(router)).map(({ ifname }) => ifname).filter((name) => /^(pw|l2tp)/.test(name));
}

async function tell(what: string, sinceMs: number): Promise<void> {
  const megabytes = async (daemon: Daemon) => `${((await daemon.residentOctets()) / 1e6).toFixed(0)} MB`;
  const seconds = ((Date.now() - sinceMs) / 1000).toFixed(1);
  console.log(`${what}: ${seconds} s; resident ${await megabytes(left)} and ${await megabytes(right)}`);
}

test(
  'all come up, and all come back after either daemon was killed',
  async () => {
    const names = Array.from({ length: count }, (_, i) => `pw${i}`);
    const sessions = names.map((name, i) =>
      resource('Session', name, {
        tunnel: 'to-right',
        pseudowire: 'ethernet',
        interfaceName: name,
        ...(i === 0 ? { ethernetProfile: 'first' } : {}),
      }),
    );
    const quick = { helloInterval: '2s', maxRetries: 4 };
    const inside = (host: number) => ({ addresses: [`10.31.0.${host}/24`] });
    // The peers' devices are named by the kernel, so that the first is found by its address only.
    await right.declare(
      'all.yaml',
      ...rightDocuments({ tunnel: quick, ethernet: { bridge: undefined, interfaceName: undefined } }),
    );
    const [gateway, tunnel, , , secrets] = leftDocuments({ tunnel: quick });
    await left.declare('all.yaml', gateway, tunnel, secrets);
    await left.declare('sessions.yaml', ...sessions, resource('EthernetProfile', 'first', inside(1)));

    let began = Date.now();
    await right.start();
    await left.start();
    await allReady();
    await tell(`${count} pseudowires set up`, began);
    const works = async () => {
      // The far device of the first pseudowire, whichever it is, gets the other address.
      const first = (await left.sessionReady('pw0')).status;
      const far = (await right.sessions()).find(({ status }) => status.localId === first.remoteId)?.status.interface;
      await rightRouter.ip('address', 'replace', '10.31.0.2/24', 'dev', far ?? '');
      await pinged(leftRouter, '10.31.0.2', '-I', 'pw0');
    };
    await works();

    for (const [killed, router] of [
      [left, leftRouter],
      [right, rightRouter],
    ] as const) {
      began = Date.now();
      const { localId } = (await left.tunnelReady('to-right')).status;
      await killed.stop('SIGKILL');
      await killed.start();
      const isOther = async () => {
        const status = (await left.tunnel('to-right'))?.status;
        return status?.state === 'established' && status.localId !== localId;
      };
      await until('another control connection', isOther, withinMs);
      await allReady();
      await tell(`${router === leftRouter ? 'the one that dials' : 'the one that is dialled'} killed, all back`, began);
      for (const each of [leftRouter, rightRouter]) expect(await devices(each)).toHaveLength(count);
      await works();
    }
  },
  3 * withinMs,
);
