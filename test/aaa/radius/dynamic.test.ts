import { beforeEach, describe, expect, test } from 'vitest';
import { decodeAnswer } from '../../../src/aaa/radius/decoding.ts';
import type { Attributes } from '../../../src/aaa/radius/dictionary.ts';
import { DynamicAnswers } from '../../../src/aaa/radius/dynamic-answers.ts';
import { DynamicSessions } from '../../../src/aaa/radius/dynamic-sessions.ts';
import { authenticatorOf, encodeRequest } from '../../../src/aaa/radius/encoding.ts';
import type { AnswerType } from '../../../src/aaa/radius/packet.ts';
import { RadiusSessions } from '../../../src/aaa/radius/sessions.ts';
import { wirePrefix } from '../../../src/aaa/radius/values.ts';
import type { AaaEvents, AccountRecord } from '../../../src/engine/aaa.ts';
import {
  type Ipv6Prefix,
  parseIpv4,
  parseIpv6,
  parseIpv6Prefix,
  type RadiusSpec,
  Secret,
} from '../../../src/engine/spec.ts';
import { VirtualClock } from './virtual-clock.ts';

const secret = new Secret('between us');
const from = { address: '192.0.2.100', port: 40_000 };
const port = 3799;

const spec: RadiusSpec = {
  servers: [{ address: from.address, authPort: 0, acctPort: 0, coaPort: port, secret, timeoutMs: 1, retries: 0 }],
  nasIdentifier: 'our-nas',
  nasAddress: '192.0.2.1',
  interimIntervalMs: 0,
  deadTimeMs: 0,
};

function prefix(text: string): Ipv6Prefix {
  const parsed = parseIpv6Prefix(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

/** Alice has two calls, Bob one. */
const calls: readonly AccountRecord[] = [
  ['alice', '10.0.0.1', '555-1'],
  ['alice', '10.0.0.2', '555-2'],
  ['bob', '10.0.0.3', '555-2'],
].map(([user, address, callingNumber], i) => ({
  event: 'start',
  session: i + 1,
  aaa: 'radius',
  user,
  call: { port: `7/${i + 1}`, avps: { callingNumber, calledNumber: '5551212' } },
  ipv4: parseIpv4(address),
  prefix: prefix(`2001:db8:0:${i + 1}::/64`),
  delegated: prefix(`2001:db8:${i + 1}00::/56`),
  interfaceId: BigInt(i + 1),
  sessionMs: 0,
}));

let clock: VirtualClock;
let sessions: RadiusSessions;
let live: DynamicSessions;
let answers: DynamicAnswers;
let done: unknown[];
let gone: Set<number>;
let identifier = 0;

beforeEach(() => {
  clock = new VirtualClock();
  sessions = new RadiusSessions('life');
  live = new DynamicSessions();
  done = [];
  gone = new Set();
  const events: AaaEvents = {
    disconnect(session, cause, message) {
      if (gone.has(session)) return false;
      done.push([session, cause, message]);
      return true;
    },
    change(session, limits) {
      if (gone.has(session)) return 'unknownSession';
      if (limits.filter === 'nobody-knows') return 'unknownFilter';
      done.push([session, limits]);
      return 'changed';
    },
  };
  answers = new DynamicAnswers(clock, { live, sessions, events, isOurs: (address) => address === '198.51.100.1' });
  answers.configure(spec);
  for (const call of calls) live.account(call, sessions.of(call.session));
});

type Kind = 'coaRequest' | 'disconnectRequest';

const request = (type: Kind, attributes: Attributes, key = secret) =>
  encodeRequest({ type, identifier: identifier++ % 256, attributes }, key);

/** What a request is answered. */
function ask(type: Kind, attributes: Attributes): { type: AnswerType; attributes: Attributes } {
  const octets = request(type, attributes);
  const answer = answers.answer(port, from, octets);
  if (!answer) throw new Error('no answer');
  const packet = decodeAnswer(answer, secret, authenticatorOf(octets));
  return { type: packet.type, attributes: packet.attributes };
}

const disconnect = (attributes: Attributes) => ask('disconnectRequest', attributes);
const change = (attributes: Attributes) => ask('coaRequest', attributes);
const refusal = (type: AnswerType, errorCause: number) => ({ type, attributes: { errorCause } });
const whoWasHit = () => done.map((each) => (Array.isArray(each) ? each[0] : undefined));

describe('a session is found', () => {
  test.each<[string, Attributes, number[]]>([
    ['Acct-Session-Id', { acctSessionId: 'life-000002' }, [2]],
    ['User-Name', { userName: 'alice' }, [1, 2]],
    ['NAS-Port', { nasPort: 3 }, [3]],
    ['NAS-Port-Id', { nasPortId: '7/1' }, [1]],
    ['Framed-IP-Address', { framedIpAddress: parseIpv4('10.0.0.2') }, [2]],
    ['Framed-IPv6-Prefix', { framedIpv6Prefix: [wirePrefix(prefix('2001:db8:0:3::/64'))] }, [3]],
    ['Delegated-IPv6-Prefix', { delegatedIpv6Prefix: [wirePrefix(prefix('2001:db8:200::/56'))] }, [2]],
    ['Calling-Station-Id', { callingStationId: '555-2' }, [2, 3]],
    ['User-Name and Calling-Station-Id', { userName: 'alice', callingStationId: '555-2' }, [2]],
    ['User-Name and Called-Station-Id', { userName: 'bob', calledStationId: '5551212' }, [3]],
    ['User-Name and Framed-Interface-Id', { userName: 'alice', framedInterfaceId: 1n }, [1]],
  ])('by %s', (_, attributes, found) => {
    expect(disconnect(attributes)).toEqual({ type: 'disconnectAck', attributes: {} });
    expect(whoWasHit()).toEqual(found);
  });

  test.each<[string, Attributes, number]>([
    ['all that is said must fit', { acctSessionId: 'life-000002', userName: 'bob' }, 503],
    ['nobody is meant', { userName: 'carol' }, 503],
    ['no session is named', { nasIdentifier: 'our-nas' }, 402],
    ['what all share names none', { calledStationId: '5551212' }, 402],
    ['another NAS is meant', { userName: 'bob', nasIdentifier: 'another' }, 403],
    ['another address is meant', { userName: 'bob', nasIpAddress: parseIpv4('192.0.2.2') }, 403],
    ['another IPv6 address is meant', { userName: 'bob', nasIpv6Address: parseIpv6('2001:db8::1') }, 403],
  ])('or not: %s', (_, attributes, errorCause) => {
    expect(disconnect(attributes)).toEqual(refusal('disconnectNak', errorCause));
    expect(done).toEqual([]);
  });

  test('by our names, and by any address of ours if none is declared', () => {
    expect(disconnect({ userName: 'bob', nasIdentifier: 'our-nas', nasIpAddress: parseIpv4('192.0.2.1') }).type).toBe(
      'disconnectAck',
    );
    answers.configure({ ...spec, nasAddress: undefined });
    const of = (address: string) => disconnect({ userName: 'bob', nasIpAddress: parseIpv4(address) });
    expect(of('198.51.100.1').type).toBe('disconnectAck');
    expect(of('192.0.2.1')).toEqual(refusal('disconnectNak', 403));
  });

  test('by a server and for a NAS whose IPv6 addresses are declared in any form', () => {
    const servers = [{ ...spec.servers[0], address: '2001:DB8:0::0:64' }];
    answers.configure({ ...spec, servers, nasAddress: '2001:0db8::1' });
    const octets = request('disconnectRequest', { userName: 'bob', nasIpv6Address: parseIpv6('2001:db8::1') });
    answers.answer(port, { address: '2001:db8::64', port: 1 }, octets);
    expect(whoWasHit()).toEqual([3]);
    answers.answer(port, { address: '2001:db8::64', port: 1 }, octets.subarray(1));
    expect(answers.dropped('2001:DB8:0::0:64')).toBe(1);
  });

  test('as long as it lives, by what it has now', () => {
    live.account({ ...calls[2], event: 'interim', ipv4: parseIpv4('10.0.0.9') }, sessions.of(3));
    expect(disconnect({ framedIpAddress: parseIpv4('10.0.0.3') })).toEqual(refusal('disconnectNak', 503));
    expect(disconnect({ framedIpAddress: parseIpv4('10.0.0.9') }).type).toBe('disconnectAck');
    for (const call of calls) live.account({ ...call, event: 'stop' }, sessions.of(call.session));
    expect(live.size).toBe(0);
    expect(disconnect({ userName: 'alice' })).toEqual(refusal('disconnectNak', 503));
  });
});

describe('a Disconnect-Request', () => {
  test('ends the session as its words say; its Class is for the Stop', () => {
    const classes = [Uint8Array.of(7)];
    disconnect({ userName: 'bob', replyMessage: ['not paid'], acctTerminateCause: 10, class: classes });
    expect(done).toEqual([[3, 'nasRequest', 'disconnected by RADIUS: not paid']]);
    expect(sessions.get(3)?.classes).toEqual(classes);
    disconnect({ userName: 'bob' });
    expect(done[1]).toEqual([3, 'adminReset', 'disconnected by RADIUS']);
  });

  test('is refused when the call is just gone, or when it says what it must not', () => {
    gone.add(3);
    expect(disconnect({ userName: 'bob' })).toEqual(refusal('disconnectNak', 503));
    expect(disconnect({ userName: 'alice', sessionTimeout: 5 })).toEqual(refusal('disconnectNak', 401));
    expect(disconnect({ userName: 'alice', serviceType: 2 })).toEqual(refusal('disconnectNak', 401));
    expect(disconnect({ userName: 'alice', acctTerminateCause: 99 })).toEqual(refusal('disconnectNak', 407));
    expect(done).toEqual([]);
  });
});

describe('a CoA-Request', () => {
  test('puts limits in force, for every session that it means', () => {
    const limits = { sessionTimeout: 60, idleTimeout: 30, acctInterimInterval: 600, filterId: ['walled'] };
    const rate = { wisprBandwidthMaxDown: 2_000_000, wisprBandwidthMaxUp: 500_000 };
    expect(change({ userName: 'alice', serviceType: 2, framedProtocol: 1, ...limits, ...rate }).type).toBe('coaAck');
    const inForce = {
      sessionTimeoutMs: 60_000,
      idleTimeoutMs: 30_000,
      interimIntervalMs: 600_000,
      filter: 'walled',
      rate: { txBps: 2_000_000, rxBps: 500_000 },
    };
    expect(done).toEqual([
      [1, inForce],
      [2, inForce],
    ]);
  });

  test.each<[string, Attributes, number]>([
    ['a filter that nobody declared', { filterId: ['nobody-knows'] }, 407],
    ['two filters', { filterId: ['a', 'b'] }, 407],
    ['a rate that is none', { mikrotikRateLimit: 'fast' }, 407],
    ['another protocol', { sessionTimeout: 5, framedProtocol: 2 }, 407],
    ['an address', { sessionTimeout: 5, framedIpNetmask: 0 }, 401],
    ['words for the user', { sessionTimeout: 5, replyMessage: ['hello'] }, 401],
    ['Authorize-Only', { serviceType: 17, state: Uint8Array.of(1) }, 405],
    ['no change', {}, 402],
  ])('is refused when it asks for %s', (_, attributes, errorCause) => {
    const answer = change({ userName: 'alice', ...attributes });
    expect(answer).toMatchObject(refusal('coaNak', errorCause));
    expect(answer.attributes.state).toEqual(attributes.state);
    expect(done).toEqual([]);
  });

  test('gets its Proxy-States back, in their order', () => {
    const proxyState = [Uint8Array.of(2), Uint8Array.of(1)];
    expect(change({ userName: 'bob', idleTimeout: 5, proxyState }).attributes).toEqual({ proxyState });
    expect(change({ userName: 'carol', idleTimeout: 5, proxyState }).attributes.proxyState).toEqual(proxyState);
  });
});

describe('a datagram is dropped', () => {
  const fine = { userName: 'bob' };

  test('from who is no server, or is one elsewhere', () => {
    const octets = request('disconnectRequest', fine);
    expect(answers.answer(port, { ...from, address: '192.0.2.101' }, octets)).toBeUndefined();
    expect(answers.answer(port + 1, from, octets)).toBeUndefined();
    answers.configure(undefined);
    expect(answers.answer(port, from, octets)).toBeUndefined();
    expect(done).toEqual([]);
    expect(answers.dropped('192.0.2.101')).toBe(0);
  });

  test('with another secret, another code, a broken Message-Authenticator, or in part', () => {
    const octets = request('disconnectRequest', fine);
    const broken = Uint8Array.from(octets);
    broken[30] ^= 1;
    const bad = [
      request('disconnectRequest', fine, new Secret('of others')),
      encodeRequest({ type: 'accountingRequest', identifier: 1, attributes: fine }, secret),
      broken,
      octets.subarray(0, octets.length - 1),
      new Uint8Array(0),
    ];
    for (const each of bad) expect(answers.answer(port, from, each)).toBeUndefined();
    expect(done).toEqual([]);
    expect(answers.dropped(from.address)).toBe(bad.length);
  });

  test('whose Proxy-States leave no room for an answer', () => {
    const proxyState = [...new Array<number>(15).fill(253), 231].map((count) => new Uint8Array(count));
    const octets = request('coaRequest', { proxyState });
    expect(octets.length).toBe(4_096);
    expect(answers.answer(port, from, octets)).toBeUndefined();
    expect(answers.dropped(from.address)).toBe(1);
    proxyState[15] = new Uint8Array(207);
    expect(change({ proxyState })).toMatchObject(refusal('coaNak', 402));
  });

  test('whose time is long ago or long ahead', () => {
    const seconds = VirtualClock.epochMs / 1000;
    const at = (eventTimestamp: number) =>
      answers.answer(port, from, request('disconnectRequest', { ...fine, eventTimestamp }));
    expect(at(seconds - 301)).toBeUndefined();
    expect(at(seconds + 301)).toBeUndefined();
    expect(done).toEqual([]);
    expect(at(seconds - 299)).toBeDefined();
    expect(done).toHaveLength(1);
  });
});

describe('a request that comes again', () => {
  test('is given the same answer, and does nothing', () => {
    const octets = request('disconnectRequest', { userName: 'bob' });
    const answer = answers.answer(port, from, octets);
    gone.add(3);
    expect(answers.answer(port, from, octets)).toEqual(answer);
    expect(done).toHaveLength(1);
  });

  test('from elsewhere does nothing either, where it says its time', async () => {
    const octets = request('disconnectRequest', { userName: 'bob', eventTimestamp: VirtualClock.epochMs / 1000 });
    answers.answer(port, from, octets);
    await clock.pass(299_000);
    answers.answer(port, { ...from, port: 40_001 }, octets);
    expect(done).toHaveLength(1);
    await clock.pass(2_000);
    expect(answers.answer(port, from, octets)).toBeUndefined();
  });

  test('long after is a new one, and any number of others may come meanwhile', async () => {
    const octets = request('disconnectRequest', { userName: 'bob' });
    answers.answer(port, from, octets);
    await clock.pass(301_000);
    answers.answer(port, from, octets);
    expect(done).toHaveLength(2);
    for (let i = 0; i < 10_000; i++) change({ userName: 'bob', idleTimeout: i + 1 });
    expect(done).toHaveLength(10_002);
  });
});
