import { describe, expect, it } from 'vitest';
import { formatIpv6Prefix, type Ipv6Prefix, parseIpv4 } from '../../src/engine/spec.ts';
import { differences, tell } from '../../src/reconciler/compare.ts';
import { desired } from '../../src/reconciler/desired.ts';
import { doc, resolved, secretDoc, secretText, snapshot, told } from './declare.ts';

const secrets = secretDoc('s', { radius: 'geheim', alice: 'a', bob: 'b' });
const secretRef = { name: 's', key: 'radius' };
const pool = (name: string, ipv6: object, more: object = {}) => doc('AddressPool', name, { ipv6, ...more });
const subscriber = (name: string, spec: object = {}) =>
  doc('Subscriber', name, { userName: name, passwordRef: { name: 's', key: 'alice' }, ...spec });
const radius = (...servers: object[]) => doc('Gateway', 'g', { radius: { servers } });
const texts = (prefixes: readonly Ipv6Prefix[]) => prefixes.map(formatIpv6Prefix);

describe('AddressPools of IPv6', () => {
  it('are prefixes without what is excluded, and without what Subscribers have', () => {
    const { state, errors } = resolved(
      pool('p', {
        prefixes: ['2001:db8::/40', '2001:db8:8000::/48'],
        delegationLength: 56,
        exclude: ['2001:db8::/48', '2001:db8:8000::/44'],
      }),
      subscriber('a', { ipv6Prefix: '2001:db8:1::/64', delegatedPrefix: '2001:db8:2::/48' }),
      subscriber('b', { ipv6Prefix: '2001:db9::/64' }),
      secrets,
    );
    expect(errors).toEqual([]);
    const [{ prefixes, delegationLength, excludePrefixes, ranges }] = state.aaa.pools;
    expect(texts(prefixes)).toEqual(['2001:db8::/40', '2001:db8:8000::/48']);
    expect(texts(excludePrefixes)).toEqual([
      '2001:db8::/48',
      '2001:db8:1::/64',
      '2001:db8:2::/48',
      '2001:db8:8000::/48',
    ]);
    expect({ delegationLength, ranges }).toEqual({ delegationLength: 56, ranges: [] });
  });

  it('give /64 where nothing is said', () => {
    expect(resolved(pool('p', { prefixes: ['2001:db8::/40'] })).state.aaa.pools[0].delegationLength).toBe(64);
  });

  it.each([
    ['nothing', [doc('AddressPool', 'p')], 'AddressPool/p: spec: give ranges or ipv6, or both'],
    [
      'bits behind the prefix',
      [pool('p', { prefixes: ['2001:db8::1/64'] })],
      'AddressPool/p: spec.ipv6.prefixes[0]: "2001:db8::1/64" is not an IPv6 prefix of at most 64 bits, with nothing behind them; write for example 2001:db8::/40',
    ],
    [
      'a prefix that is too small',
      [pool('p', { prefixes: ['2001:db8::/60'], delegationLength: 56 })],
      'AddressPool/p: spec.ipv6.prefixes[0]: 2001:db8::/60 is less than one piece of delegationLength 56',
    ],
    [
      'an overlap within',
      [pool('p', { prefixes: ['2001:db8::/40', '2001:db8:1::/48'] })],
      'AddressPool/p: spec.ipv6.prefixes[1]: 2001:db8:1::/48 overlaps 2001:db8::/40 in the same pool',
    ],
    [
      'an overlap with another',
      [pool('o', { prefixes: ['2001:db8:1::/48'] }), pool('p', { prefixes: ['2001:db8::/40'] })],
      'AddressPool/p: spec.ipv6.prefixes: 2001:db8::/40 overlaps 2001:db8:1::/48 of AddressPool/o',
    ],
    [
      'an exclusion of nothing',
      [pool('p', { prefixes: ['2001:db8::/40'], exclude: ['2001:db9::/40'] })],
      "AddressPool/p: spec.ipv6.exclude[0]: 2001:db9::/40 lies in none of the pool's prefixes",
    ],
  ])('are not %s', (_, documents, expected) => {
    expect(told(resolved(...documents))).toEqual([expected]);
  });
});

describe('Subscribers', () => {
  it('have prefixes, routes and limits of their own', () => {
    const { state, errors } = resolved(
      doc('Gateway', 'g', { filters: [{ name: 'f', rules: [] }] }),
      subscriber('a', {
        ipv4: '10.0.0.2',
        ipv6Prefix: '2001:db8:1::/64',
        delegatedPrefix: '2001:db8:100::/56',
        routes: ['192.0.2.9/24', '2001:db8:ffff::1'],
        rateLimit: { tx: '100M' },
        filter: 'f',
      }),
      subscriber('b', { rateLimit: { tx: 0, rx: '0' } }),
      secrets,
    );
    expect(errors).toEqual([]);
    const [a, b] = state.aaa.subscribers;
    expect(a).toMatchObject({
      ipv4: parseIpv4('10.0.0.2'),
      prefix: { high: 0x2001_0db8_0001_0000n, length: 64 },
      delegated: { high: 0x2001_0db8_0100_0000n, length: 56 },
      routes: ['192.0.2.0/24', '2001:db8:ffff::1/128'],
      rate: { txBps: 100_000_000, rxBps: 0 },
      filter: 'f',
    });
    expect(b).toMatchObject({ routes: [], rate: { txBps: 0, rxBps: 0 } });
  });

  it.each([
    [
      [subscriber('a', { ipv6Prefix: '2001:db8::/56' })],
      'Subscriber/a: spec.ipv6Prefix: "2001:db8::/56" is not an IPv6 prefix of 64 bits; write for example 2001:db8:0:1::/64',
    ],
    [
      [subscriber('a', { ipv6Prefix: '2001:db8::/64', delegatedPrefix: '2001:db8::/56' })],
      'Subscriber/a: spec.ipv6Prefix: 2001:db8::/64 is part of the delegatedPrefix 2001:db8::/56: the link needs a prefix of its own',
    ],
    [
      [subscriber('a', { ipv6Prefix: '2001:db8::/64' }), subscriber('b', { delegatedPrefix: '2001:db8::/56' })],
      'Subscriber/b: spec.delegatedPrefix: 2001:db8::/56 overlaps 2001:db8::/64 of Subscriber/a',
    ],
    [
      [subscriber('a', { rateLimit: { tx: '10 Mbit' } })],
      'Subscriber/a: spec.rateLimit.tx: "10 Mbit" is not a rate in bits per second, with k, M or G for thousands, millions or billions; write for example 100M or 64000',
    ],
  ])('say what is wrong', (documents, expected) => {
    expect(told(resolved(...documents, secrets))).toEqual([expected]);
  });
});

describe('RADIUS', () => {
  it('has what the servers, the Gateway and nobody say', () => {
    const { state, errors, explain } = resolved(
      doc('Gateway', 'g', {
        hostName: 'lns.example',
        radius: {
          servers: [
            { address: '192.0.2.50', secretRef },
            {
              address: '2001:db8::50',
              authPort: 1645,
              acctPort: 0,
              coaPort: 0,
              secretRef,
              timeout: '500ms',
              retries: 0,
            },
          ],
          nasAddress: '192.0.2.1',
          interimInterval: '5m',
        },
      }),
      secrets,
    );
    expect(errors).toEqual([]);
    const { servers, ...rest } = state.aaa.radius ?? { servers: [] };
    expect(rest).toEqual({
      nasIdentifier: 'lns.example',
      nasAddress: '192.0.2.1',
      interimIntervalMs: 300_000,
      deadTimeMs: 60_000,
    });
    expect(servers.map(({ secret, ...server }) => ({ ...server, secret: secretText(secret) }))).toEqual([
      {
        address: '192.0.2.50',
        authPort: 1812,
        acctPort: 1813,
        coaPort: 3799,
        secret: 'geheim',
        timeoutMs: 3000,
        retries: 3,
      },
      {
        address: '2001:db8::50',
        authPort: 1645,
        acctPort: 0,
        coaPort: 0,
        secret: 'geheim',
        timeoutMs: 500,
        retries: 0,
      },
    ]);
    expect(explain('Gateway/g')?.['radius.deadTime']).toEqual({ value: '60s', from: 'built-in' });
  });

  it('is called as the Gateway is, and is not there without servers', () => {
    const { state, explain } = resolved(radius({ address: '192.0.2.50', secretRef }), secrets);
    expect(state.aaa.radius?.nasIdentifier).toBe('g');
    const without = resolved(doc('Gateway', 'g'));
    expect(without.state.aaa.radius).toBeUndefined();
    expect(Object.keys(without.explain('Gateway/g') ?? {}).filter((path) => path.startsWith('radius'))).toEqual([]);
    expect(Object.keys(explain('Gateway/g') ?? {})).toContain('radius.deadTime');
  });

  const place = 'Gateway/g: spec.radius.servers';
  it.each([
    [radius({ address: '192.0.2.50' }), `${place}[0]: give exactly one of secretRef and secretFile`],
    [
      radius({ address: '192.0.2.50', secretRef: { name: 's', key: 'x' } }),
      `${place}[0].secretRef: Secret/s has no key x; it has alice, bob, radius`,
    ],
    [
      radius({ address: 'radius.example', secretRef }),
      `${place}[0].address: "radius.example" is not an IP address; write for example 192.0.2.1 or 2001:db8::1`,
    ],
    [
      radius({ address: '192.0.2.50', secretRef }, { address: '192.0.2.50', acctPort: 0, secretRef }),
      `${place}[1].address: an earlier server has 192.0.2.50 with authPort 1812 too`,
    ],
    [
      radius({ address: '192.0.2.50', authPort: 0, acctPort: 0, secretRef }),
      `${place}[0]: authPort and acctPort are 0, so 192.0.2.50 would never be asked: leave one of them out`,
    ],
  ])('says what is wrong', (document, expected) => {
    expect(told(resolved(document, secrets))).toEqual([expected]);
  });

  it('is told by what differs, and no secret is told', () => {
    const change = (before: object[], after: object[]) => {
      const [old, now] = [before, after].map((servers) => resolved(radius(...servers), secrets).state.aaa);
      return tell(differences(old, now));
    };
    const [one, two] = ['192.0.2.50', '192.0.2.51'].map((address) => ({ address, secretRef }));
    expect(change([one], [{ ...one, secretRef: { name: 's', key: 'bob' } }])).toBe('radius.servers changed');
    expect(change([one, two], [two, one])).toBe(
      'radius.servers [192.0.2.50-1812-1813-3799-secret-3s-3, 192.0.2.51-1812-1813-3799-secret-3s-3] -> ' +
        '[192.0.2.51-1812-1813-3799-secret-3s-3, 192.0.2.50-1812-1813-3799-secret-3s-3]',
    );
  });

  it('stays as it was while it has a mistake', () => {
    const before = resolved(radius({ address: '192.0.2.50', secretRef }), secrets);
    const server = { address: '192.0.2.51', secretRef: { name: 's', key: 'x' } };
    const after = desired(snapshot(radius(server), secrets), before);
    expect(after.state.aaa.radius).toBe(before.state.aaa.radius);
  });
});
