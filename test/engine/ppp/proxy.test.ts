/** RFC 2661 4.4.5: a client that a LAC meets first, and an LNS that goes on. */
import { describe, expect, it } from 'vitest';
import { type PppEffect, PppLink } from '../../../src/engine/ppp/link.ts';
import type { PppSpec } from '../../../src/engine/ppp/spec.ts';
import type { PppProxy } from '../../../src/engine/spec.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { checkAgainst, packet, seededRandom } from './pair.ts';
import { ADDRESSES, clientSpec, serverSpec } from './specs.ts';
import { Switched, type Way } from './switched.ts';

const PAP = { authMethods: ['pap'] } as const;
const CHAP = { authMethods: ['chap'] } as const;
const OPEN = { authenticatePeer: false, authMethods: [] };

function switched(lac: Partial<PppSpec>, lns: Partial<PppSpec> = lac, way: Way = {}, client: Partial<PppSpec> = {}) {
  return new Switched(clientSpec(client), serverSpec({ ...lac, localName: 'lac' }), serverSpec(lns), way).run(60_000);
}

/** Code and protocol of frames, for short. */
function said(frames: readonly Uint8Array[]): string[] {
  return frames.map((frame) => `${((frame[2] << 8) | frame[3]).toString(16)}/${frame[4]}`);
}

function expectOpen(call: Switched): void {
  expect([call.client.down, call.lac.down, call.lns?.down]).toEqual([undefined, undefined, undefined]);
  expect(call.client.network?.ipv4).toMatchObject({ local: ADDRESSES.client, remote: ADDRESSES.server });
  expect(call.lns?.network?.ipv4).toMatchObject({ local: ADDRESSES.server, remote: ADDRESSES.client });
}

describe('an LNS goes on', () => {
  it.each([
    ['PAP', PAP, 'pap', ['c023/2']],
    ['CHAP', CHAP, 'chap', ['c223/3']],
  ] as const)('after %s: it only judges the answer', (_name, spec, auth, verdict) => {
    const call = switched(spec);
    expectOpen(call);
    expect(call.captured?.user).toBe('bob');
    expect(call.lns?.authentications).toBe(1);
    expect(call.lns?.link.view()).toMatchObject({ user: 'bob', auth, proxy: 'lcpAndAuth' });
    expect(said(call.lns?.sent ?? []).filter((frame) => !frame.startsWith('8021'))).toEqual(verdict);
    expect(call.lns?.notices).toEqual(['ppp: takes LCP and authentication from the LAC']);
  });

  it('without authentication where nobody demands one', () => {
    const call = switched(OPEN);
    expectOpen(call);
    expect(call.captured).toMatchObject({ user: undefined, proxy: { proxyAuthenType: 4 } });
    expect(call.lns?.link.view()).toMatchObject({ proxy: 'lcp', auth: undefined });
    expect(said(call.lns?.sent ?? []).filter((frame) => frame.startsWith('c0'))).toEqual([]);
  });

  it('with the MRU, compression and magic numbers that the LAC agreed on', () => {
    const call = switched({ ...CHAP, mru: 1400 }, { ...CHAP, mru: 1450, echoIntervalMs: 1000 }, {}, { mru: 1300 });
    expectOpen(call);
    expect(call.lns?.link.view()).toMatchObject({ proxy: 'lcpAndAuth', peerMru: 1300 });
    expect(call.lns?.network).toMatchObject({ mtu: 1300, acfc: true, pfc: true });
    expect(call.client.link.view().peerMru).toBe(1400);
    // Echoes in which one side took the other's number for its own would stay unanswered.
    expect(said(call.client.sent)).toContain('c021/10');
    expect(call.run(100_000).lns?.down).toBeUndefined();
  });

  it.each([PAP, CHAP])('when the call takes as long as the client says it again: %o', ({ authMethods }) => {
    expectOpen(switched({ authMethods }, { authMethods }, { callMs: 20_000 }));
  });

  it.each([
    ['PAP', PAP],
    ['CHAP', CHAP],
    ['no authentication', OPEN],
  ] as const)('over a bad path too, with %s', (_name, spec) => {
    const path = { lossPercent: 15, duplicatePercent: 15, maxDelayMs: 300 };
    let taken = 0;
    for (let seed = 0; seed < 60; seed++) {
      const call = switched(spec, spec, { seed, path, callMs: 100 * (seed % 30) });
      const ends = [call.client.down, call.lac.down, call.lns?.down];
      expect({ seed, ends }).toEqual({ seed, ends: [undefined, undefined, undefined] });
      expectOpen(call);
      if (call.lns?.link.view().proxy !== undefined) taken++;
    }
    expect(taken).toBeGreaterThan(0);
  });

  it('and is challenged again later, as the profile says', () => {
    const call = switched(CHAP, { ...CHAP, chapIntervalMs: 10_000 });
    expectOpen(call);
    expect(call.lns?.authentications).toBeGreaterThan(4);
  });

  it('until the client renegotiates: then as if no LAC had been there', () => {
    const call = switched(CHAP);
    call.inject(packet(0xc021, 1, 77));
    expect(call.lns?.link.view()).toMatchObject({ phase: 'establish', proxy: undefined });
    call.run(30_000);
    expectOpen(call);
    expect(call.lns?.authentications).toBe(2);
  });

  it('and ends when the client has hung up meanwhile', () => {
    const call = new Switched(clientSpec(), serverSpec(CHAP), serverSpec(CHAP), { callMs: 5000 });
    while (call.captured === undefined) call.step(1000);
    call.inject(packet(0xc021, 5, 9));
    call.run(60_000);
    expect(call.lns?.down).toBeDefined();
    expect(call.lns?.hasIpv4).toBe(false);
  });
});

describe('an LNS lets nobody in', () => {
  it.each([
    ['PAP', PAP, 0xc023, 'c023/3'],
    ['CHAP', CHAP, 0xc223, 'c223/4'],
  ] as const)('with a wrong password in %s', (_name, spec, protocol, refusal) => {
    const call = switched(spec, spec, {}, { password: new Secret('wrong') });
    expect(call.lns?.down).toEqual({ reason: 'authentication failed: wrong password', failed: true });
    expect(call.lns?.cause).toEqual([16, protocol, 1]);
    expect(call.client.cause).toEqual([16, protocol, 2]);
    expect(said(call.lns?.sent ?? [])[0]).toBe(refusal);
    expect(call.client.hasIpv4).toBe(false);
  });

  it('whom nobody knows', () => {
    const call = switched(CHAP, CHAP, { judge: () => ({ verdict: 'reject', message: 'no such user' }) });
    expect(call.lns?.down?.reason).toBe('authentication failed: no such user');
  });

  it.each([
    ['without any', { proxyAuthenType: undefined }],
    ['that says that there was none', { proxyAuthenType: 4 }],
    ['of a kind that we do not speak', { proxyAuthenType: 5 }],
    ['of another kind than LCP agreed on', { proxyAuthenType: 3 }],
    ['as text', { proxyAuthenType: 1 }],
    ['without a name', { proxyAuthenName: undefined }],
    ['without a challenge', { proxyAuthenChallenge: undefined }],
    ['with an empty challenge', { proxyAuthenChallenge: new Uint8Array() }],
    ['without an identifier', { proxyAuthenId: undefined }],
    ['without a response', { proxyAuthenResponse: undefined }],
    ['with a response of a wrong length', { proxyAuthenResponse: new Secret(new Uint8Array(17)) }],
    ['with too long a name', { proxyAuthenName: 'x'.repeat(256) }],
  ] satisfies [string, PppProxy][])('by a CHAP answer %s, but challenges the client itself', (_what, change) => {
    const call = switched(CHAP, CHAP, { proxy: (proxy) => ({ ...proxy, ...change }) });
    expectOpen(call);
    expect(call.lns?.link.view()).toMatchObject({ proxy: 'lcp', auth: 'chap', user: 'bob' });
    expect(said(call.lns?.sent ?? []).slice(0, 2)).toEqual(['c223/1', 'c223/3']);
    const wrong = { password: new Secret('wrong') };
    const refused = switched(CHAP, CHAP, { proxy: (proxy) => ({ ...proxy, ...change }) }, wrong);
    expect([refused.lns?.down?.failed, refused.client.hasIpv4]).toEqual([true, false]);
  });

  it.each([
    ['without any', { proxyAuthenType: undefined }],
    ['that says that there was none', { proxyAuthenType: 4 }],
    ['as text', { proxyAuthenType: 1 }],
    ['as CHAP', { proxyAuthenType: 2 }],
    ['without an identifier', { proxyAuthenId: undefined }],
    ['without a password', { proxyAuthenResponse: undefined }],
    ['with too long a password', { proxyAuthenResponse: new Secret(new Uint8Array(256)) }],
  ] satisfies [string, PppProxy][])('by a PAP request %s, but negotiates anew', (_what, change) => {
    const call = switched(PAP, PAP, { proxy: (proxy) => ({ ...proxy, ...change }) });
    expectOpen(call);
    expect(call.lns?.link.view()).toMatchObject({ proxy: undefined, auth: 'pap', user: 'bob' });
    expect(said(call.lns?.sent ?? [])[0]).toBe('c021/1');
  });

  it.each([
    ['PAP', PAP, CHAP, 'chap'],
    ['CHAP', CHAP, PAP, 'pap'],
    ['CHAP, where the profile has MS-CHAPv2 alone,', CHAP, { authMethods: ['mschapv2'] }, 'mschapv2'],
    ['nothing', OPEN, PAP, 'pap'],
    ['PAP, where nobody is asked,', PAP, OPEN, undefined],
  ] as [string, Partial<PppSpec>, Partial<PppSpec>, string | undefined][])(
    'by %s when the profile says otherwise',
    (_what, lac, lns, auth) => {
      const call = switched(lac, lns);
      expectOpen(call);
      expect(call.lns?.link.view()).toMatchObject({ proxy: undefined, auth });
      expect(call.lns?.notices[0]).toMatch(/^ppp: negotiates anew what the LAC hands over: /);
    },
  );
});

const chapMs = [3, 5, 0xc2, 0x23, 0x81];
const pap = [3, 4, 0xc0, 0x23];

describe('an LNS negotiates anew', () => {
  const facts = { lastSentLcpConfReq: Uint8Array.of(...pap), lastReceivedLcpConfReq: Uint8Array.of(5, 6, 1, 2, 3, 4) };
  const answer = { proxyAuthenType: 3, proxyAuthenName: 'bob', proxyAuthenId: 7 };
  const proxy: PppProxy = { ...facts, ...answer, proxyAuthenResponse: new Secret('hunter2') };

  function begin(change: PppProxy, spec: Partial<PppSpec> = {}): PppEffect[] {
    const link = new PppLink(serverSpec({ ...PAP, ...spec }), seededRandom(1), ADDRESSES.server, {
      ...proxy,
      ...change,
    });
    return link.handle({ event: 'open' }, 0);
  }

  it('not when all is well', () => {
    expect(begin({}).map(({ effect }) => effect)).toEqual(['notice', 'authenticate']);
  });

  it.each([
    ['no last request of the LAC', { lastSentLcpConfReq: undefined }],
    ['no last request of the client', { lastReceivedLcpConfReq: undefined }],
    ['half an option', { lastReceivedLcpConfReq: Uint8Array.of(1, 4, 5) }],
    ['an option of no length', { lastReceivedLcpConfReq: Uint8Array.of(1, 0, 5, 6) }],
    ['an unknown option', { lastReceivedLcpConfReq: Uint8Array.of(17, 4, 5, 6) }],
    ['an option twice', { lastReceivedLcpConfReq: Uint8Array.of(1, 4, 5, 0, 1, 4, 5, 0) }],
    ['a tiny MRU', { lastReceivedLcpConfReq: Uint8Array.of(1, 4, 0, 1) }],
    ['an MRU of three octets', { lastReceivedLcpConfReq: Uint8Array.of(1, 5, 5, 0, 0) }],
    ['the magic number 0', { lastReceivedLcpConfReq: Uint8Array.of(5, 6, 0, 0, 0, 0) }],
    ['a LAC that authenticates itself', { lastReceivedLcpConfReq: Uint8Array.of(...pap) }],
    ['much', { lastReceivedLcpConfReq: new Uint8Array(1017).fill(2) }],
    ['half an option of the LAC', { lastSentLcpConfReq: Uint8Array.of(...pap, 7) }],
    ['an unknown option of the LAC', { lastSentLcpConfReq: Uint8Array.of(...pap, 13, 3, 6) }],
    ['a method that the profile does not allow', { lastSentLcpConfReq: Uint8Array.of(...chapMs) }],
    ['two methods', { lastSentLcpConfReq: Uint8Array.of(...pap, ...pap) }],
    ['no method', { lastSentLcpConfReq: new Uint8Array() }],
    ['an MRU of the LAC beyond ours', { lastSentLcpConfReq: Uint8Array.of(...pap, 1, 4, 9, 0) }],
    ['a magic number of the LAC of 0', { lastSentLcpConfReq: Uint8Array.of(...pap, 5, 6, 0, 0, 0, 0) }],
    ['one magic number for both', { lastSentLcpConfReq: Uint8Array.of(...pap, 5, 6, 1, 2, 3, 4) }],
  ] satisfies [string, PppProxy][])('what has %s', (_what, change) => {
    const effects = begin(change);
    expect(effects.map(({ effect }) => effect)).toEqual(['notice', 'frame']);
    const frame = effects[1].effect === 'frame' ? effects[1].frame : new Uint8Array();
    // Our own request, with a magic number of our own.
    expect([...frame.slice(8, 14)]).toEqual([...pap, 5, 6]);
    expect([...frame.slice(14, 18)]).not.toEqual([1, 2, 3, 4]);
  });

  it.each([
    ['mschapv1', 0x80],
    ['mschapv2', 0x81],
  ] as const)('%s, which the AVPs do not carry', (method, algorithm) => {
    const lastSentLcpConfReq = Uint8Array.of(3, 5, 0xc2, 0x23, algorithm);
    const effects = begin({ lastSentLcpConfReq }, { authMethods: [method] });
    expect(effects.map(({ effect }) => effect)).toEqual(['notice', 'frame']);
    expect(effects[0]).toMatchObject({ message: expect.stringMatching(/MS-CHAPv[12] cannot be handed over$/) });
  });

  it('not EAP, which begins here with who the client is', () => {
    const none: PppProxy = { proxyAuthenType: 4, lastSentLcpConfReq: Uint8Array.of(3, 4, 0xc2, 0x27) };
    const effects = begin(none, { authMethods: ['eap'] });
    expect(effects[0]).toMatchObject({ message: 'takes LCP from the LAC' });
    const frame = effects[1].effect === 'frame' ? effects[1].frame : new Uint8Array();
    expect(frame).toEqual(packet(0xc227, 1, frame[5], [1]));
  });

  it('not with a name and password that were asked for before PPP, where PAP would do', () => {
    const text: PppProxy = { proxyAuthenType: 1, lastSentLcpConfReq: new Uint8Array() };
    expect(begin(text, CHAP).map(({ effect }) => effect)).toEqual(['notice', 'frame']);
    const link = new PppLink(serverSpec(PAP), seededRandom(1), ADDRESSES.server, { ...proxy, ...text });
    const effects = link.handle({ event: 'open' }, 0);
    expect(effects.at(-1)).toMatchObject({ effect: 'authenticate', user: 'bob' });
    // Nobody waits for an answer.
    const passed = link.handle({ event: 'authenticated', answer: checkAgainst('hunter2') }, 1);
    expect(passed.map(({ effect }) => effect)).toEqual(['allocate']);
    const other = new PppLink(serverSpec(PAP), seededRandom(1), ADDRESSES.server, { ...proxy, ...text });
    other.handle({ event: 'open' }, 0);
    const refused = other.handle({ event: 'authenticated', answer: checkAgainst('other') }, 1);
    expect(said(refused.flatMap((effect) => (effect.effect === 'frame' ? [effect.frame] : [])))).toEqual(['c021/5']);
  });

  it('and shows no password', () => {
    expect(JSON.stringify(begin({}))).not.toContain('hunter2');
  });
});
