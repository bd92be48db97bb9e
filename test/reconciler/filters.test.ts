import { describe, expect, it } from 'vitest';
import { desired } from '../../src/reconciler/desired.ts';
import { parsePorts } from '../../src/reconciler/filters.ts';
import { doc, resolved, snapshot, told } from './declare.ts';

const gateway = (...filters: object[]) => doc('Gateway', 'g', { filters });
const rule = (more: object) => gateway({ name: 'f', rules: [{ action: 'deny', ...more }] });

describe('filters', () => {
  it('become rules of numbers and whole prefixes', () => {
    const { state, errors } = resolved(
      gateway({
        name: 'web',
        rules: [
          { action: 'allow', direction: 'in', protocol: 'tcp', destinationPorts: 443 },
          { action: 'allow', protocol: 'udp', source: '192.0.2.53', sourcePorts: '53-54' },
          { action: 'deny', protocol: 47, source: '198.51.100.7/24', destination: '10.0.0.0/8' },
          { action: 'deny', direction: 'out', protocol: 'icmpv6', destination: '2001:DB8::1/32' },
          { action: 'deny' },
        ],
      }),
    );
    expect(errors).toEqual([]);
    expect(state.gateway.filters).toEqual([
      {
        name: 'web',
        rules: [
          { action: 'allow', direction: 'in', protocol: 6, destinationPorts: { first: 443, last: 443 } },
          {
            action: 'allow',
            direction: 'both',
            protocol: 17,
            source: '192.0.2.53/32',
            sourcePorts: { first: 53, last: 54 },
          },
          { action: 'deny', direction: 'both', protocol: 47, source: '198.51.100.0/24', destination: '10.0.0.0/8' },
          { action: 'deny', direction: 'out', protocol: 58, destination: '2001:db8::/32' },
          { action: 'deny', direction: 'both' },
        ],
      },
    ]);
  });

  const path = 'Gateway/g: spec.filters[0].rules[0]';
  it.each([
    [
      rule({ source: '10.0.0.0/8', destination: '2001:db8::/32' }),
      `${path}.destination: no packet goes from 10.0.0.0/8 to 2001:db8::/32: give addresses of one family`,
    ],
    [
      rule({ protocol: 'icmp', source: '2001:db8::/32' }),
      `${path}.protocol: icmp is of IPv4, the addresses are of IPv6`,
    ],
    [
      rule({ protocol: 'icmpv6', destination: '10.0.0.1' }),
      `${path}.protocol: icmpv6 is of IPv6, the addresses are of IPv4`,
    ],
    [
      rule({ protocol: 'icmp', destinationPorts: 80 }),
      `${path}.destinationPorts: only tcp and udp have ports, and protocol is icmp`,
    ],
    [
      rule({ protocol: 'tpc' }),
      `${path}.protocol: "tpc" is not tcp, udp, icmp, icmpv6 or the number of an IP protocol; write for example tcp or 47`,
    ],
    [
      rule({ protocol: 'tcp', sourcePorts: '90-80' }),
      `${path}.sourcePorts: "90-80" is not a port or a range of ports; write for example 80 or 1024-65535`,
    ],
    [
      gateway({ name: 'f', rules: [] }, { name: 'f', rules: [] }),
      'Gateway/g: spec.filters[1].name: an earlier filter is called f too',
    ],
  ])('say what is wrong', (document, expected) => {
    expect(told(resolved(document))).toEqual([expected]);
  });

  it('stay as they were where one has a mistake', () => {
    const before = resolved(gateway({ name: 'f', rules: [{ action: 'deny' }] }));
    const after = desired(snapshot(rule({ protocol: 'icmp', sourcePorts: 1 })), before);
    expect(after.state.gateway.filters).toEqual(before.state.gateway.filters);
    expect(after.state.gateway.filters).toHaveLength(1);
  });

  it('that did not change are the same objects, whatever else did', () => {
    const [kept, other] = ['kept', 'other'].map((name) => ({ name, rules: [{ action: 'deny', protocol: 6 }] }));
    const drained = doc('Gateway', 'g', { drain: true, filters: [kept, other] });
    const first = resolved(gateway(kept, other));
    expect(desired(snapshot(drained), first).state.gateway.filters).toBe(first.state.gateway.filters);
    const changed = desired(snapshot(gateway(kept, { name: 'other', rules: [] })), first).state.gateway.filters;
    expect(changed[0]).toBe(first.state.gateway.filters[0]);
    expect(changed[1].rules).toEqual([]);
  });

  it('are known to profiles and Subscribers by name', () => {
    const found = resolved(
      gateway({ name: 'web', rules: [] }),
      doc('PppProfile', 'default', { filter: 'wbe' }),
      doc('PeerProfile', 'p', { match: { hostName: 'x' } }),
      doc('Subscriber', 's', { userName: 's', passwordFile: 'x', filter: 'mail' }),
    );
    expect(told(found)).toEqual([
      'Subscriber/s: spec.passwordFile: x cannot be read',
      'Subscriber/s: spec.filter: the Gateway has no filter mail; it has web',
      'PeerProfile/p: spec.filter: the Gateway has no filter wbe; did you mean web?',
    ]);
  });
});

it.each([
  [80, { first: 80, last: 80 }],
  ['1024-65535', { first: 1024, last: 65535 }],
  ['65536', undefined],
  ['2-1', undefined],
  ['-1', undefined],
  [undefined, undefined],
])('ports %s', (text, expected) => {
  expect(parsePorts(text)).toEqual(expected);
});
