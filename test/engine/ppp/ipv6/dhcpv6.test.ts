import { describe, expect, it } from 'vitest';
import {
  address,
  CLIENT_DUID,
  clientId,
  dhcp,
  iaAddress,
  iaNa,
  iaPd,
  iaPrefix,
  iaTa,
  OURS,
  option,
  PEER,
  RouterBench,
  SERVER_DUID,
  serverId,
} from './packets.ts';

/** RFC 8415 7.3. */
const SOLICIT = 1;
const REQUEST = 3;
const CONFIRM = 4;
const RENEW = 5;
const REBIND = 6;
const RELEASE = 8;
const DECLINE = 9;
const RECONFIGURE = 10;
const INFORMATION_REQUEST = 11;
const RELAY_FORWARD = 12;

const ADVERTISE = 2;
const REPLY = 7;

const rapidCommit = option(14);
const MINE = '2001:db8:100::/56';
const STALE = '2001:db8:200::/56';

interface Answer {
  type: number;
  options: [type: number, data: number[]][];
}

function optionsOf(octets: Uint8Array): [type: number, data: number[]][] {
  const options: [number, number[]][] = [];
  for (let at = 0; at < octets.length; ) {
    const length = octets[at + 2] * 256 + octets[at + 3];
    options.push([octets[at] * 256 + octets[at + 1], [...octets.subarray(at + 4, at + 4 + length)]]);
    at += 4 + length;
  }
  return options;
}

function ask(octets: Uint8Array, bench = new RouterBench()): Answer | undefined {
  const answers = bench.hear(octets);
  if (answers.length === 0) return undefined;
  expect(answers.length).toBe(1);
  const [packet] = answers;
  expect([packet[6], ...packet.subarray(8, 40)]).toEqual([17, ...address(OURS), ...address(PEER)]);
  expect([...packet.subarray(40, 44)]).toEqual([547 >> 8, 547 & 255, 546 >> 8, 546 & 255]);
  expect([...packet.subarray(49, 52)]).toEqual([0x11, 0x22, 0x33]);
  return { type: packet[48], options: optionsOf(packet.subarray(52)) };
}

function all(answer: Answer | undefined, type: number): number[][] {
  return answer?.options.filter(([each]) => each === type).map(([, data]) => data) ?? [];
}

function status(code: number): number[] {
  return option(13, 0, code);
}

/** RFC 8415 21.21, 21.22: T1 2700 s, T2 4320 s; preferred 5400 s, valid 10800 s. */
const GRANTED = [0, 0, 0x0a, 0x8c, 0, 0, 0x10, 0xe0];
const LIVE = [0, 0, 0x15, 0x18, 0, 0, 0x2a, 0x30];
const DEAD = [0, 0, 0, 0, 0, 0, 0, 0];
const UNTIMED = DEAD;

function prefix(lifetimes: number[], text: string): number[] {
  const [of, length] = text.split('/');
  return option(26, ...lifetimes, Number(length), ...address(of));
}

const delegated = (iaid: number) => [0, 0, 0, iaid, ...GRANTED, ...prefix(LIVE, MINE)];
const refused = (iaid: number) => [0, 0, 0, iaid, ...UNTIMED, ...status(6)];
const dns = [...address('2001:db8::53'), ...address('2001:db8::54')];

describe('a DHCPv6 client', () => {
  it('that solicits is advertised the prefix and the name servers', () => {
    const answer = ask(dhcp(SOLICIT, [clientId, option(6, 0, 23), option(8, 0, 0), iaPd(7)]));
    expect(answer).toEqual({
      type: ADVERTISE,
      options: [
        [2, SERVER_DUID],
        [1, CLIENT_DUID],
        [25, delegated(7)],
        [23, dns],
      ],
    });
  });

  it('that asks for a rapid commit has the prefix at once', () => {
    const answer = ask(dhcp(SOLICIT, [clientId, rapidCommit, iaPd(7)]));
    expect([answer?.type, all(answer, 14), all(answer, 25)]).toEqual([REPLY, [[]], [delegated(7)]]);
  });

  it.each([
    ['requests', REQUEST, [clientId, serverId, iaPd(7)]],
    ['renews', RENEW, [clientId, serverId, iaPd(7, iaPrefix(MINE))]],
    ['renews what it never had', RENEW, [clientId, serverId, iaPd(7)]],
    ['rebinds', REBIND, [clientId, iaPd(7, iaPrefix(MINE))]],
  ])('that %s has the prefix', (_name, type, options) => {
    const answer = ask(dhcp(type, options));
    expect([answer?.type, all(answer, 25), all(answer, 23)]).toEqual([REPLY, [delegated(7)], [dns]]);
  });

  it('meets the same server on every link', () => {
    for (const localInterfaceId of [1n, 0xffn]) {
      const [packet] = new RouterBench({ localInterfaceId }, 99).hear(dhcp(RENEW, [clientId, serverId, iaPd(1)]));
      expect(optionsOf(packet.subarray(52))[0]).toEqual([2, SERVER_DUID]);
    }
  });

  it.each([RENEW, REBIND])('that comes back with an old prefix learns that it is gone (message %i)', (type) => {
    const options = type === RENEW ? [clientId, serverId] : [clientId];
    const answer = ask(dhcp(type, [...options, iaPd(7, iaPrefix(STALE))]));
    expect(all(answer, 25)).toEqual([[0, 0, 0, 7, ...GRANTED, ...prefix(LIVE, MINE), ...prefix(DEAD, STALE)]]);
    const none = ask(dhcp(type, [...options, iaPd(7, iaPrefix(STALE))]), new RouterBench({ delegated: undefined }));
    expect(all(none, 25)).toEqual([[0, 0, 0, 7, ...UNTIMED, ...prefix(DEAD, STALE)]]);
  });

  it('that merely wishes for another prefix, or for a length, has ours', () => {
    for (const wish of ['2001:db8:ffff::/48', '::/60', '::/0', '2001:db8:100::/60']) {
      expect(all(ask(dhcp(SOLICIT, [clientId, iaPd(7, iaPrefix(wish))])), 25)).toEqual([delegated(7)]);
      expect(all(ask(dhcp(REQUEST, [clientId, serverId, iaPd(7, iaPrefix(wish))])), 25)).toEqual([delegated(7)]);
    }
  });

  it('with several identity associations has the prefix in the first, or where it is already', () => {
    const first = ask(dhcp(SOLICIT, [clientId, iaPd(1), iaPd(2), iaPd(3)]));
    expect(all(first, 25)).toEqual([delegated(1), refused(2), refused(3)]);
    const named = ask(dhcp(RENEW, [clientId, serverId, iaPd(1), iaPd(2, iaPrefix(MINE)), iaPd(3, iaPrefix(MINE))]));
    expect(all(named, 25)).toEqual([refused(1), delegated(2), refused(3)]);
  });

  it('is told when there is no prefix', () => {
    const bench = new RouterBench({ delegated: undefined, dns: [] });
    expect(ask(dhcp(SOLICIT, [clientId, iaPd(7)]), bench)).toEqual({
      type: ADVERTISE,
      options: [
        [2, SERVER_DUID],
        [1, CLIENT_DUID],
        [25, refused(7)],
      ],
    });
  });

  it('is told that we give no addresses', () => {
    for (const [type, ids] of [
      [SOLICIT, [clientId]],
      [REQUEST, [clientId, serverId]],
      [RENEW, [clientId, serverId]],
      [REBIND, [clientId]],
    ] as const) {
      const answer = ask(dhcp(type, [...ids, iaNa(5), iaTa(6), iaPd(7)]));
      expect(all(answer, 3)).toEqual([[0, 0, 0, 5, ...UNTIMED, ...status(2)]]);
      expect(all(answer, 4)).toEqual([[0, 0, 0, 6, ...status(2)]]);
      expect(all(answer, 25)).toEqual([delegated(7)]);
    }
  });

  it('that requests an address of another link is told so (RFC 8415 18.3.2)', () => {
    const answer = ask(dhcp(REQUEST, [clientId, serverId, iaNa(5, iaAddress('2001:db8:9::1'))]));
    expect(all(answer, 3)).toEqual([[0, 0, 0, 5, ...UNTIMED, ...status(4)]]);
    const here = ask(dhcp(REQUEST, [clientId, serverId, iaNa(5, iaAddress('2001:db8:0:7::1'))]));
    expect(all(here, 3)).toEqual([[0, 0, 0, 5, ...UNTIMED, ...status(2)]]);
  });

  it('that confirms addresses learns whether they are of this link', () => {
    const here = iaNa(5, iaAddress('2001:db8:0:7::1'));
    const elsewhere = iaNa(6, iaAddress('2001:db8:9::1'));
    expect(all(ask(dhcp(CONFIRM, [clientId, here])), 13)).toEqual([[0, 0]]);
    expect(all(ask(dhcp(CONFIRM, [clientId, here, elsewhere])), 13)).toEqual([[0, 4]]);
    expect(all(ask(dhcp(CONFIRM, [clientId, here]), new RouterBench({ prefix: undefined })), 13)).toEqual([[0, 4]]);
    expect(ask(dhcp(CONFIRM, [clientId, iaNa(5), iaPd(7, iaPrefix(MINE))]))).toBeUndefined();
  });

  it.each([RELEASE, DECLINE])('that gives back is thanked (message %i)', (type) => {
    const answer = ask(dhcp(type, [clientId, serverId, iaPd(7, iaPrefix(MINE)), iaPd(8), iaNa(9)]));
    const unknown = status(3);
    expect(answer).toEqual({
      type: REPLY,
      options: [
        [2, SERVER_DUID],
        [1, CLIENT_DUID],
        [13, [0, 0]],
        [25, [0, 0, 0, 8, ...UNTIMED, ...unknown]],
        [3, [0, 0, 0, 9, ...UNTIMED, ...unknown]],
      ],
    });
  });

  it('that asks for information has the name servers, with or without a name', () => {
    expect(ask(dhcp(INFORMATION_REQUEST, [option(6, 0, 23)]))).toEqual({
      type: REPLY,
      options: [
        [2, SERVER_DUID],
        [23, dns],
      ],
    });
    expect(all(ask(dhcp(INFORMATION_REQUEST, [clientId, serverId])), 1)).toEqual([CLIENT_DUID]);
  });

  it.each([REQUEST, RENEW, RELEASE, DECLINE])(
    'that speaks to us alone is told to speak to all (message %i)',
    (type) => {
      expect(ask(dhcp(type, [clientId, serverId, iaPd(7)], { to: OURS }))).toEqual({
        type: REPLY,
        options: [
          [2, SERVER_DUID],
          [1, CLIENT_DUID],
          [13, [0, 5]],
        ],
      });
    },
  );

  it('may use any port and carry any unknown option', () => {
    const octets = dhcp(SOLICIT, [option(999, 1, 2, 3), clientId, option(16, 9), iaPd(7, option(77, 1))], {
      sourcePort: 40_000,
    });
    expect(all(ask(octets), 25)).toEqual([delegated(7)]);
  });
});

describe('no answer comes to', () => {
  const other = option(2, 0, 3, 0, 1, 9, 9, 9, 9, 9, 9);
  const cases: [string, Uint8Array][] = [
    ['a Solicit without client', dhcp(SOLICIT, [iaPd(7)])],
    ['a Solicit to a server', dhcp(SOLICIT, [clientId, serverId, iaPd(7)])],
    ['a Solicit to us alone', dhcp(SOLICIT, [clientId, iaPd(7)], { to: OURS })],
    ['a Confirm to us alone', dhcp(CONFIRM, [clientId, iaNa(1, iaAddress('2001:db8:9::1'))], { to: OURS })],
    ['a Rebind to a server', dhcp(REBIND, [clientId, serverId, iaPd(7)])],
    ['a Request without client', dhcp(REQUEST, [serverId, iaPd(7)])],
    ['a Request to no server', dhcp(REQUEST, [clientId, iaPd(7)])],
    ['a Request to another server', dhcp(REQUEST, [clientId, other, iaPd(7)])],
    ['a Renew to another server', dhcp(RENEW, [clientId, other, iaPd(7)])],
    ['a Release to another server', dhcp(RELEASE, [clientId, other, iaPd(7)])],
    ['a Decline to another server', dhcp(DECLINE, [clientId, other, iaPd(7)])],
    ['an Information-request to another server', dhcp(INFORMATION_REQUEST, [clientId, other])],
    ['an Information-request for leases', dhcp(INFORMATION_REQUEST, [clientId, iaPd(7)])],
    ['an Information-request to us alone', dhcp(INFORMATION_REQUEST, [clientId], { to: OURS })],
    ['an Advertise', dhcp(ADVERTISE, [clientId, serverId])],
    ['a Reply', dhcp(REPLY, [clientId, serverId])],
    ['a Reconfigure', dhcp(RECONFIGURE, [clientId, serverId])],
    ['a relay', dhcp(RELAY_FORWARD, [clientId, serverId])],
    ['message type 0', dhcp(0, [clientId])],
    ['message type 200', dhcp(200, [clientId])],
    ['a global address', dhcp(SOLICIT, [clientId, iaPd(7)], { from: '2001:db8:0:7::1' })],
    ['nobody', dhcp(SOLICIT, [clientId, iaPd(7)], { from: '::' })],
    ['ourselves', dhcp(SOLICIT, [clientId, iaPd(7)], { from: OURS })],
    ['what goes to all servers of a site', dhcp(SOLICIT, [clientId, iaPd(7)], { to: 'ff05::1:3' })],
    ['a wrong checksum', dhcp(SOLICIT, [clientId, iaPd(7)], { badChecksum: true })],
    ['another port', dhcp(SOLICIT, [clientId, iaPd(7)], { destinationPort: 53 })],
    ['a datagram that claims to be shorter', dhcp(SOLICIT, [clientId, iaPd(7)], { udpOctets: 26 })],
    ['a datagram that claims to be longer', dhcp(SOLICIT, [clientId, iaPd(7)], { udpOctets: 200 })],
    ['a client without a name', dhcp(SOLICIT, [option(1, 0, 3), iaPd(7)])],
    ['a client with too long a name', dhcp(SOLICIT, [option(1, ...Array(131).fill(1)), iaPd(7)])],
    ['an option that is cut off', dhcp(SOLICIT, [clientId, [0, 25, 0, 13, 0]])],
    ['half an option header', dhcp(SOLICIT, [clientId, [0, 25, 0]])],
    ['an IA_PD that is too short', dhcp(SOLICIT, [clientId, option(25, 0, 0, 0, 1)])],
    ['an IA Prefix that is too short', dhcp(SOLICIT, [clientId, iaPd(7, option(26, 0, 0, 0, 0))])],
    ['an IA Address that is too short', dhcp(SOLICIT, [clientId, iaNa(7, option(5, 0, 0, 0, 0))])],
    ['an IA_PD with half an option', dhcp(SOLICIT, [clientId, iaPd(7, [0, 26, 0])])],
  ];
  it.each(cases)('%s', (_name, octets) => {
    expect(ask(octets)).toBeUndefined();
  });

  it('a datagram without a checksum', () => {
    const octets = dhcp(SOLICIT, [clientId, iaPd(7)]);
    octets.fill(0, 46, 48);
    expect(ask(octets)).toBeUndefined();
  });
});

describe('what a peer can make us send', () => {
  it('is eight answers a second', () => {
    const bench = new RouterBench();
    let answers = 0;
    for (let ms = 0; ms < 10_000; ms++) {
      answers += bench.hear(dhcp(SOLICIT, [clientId, iaPd(7)])).length;
      bench.now++;
    }
    expect(answers).toBe(80);
  });

  it('is not used up by what has no answer', () => {
    const bench = new RouterBench();
    for (let i = 0; i < 1_000; i++) bench.hear(dhcp(REPLY, [clientId]));
    expect(ask(dhcp(SOLICIT, [clientId, iaPd(7)]), bench)).toBeDefined();
  });

  it('fits into the least MTU, whatever is asked', () => {
    const many = Array.from({ length: 200 }, (_, i) => iaPd(i % 250, iaPrefix(STALE), iaPrefix('2001:db8:300::/56')));
    const name = option(1, ...Array(130).fill(7));
    const bench = new RouterBench({ dns: Array.from({ length: 50 }, (_, i) => BigInt(i + 1)) });
    const [answer] = bench.hear(dhcp(REBIND, [name, ...many]));
    expect(answer.length).toBeGreaterThan(700);
    expect(answer.length).toBeLessThanOrEqual(1280);
  });
});
