import { describe, expect, it } from 'vitest';
import { Pair } from './pair.ts';
import { ADDRESSES, clientSpec, serverSpec } from './specs.ts';

describe('two links', () => {
  it.each(['pap', 'chap', 'mschapv2'] as const)('open IPv4 with %s', (method) => {
    const dns = [ADDRESSES.dns1, ADDRESSES.dns2];
    const server = serverSpec({ authMethods: [method], ipv4: { dns, wins: [], defaultRoute: false } });
    const pair = new Pair(clientSpec(), server).open().run();
    expect(pair.client.link.view()).toMatchObject({ phase: 'network', user: 'bob', auth: method });
    expect(pair.server.link.view()).toMatchObject({ phase: 'network', user: 'bob', auth: method });
    expect(pair.client.network?.ipv4).toEqual({ local: ADDRESSES.client, remote: ADDRESSES.server, dns });
    expect(pair.server.network?.ipv4).toEqual({ local: ADDRESSES.server, remote: ADDRESSES.client, dns });
    expect(pair.now).toBeLessThan(20);
  });
});
