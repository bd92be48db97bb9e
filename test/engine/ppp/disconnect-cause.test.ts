/** RFC 3145 3: each way in which a link ends has its code, its protocol and its direction. */
import { describe, expect, it } from 'vitest';
import type { PppSpec } from '../../../src/engine/ppp/spec.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { Pair, packet, type World } from './pair.ts';
import { clientSpec, serverSpec } from './specs.ts';

const LCP = 0xc021;
const PAP = 0xc023;
const CHAP = 0xc223;
const IPCP = 0x8021;
const IPV6CP = 0x8057;

interface Case {
  name: string;
  client?: Partial<PppSpec>;
  server?: Partial<PppSpec>;
  world?: World;
  /** Done once the link is open, or has come to rest. */
  act?: (pair: Pair) => void;
  /** Of the server's end. */
  cause: [number, number, number];
  /** Of the client's end, where it is of interest. */
  clientCause?: [number, number, number];
}

const silent = (pair: Pair): void => {
  pair.cut = true;
};
const rejects = (protocol: number): number[] => [protocol >> 8, protocol & 255, 1, 1, 0, 4];
const noAddress = { local: 0, remote: undefined, dns: [], wins: [], defaultRoute: false, proxyArp: false };

const CASES: Case[] = [
  { name: 'we terminate', act: (pair) => pair.close('server'), cause: [3, 0, 2], clientCause: [3, 0, 1] },
  {
    name: 'the peer leaves echoes unanswered',
    server: { echoIntervalMs: 1000 },
    act: silent,
    cause: [8, LCP, 0],
  },
  {
    name: 'LCP finds no end',
    server: { lcp: { maxConfigRequests: 3, maxConfigNaks: 2, maxTerminateRequests: 1, retransmitMs: 1000 } },
    client: { authMethods: ['chap'] },
    act: (pair) => {
      pair.cut = true;
      for (let id = 0; id < 9; id++) pair.inject('server', packet(LCP, 1, id, [200, 2]));
    },
    cause: [5, LCP, 0],
  },
  {
    name: 'the peer does not understand LCP',
    act: (pair) => pair.inject('server', packet(LCP, 7, 1, [1, 1, 0, 4])),
    cause: [0, 0, 0],
  },
  {
    name: 'the peer rejects LCP',
    act: (pair) => pair.inject('server', packet(LCP, 8, 1, rejects(LCP))),
    cause: [0, 0, 0],
  },
  {
    name: 'the peer refuses all methods',
    client: { authMethods: ['pap'] },
    server: { authMethods: ['chap'] },
    cause: [15, CHAP, 1],
  },
  {
    name: 'the peer has no password',
    client: { password: undefined },
    server: { authMethods: ['pap'] },
    cause: [15, PAP, 1],
    clientCause: [15, PAP, 2],
  },
  {
    name: 'a password is wrong',
    client: { password: new Secret('wrong') },
    server: { authMethods: ['chap'] },
    cause: [16, CHAP, 1],
    clientCause: [16, CHAP, 2],
  },
  {
    name: 'the peer stops answering challenges',
    server: { authMethods: ['chap'], chapIntervalMs: 1000, chapMaxChallenge: 2 },
    act: silent,
    cause: [13, CHAP, 0],
  },
  {
    name: 'there is no address left',
    world: { allocate: () => ({ refused: { ipv4: 'none left' } }) },
    cause: [20, IPCP, 2],
  },
  { name: 'we have no address', server: { ipv4: noAddress }, cause: [20, IPCP, 1] },
  {
    name: 'the peer rejects IPCP',
    act: (pair) => pair.inject('server', packet(LCP, 8, 1, rejects(IPCP))),
    cause: [18, IPCP, 0],
  },
  {
    name: 'the peer terminates IPCP',
    act: (pair) => pair.inject('server', packet(IPCP, 5, 1)),
    cause: [18, IPCP, 0],
  },
  {
    name: 'the last network protocol fails',
    server: { ipv6: { enabled: true, dns: [] } },
    client: { ipv6: { enabled: true, dns: [] } },
    act: (pair) => {
      pair.inject('server', packet(LCP, 8, 2, rejects(IPCP))).inject('server', packet(IPV6CP, 5, 1));
    },
    cause: [18, IPV6CP, 0],
  },
  {
    name: 'the peer falls silent in IPCP',
    act: (pair) => {
      pair.cut = true;
      pair.inject('server', packet(IPCP, 1, 99, []));
    },
    cause: [17, IPCP, 0],
  },
  {
    name: 'the peer asks for no address that we have',
    server: { ipcp: { maxConfigRequests: 9, maxConfigNaks: 2, maxTerminateRequests: 1, retransmitMs: 1000 } },
    act: (pair) => {
      pair.cut = true;
      for (let id = 0; id < 9; id++) pair.inject('server', packet(IPCP, 1, id, [3, 6, 9, 9, 9, 9]));
    },
    cause: [19, IPCP, 2],
  },
  {
    name: 'the peer suggests other addresses without end',
    act: (pair) => {
      pair.cut = true;
      pair.inject('server', packet(IPCP, 1, 99, []));
      for (let round = 0; round < 40; round++) {
        const request = pair.server.sent.findLast((frame) => frame[2] === 0x80 && frame[4] === 1);
        pair.inject('server', packet(IPCP, 3, request?.[5] ?? 0, [3, 6, 9, 9, 9, 9]));
      }
    },
    cause: [19, IPCP, 1],
  },
];

describe('the cause', () => {
  it.each(CASES)('when $name', ({ client, server, world, act, cause, clientCause }) => {
    const pair = new Pair(clientSpec(client), serverSpec(server), world).open().run(500);
    act?.(pair);
    pair.run();
    expect(pair.server.cause).toEqual(cause);
    if (clientCause !== undefined) expect(pair.client.cause).toEqual(clientCause);
  });

  it.each([
    ['when the peer has said nothing at all', (pair: Pair): Pair => pair, [6, LCP, 0]],
    [
      'when it has asked, and does not answer',
      (pair: Pair) => pair.inject('server', packet(LCP, 1, 1, [])),
      [5, LCP, 0],
    ],
    ['when it has refused something', (pair: Pair) => pair.inject('server', packet(LCP, 1, 1, [200, 2])), [5, LCP, 0]],
    ['when it has hung up', (pair: Pair) => pair.inject('server', packet(LCP, 5, 1)), [3, 0, 1]],
    ['when we no longer want it', (pair: Pair) => pair.close('server'), [3, 0, 2]],
  ] as const)('of a negotiation without end, %s', (_name, act, cause) => {
    const pair = new Pair(clientSpec(), serverSpec());
    pair.cut = true;
    act(pair.open());
    expect(pair.run().server.cause).toEqual(cause);
  });

  it('of a looped-back line', () => {
    const pair = new Pair(clientSpec(), serverSpec({ authenticatePeer: false }));
    pair.cut = true;
    pair.open();
    for (let round = 0; round < 30 && pair.server.down === undefined; round++) {
      pair.inject('server', pair.server.sent.at(-1) ?? new Uint8Array());
    }
    pair.run();
    expect(pair.server.cause).toEqual([7, LCP, 0]);
  });

  it('of a link that nobody opened, and of one that could not be', () => {
    expect(new Pair(clientSpec(), serverSpec()).close('server').server.cause).toEqual([1, 0, 0]);
    expect(new Pair(clientSpec(), serverSpec({ authMethods: [] })).open().server.cause).toEqual([0, 0, 0]);
  });
});
