/** The router before hosts that we did not write: Linux's own autoconfiguration, and two DHCPv6 clients, behind a TUN device. */
import '../../../netns/patience.ts';
import { readSync, writeSync } from 'node:fs';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ipv6Router } from '../../../../src/engine/ppp/ipv6/router.ts';
import type { RouterSpec } from '../../../../src/engine/ppp/ipv6/spec.ts';
import { closeTun, openTun, stopTun, type Tun } from '../../../../src/kernel/tun.ts';
import { startDhcp6c, startDhcpcd } from '../../../interop/dhcpv6.ts';
import { Lab, type Namespace } from '../../../netns/lab.ts';
import { until } from '../../../netns/until.ts';
import { seededRandom } from '../pair.ts';
import { prefixOf, routerSpec } from './packets.ts';

const uplink = 'wan';
const downlink = 'lan';

/** A router at the other end of a device of the namespace's, on the real clock. */
class LiveRouter {
  readonly #tun: Tun;
  #router: Ipv6Router;
  #timer: NodeJS.Timeout | undefined;
  /** DHCPv6 message types that were answered, and what they were answered by. */
  readonly answered: [number, number][] = [];

  private constructor(name: string, spec: RouterSpec) {
    const packet = new Uint8Array(2048);
    this.#tun = openTun(name, () => {
      for (let octets = this.read(packet); octets > 0; octets = this.read(packet)) this.receive(packet, octets);
    });
    this.#router = new Ipv6Router(spec, seededRandom(1));
  }

  static async open(host: Namespace, spec: RouterSpec): Promise<LiveRouter> {
    const name = `rt${process.pid}`;
    const router = new LiveRouter(name, spec);
    // The descriptor goes on whatever namespace the device is in.
    await execa('ip', ['link', 'set', name, 'netns', host.name], { stdin: 'ignore' });
    await host.ip('link', 'set', name, 'name', uplink);
    router.begin(spec);
    return router;
  }

  /** The link comes up, with these facts. */
  begin(spec: RouterSpec): void {
    this.#router = new Ipv6Router(spec, seededRandom(2));
    this.#router.start(performance.now());
    this.wait();
  }

  private read(packet: Uint8Array): number {
    try {
      return readSync(this.#tun.fd, packet);
    } catch {
      // EAGAIN: that was all.
      return 0;
    }
  }

  private receive(packet: Uint8Array, octets: number): void {
    this.#router.receive(packet, 0, octets, performance.now(), {
      push: ({ frame }) => {
        this.answered.push([packet[48], frame[4 + 48]]);
        this.write(frame);
      },
    });
    this.wait();
  }

  private write(frame: Uint8Array): void {
    writeSync(this.#tun.fd, frame, 4);
  }

  private wait(): void {
    clearTimeout(this.#timer);
    const forMs = Math.max(0, this.#router.timerAt - performance.now());
    this.#timer = setTimeout(() => {
      this.#router.tick(performance.now(), { push: ({ frame }) => this.write(frame) });
      this.wait();
    }, forMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    stopTun(this.#tun);
    closeTun(this.#tun);
  }
}

let lab: Lab;
let host: Namespace;
let router: LiveRouter;

beforeEach(async () => {
  lab = await Lab.open();
  host = await lab.namespace('host');
  const home = await lab.namespace('home');
  await lab.link(host, { device: downlink, addresses: [] }, home, { device: 'nic', addresses: [] });
  router = await LiveRouter.open(host, routerSpec());
});

afterEach(async () => {
  router.close();
  await lab.close();
});

interface Address {
  family: string;
  local: string;
  prefixlen: number;
  dynamic?: boolean;
  valid_life_time: number;
}

async function addresses(device: string): Promise<Address[]> {
  const [link]: { addr_info: Address[] }[] = JSON.parse(await host.ip('-j', '-6', 'address', 'show', 'dev', device));
  return link?.addr_info ?? [];
}

async function hasAddress(device: string, start: string): Promise<Address | undefined> {
  return (await addresses(device)).find(({ local }) => local.startsWith(start));
}

describe('Linux', () => {
  it('forms an address, takes the default route and the MTU', async () => {
    await host.ip('link', 'set', uplink, 'up');
    const address = await until('an address', () => hasAddress(uplink, '2001:db8:0:7:'));
    expect([address.prefixlen, address.dynamic]).toEqual([64, true]);
    expect(address.valid_life_time).toBeGreaterThan(10_000);
    const routes = await host.ip('-6', 'route', 'show', 'dev', uplink);
    expect(routes).toMatch(/^default via fe80::1:2 proto ra /m);
    // Not on-link: no route to the prefix itself.
    expect(routes).not.toMatch(/^2001:db8:0:7::\/64/m);
    expect((await host.run('cat', `/proc/sys/net/ipv6/conf/${uplink}/mtu`)).trim()).toBe('1492');
    expect(router.answered).toEqual([]);
  });
});

describe.each([
  { name: 'dhcp6c', start: startDhcp6c, says: /2001:db8::53/ },
  { name: 'dhcpcd', start: startDhcpcd, says: /renew in 2700, rebind in 4320, expire in 10800 seconds/ },
])('$name', ({ start, says }) => {
  it('is delegated the prefix, and gives it back', async () => {
    await host.ip('link', 'set', uplink, 'up');
    await until('a link-local address', () => hasAddress(uplink, 'fe80:'));
    const client = await start(host, { uplink, downlink, prefixLength: 56 });
    await until('an address of the delegated prefix', () => hasAddress(downlink, '2001:db8:100:'));
    await until('an address of the link', () => hasAddress(uplink, '2001:db8:0:7:'));
    expect(client.output).toMatch(says);
    // Solicit, Advertise; Request, Reply.
    expect(router.answered).toEqual(
      expect.arrayContaining([
        [1, 2],
        [3, 7],
      ]),
    );
    await client.stop();
    expect(router.answered).toContainEqual([8, 7]);
    expect(await hasAddress(downlink, '2001:db8:100:')).toBeUndefined();
  });
});

describe('a client that comes back without having said goodbye', () => {
  it('is told that its old prefix is gone, and has the new one', async () => {
    await host.ip('link', 'set', uplink, 'up');
    await until('a link-local address', () => hasAddress(uplink, 'fe80:'));
    const before = await startDhcpcd(host, { uplink, downlink, prefixLength: 56 });
    await until('an address of the delegated prefix', () => hasAddress(downlink, '2001:db8:100:'));
    await before.stop('SIGKILL');
    await host.attempt('kill', '-9', ...(await host.programs()).map(({ pid }) => String(pid)));
    router.begin(routerSpec({ delegated: prefixOf('2001:db8:200::/56') }));
    const after = await startDhcpcd(host, { uplink, downlink, prefixLength: 56 });
    await until('an address of the new prefix', () => hasAddress(downlink, '2001:db8:200:')).catch((error: Error) => {
      throw new Error(`${error.message}\n${after.output}`);
    });
    // It rebinds what it remembers.
    expect(router.answered).toContainEqual([6, 7]);
    expect(after.output).toMatch(/2001:db8:100::\/56/);
    await after.stop();
  });
});
