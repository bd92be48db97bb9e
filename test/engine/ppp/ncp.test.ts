import { describe, expect, it } from 'vitest';
import { State } from '../../../src/engine/ppp/automaton.ts';
import type { ControlProtocol } from '../../../src/engine/ppp/control-protocol.ts';
import type { PppEffect } from '../../../src/engine/ppp/events.ts';
import { Ipcp } from '../../../src/engine/ppp/ipcp.ts';
import { Ipv6cp } from '../../../src/engine/ppp/ipv6cp.ts';
import type { PppIpv4Spec, PppSpec } from '../../../src/engine/ppp/spec.ts';
import { packet, seededRandom } from './pair.ts';
import { ADDRESSES, clientSpec, serverSpec } from './specs.ts';

type Said = [code: number, identifier: number, data: number[]];

function take(act: (out: PppEffect[]) => number): Said[] {
  const out: PppEffect[] = [];
  act(out);
  return out.flatMap((effect): Said[] =>
    effect.effect === 'frame' ? [[effect.frame[4], effect.frame[5], [...effect.frame.slice(8)]]] : [],
  );
}

function start(ncp: ControlProtocol): Said {
  return take((out) => ncp.start(0, out))[0];
}

function hear(ncp: ControlProtocol, code: number, identifier: number, data: readonly number[] = []): Said[] {
  const frame = packet(ncp.protocol, code, identifier, data);
  return take((out) => ncp.receive(frame, 4, frame.length, 1, out));
}

function address(option: number, value: number): number[] {
  return [option, 6, value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

const NONE: PppIpv4Spec = { dns: [], wins: [], defaultRoute: false, proxyArp: false };

function server(ipv4 = NONE): Ipcp {
  const ipcp = new Ipcp(serverSpec({ ipv4 }), seededRandom(1), ADDRESSES.server, ADDRESSES.client);
  start(ipcp);
  return ipcp;
}

describe('IPCP as server', () => {
  it('says its own address, and keeps it against a Nak', () => {
    const ipcp = new Ipcp(serverSpec(), seededRandom(1), ADDRESSES.server, ADDRESSES.client);
    const [code, identifier, data] = start(ipcp);
    expect([code, data]).toEqual([1, address(3, ADDRESSES.server)]);
    expect(hear(ipcp, 3, identifier, address(3, 0x01010101))[0][2]).toEqual(data);
  });

  it('gives address and name servers for zeros, and takes them when asked for', () => {
    const ipv4 = { ...NONE, dns: [ADDRESSES.dns1, ADDRESSES.dns2], wins: [0x0a000005] };
    const ipcp = server(ipv4);
    const zeros = [3, 129, 130, 131].flatMap((option) => address(option, 0));
    const given = [
      ...address(3, ADDRESSES.client),
      ...address(129, ADDRESSES.dns1),
      ...address(130, 0x0a000005),
      ...address(131, ADDRESSES.dns2),
    ];
    expect(hear(ipcp, 1, 5, zeros)).toEqual([[3, 5, given]]);
    expect(hear(ipcp, 1, 6, given)).toEqual([[2, 6, given]]);
  });

  it('rejects what it does not have: IP-Addresses, compression, absent name servers', () => {
    const odd = [1, 10, 0, 0, 0, 0, 0, 0, 0, 0, 2, 6, 0, 0x2d, 15, 1, ...address(131, 0), ...address(132, 0)];
    expect(hear(server(), 1, 5, [...address(3, 0), ...odd])).toEqual([[4, 5, odd]]);
  });

  it('lets the client have no other address', () => {
    expect(hear(server(), 1, 5, address(3, 0x0a0a0a0a))).toEqual([[3, 5, address(3, ADDRESSES.client)]]);
    expect(hear(server(), 1, 5, [3, 4, 1, 2])).toEqual([[3, 5, address(3, ADDRESSES.client)]]);
  });

  it('tells a client that asks for nothing to ask', () => {
    const ipcp = server();
    expect(hear(ipcp, 1, 5)).toEqual([[3, 5, address(3, ADDRESSES.client)]]);
    expect(hear(ipcp, 1, 6, address(3, ADDRESSES.client))[0][0]).toBe(2);
    expect(ipcp.flaw).toBeUndefined();
  });

  it('is of no use when the client never takes its address', () => {
    const ipcp = server();
    let answer: Said[] = [];
    for (let i = 0; i < 11; i++) answer = hear(ipcp, 1, i);
    expect(answer[0][0]).toBe(2);
    expect(ipcp.flaw?.reason).toBe('the peer does not take the IPv4 address');
  });

  it('knows no code above 7', () => {
    expect(hear(server(), 9, 5, [0, 0, 0, 0])[0].slice(0, 1)).toEqual([7]);
  });
});

describe('IPCP as client', () => {
  const client = (ipv4: Partial<PppIpv4Spec> = {}): Ipcp => {
    const spec = clientSpec({ ipv4: { ...NONE, ...ipv4 } });
    return new Ipcp(spec, seededRandom(1), spec.ipv4.local ?? 0, 0);
  };

  it('asks for everything, takes what it gets and drops what is rejected', () => {
    const ipcp = client();
    const [, first, data] = start(ipcp);
    expect(data).toEqual([3, 129, 131].flatMap((option) => address(option, 0)));
    const [[, second]] = hear(ipcp, 4, first, address(131, 0));
    const given = [...address(3, ADDRESSES.client), ...address(129, ADDRESSES.dns1)];
    const [[, third, asked]] = hear(ipcp, 3, second, given);
    expect(asked).toEqual(given);
    hear(ipcp, 2, third, asked);
    expect(hear(ipcp, 1, 1, address(3, ADDRESSES.server))[0][0]).toBe(2);
    expect(ipcp.state).toBe(State.opened);
    expect([ipcp.local, ipcp.remote, ipcp.dns(), ipcp.flaw]).toEqual([
      ADDRESSES.client,
      ADDRESSES.server,
      [ADDRESSES.dns1],
      undefined,
    ]);
  });

  it('asks for no name server any more when there is none to tell', () => {
    const ipcp = client();
    const [, first] = start(ipcp);
    const given = [...address(3, ADDRESSES.client), ...address(129, 0), ...address(131, 0)];
    expect(hear(ipcp, 3, first, given)[0][2]).toEqual(address(3, ADDRESSES.client));
    expect(ipcp.dns()).toEqual([]);
  });

  it('begins anew when the server does', () => {
    const ipcp = client();
    const [, first, asked] = start(ipcp);
    const given = [3, 129, 131].flatMap((option) => address(option, 0x0a0b0c0d));
    const [[, second]] = hear(ipcp, 3, first, given);
    hear(ipcp, 2, second, given);
    hear(ipcp, 1, 1, address(3, ADDRESSES.server));
    expect(ipcp.state).toBe(State.opened);
    const [request, ack] = hear(ipcp, 1, 2, address(3, ADDRESSES.server));
    expect([request[0], request[2], ack[0]]).toEqual([1, asked, 2]);
  });

  it('wishes for the address that it was told to have', () => {
    expect(start(client({ local: 0x01020304 }))[2].slice(0, 6)).toEqual(address(3, 0x01020304));
  });

  it('gives a server without an address what the profile says, or nothing', () => {
    const ipcp = client({ remote: 0x05060708 });
    start(ipcp);
    expect(hear(ipcp, 1, 1, address(3, 0))).toEqual([[3, 1, address(3, 0x05060708)]]);
    const other = client();
    start(other);
    expect(hear(other, 1, 1, address(3, 0))).toEqual([[4, 1, address(3, 0)]]);
  });

  it('is of no use without an address', () => {
    const ipcp = client();
    const [, identifier, data] = start(ipcp);
    hear(ipcp, 2, identifier, data);
    hear(ipcp, 1, 1);
    expect(ipcp.state).toBe(State.opened);
    expect(ipcp.flaw?.reason).toBe('the peer gave us no IPv4 address');
    expect(ipcp.remote).toBe(0x0a404040);
  });
});

describe('IPV6CP', () => {
  const id = (value: bigint): number[] => [
    1,
    10,
    ...Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(56 - 8 * i)) & 255n)),
  ];
  const fresh = (interfaceId?: bigint, wantedRemote?: bigint, changes: Partial<PppSpec> = {}): Ipv6cp => {
    const spec = serverSpec({ ...changes, ipv6: { enabled: true, interfaceId, dns: [] } });
    return new Ipv6cp(spec, seededRandom(4), wantedRemote);
  };

  it('asks for its identifier, which is a local one when it is random', () => {
    expect(start(fresh(0x0102030405060708n))[2]).toEqual(id(0x0102030405060708n));
    for (let seed = 0; seed < 50; seed++) {
      const ipv6cp = new Ipv6cp(serverSpec({ ipv6: { enabled: true, dns: [] } }), seededRandom(seed));
      expect(ipv6cp.local & (1n << 57n)).toBe(0n);
      expect(ipv6cp.local).not.toBe(0n);
    }
  });

  it('gives another one to a peer that has none, or ours, or asks for none', () => {
    for (const asked of [id(0n), id(5n), [1, 4, 0, 0], []]) {
      const ipv6cp = fresh(5n);
      start(ipv6cp);
      expect(hear(ipv6cp, 1, 1, asked)).toEqual([[3, 1, id(4n)]]);
    }
  });

  it('tells a peer twice to ask, also one that asks for what there is not', () => {
    for (const first of [[], [2, 4, 0, 79]]) {
      const ipv6cp = fresh(5n);
      start(ipv6cp);
      hear(ipv6cp, 1, 1, first);
      expect(hear(ipv6cp, 1, 2)).toEqual([[3, 2, id(4n)]]);
      expect(hear(ipv6cp, 1, 3)).toEqual([[2, 3, []]]);
      expect(ipv6cp.flaw?.reason).toBe('the peer told no IPv6 interface identifier');
    }
  });

  it('gives the peer the identifier that it is to have', () => {
    for (const asked of [id(0n), id(5n), id(77n), [1, 4, 0, 0], []]) {
      const ipv6cp = fresh(5n, 0xabcdn);
      start(ipv6cp);
      expect(hear(ipv6cp, 1, 1, asked)).toEqual([[3, 1, id(0xabcdn)]]);
      expect(hear(ipv6cp, 1, 2, id(0xabcdn))).toEqual([[2, 2, id(0xabcdn)]]);
      expect(ipv6cp.remote).toBe(0xabcdn);
    }
  });

  it('lets a peer keep another identifier that it insists on, but not ours', () => {
    const ipv6cp = fresh(5n, 0xabcdn);
    start(ipv6cp);
    expect([1, 2, 3].map((identifier) => hear(ipv6cp, 1, identifier, id(77n))[0][0])).toEqual([3, 3, 2]);
    expect([ipv6cp.remote, ipv6cp.flaw]).toEqual([77n, undefined]);
    const clash = fresh(5n, 0xabcdn);
    start(clash);
    expect([1, 2, 3, 4].map((identifier) => hear(clash, 1, identifier, id(5n))[0][0])).toEqual([3, 3, 3, 3]);
  });

  it.each([
    { maxConfigNaks: 0, codes: [2, 2] },
    { maxConfigNaks: 1, codes: [3, 2] },
  ])('rejects no identifier for being another, even after $maxConfigNaks Naks', ({ maxConfigNaks, codes }) => {
    const ipv6cp = fresh(5n, 0xabcdn, { ipcp: { ...serverSpec().ipcp, maxConfigNaks } });
    start(ipv6cp);
    expect([1, 2].map((identifier) => hear(ipv6cp, 1, identifier, id(77n))[0][0])).toEqual(codes);
  });

  it('has another identifier itself than the peer is to have', () => {
    const ipv6cp = fresh(0xabcdn, 0xabcdn);
    const [, first] = start(ipv6cp);
    expect(ipv6cp.local).not.toBe(0xabcdn);
    expect(hear(ipv6cp, 3, first, id(0xabcdn))[0][2]).not.toEqual(id(0xabcdn));
  });

  it('finds an identifier that is not the peer’s, whatever chance says', () => {
    const stuck = { below: () => 0, bytes: (octets: number) => new Uint8Array(octets) };
    const ipv6cp = new Ipv6cp(serverSpec({ ipv6: { enabled: true, dns: [] } }), stuck, 1n);
    const [, first] = start(ipv6cp);
    hear(ipv6cp, 1, 1, id(3n));
    hear(ipv6cp, 3, first, id(0n));
    expect([0n, 1n, 3n]).not.toContain(ipv6cp.local);
  });

  it('takes the identifier that a peer suggests, unless it has just suggested the same', () => {
    for (const suggested of [77n, 4n]) {
      const taken = fresh(5n);
      const [, first] = start(taken);
      expect(hear(taken, 3, first, id(suggested))[0][2]).toEqual(id(suggested));
    }
    const crossed = fresh(5n);
    const [, second] = start(crossed);
    expect(hear(crossed, 1, 1, id(5n))).toEqual([[3, 1, id(4n)]]);
    expect(hear(crossed, 3, second, id(4n))[0][2]).not.toEqual(id(4n));
  });

  it('rejects compression', () => {
    const ipv6cp = fresh(5n);
    start(ipv6cp);
    expect(hear(ipv6cp, 1, 1, [...id(9n), 2, 4, 0, 79])).toEqual([[4, 1, [2, 4, 0, 79]]]);
  });

  it('asks for nothing after a Reject', () => {
    const ipv6cp = fresh(5n);
    const [, first, data] = start(ipv6cp);
    expect(hear(ipv6cp, 4, first, data)[0][2]).toEqual([]);
  });
});
