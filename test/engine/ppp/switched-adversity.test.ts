/** Any client, any LAC and any LNS, over any path; and LNSs whose LAC lies. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PppEffect, PppLink } from '../../../src/engine/ppp/link.ts';
import type { PppProxy } from '../../../src/engine/spec.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { checkAgainst, PERFECT, packet, type Side, seededRandom } from './pair.ts';
import { METHODS, policy } from './policies.ts';
import { ADDRESSES, clientSpec, serverSpec } from './specs.ts';
import { Switched } from './switched.ts';

const MS_PER_DAY = 86_400_000;

/** The MRU in the last Configure-Request of some frames. */
function lastMru(frames: readonly Uint8Array[]): number {
  const request = frames.findLast((frame) => frame[2] === 0xc0 && frame[3] === 0x21 && frame[4] === 1);
  for (let at = 8; request !== undefined && at < request.length; at += request[at + 1]) {
    if (request[at] === 1) return (request[at + 2] << 8) | request[at + 3];
  }
  return 1500;
}

function isOpen(side: Side | undefined): boolean {
  return side !== undefined && side.down === undefined && (side.hasIpv4 || side.hasIpv6);
}

const someProxy = fc.constantFrom<((captured: PppProxy) => PppProxy | undefined)[]>(
  (captured) => captured,
  () => undefined,
  (captured) => ({ ...captured, proxyAuthenType: undefined, proxyAuthenResponse: undefined }),
  (captured) => ({ ...captured, lastReceivedLcpConfReq: undefined }),
  (captured) => ({ ...captured, initialReceivedLcpConfReq: undefined }),
);

describe('any client, LAC and LNS', () => {
  it.each([
    { name: 'a perfect path', path: PERFECT },
    { name: 'a bad path', path: { lossPercent: 15, duplicatePercent: 15, maxDelayMs: 300 } },
  ])('over $name agree, or part with a reason', ({ path }) => {
    let [opened, taken] = [0, 0];
    fc.assert(
      fc.property(
        policy,
        policy,
        policy,
        fc.nat(),
        fc.nat(4000),
        someProxy,
        (left, middle, right, seed, callMs, proxy) => {
          // The client is one that lets itself be asked; the rest of it is any.
          const client = clientSpec({ ...left, authenticatePeer: false });
          const known = client.userName === 'bob';
          const call = new Switched(client, serverSpec(middle), serverSpec(right), {
            seed,
            path,
            callMs,
            proxy,
            judge: (user) =>
              user === 'bob' ? checkAgainst('hunter2') : { verdict: 'reject', message: 'no such user' },
          }).run(MS_PER_DAY);
          const { lns, lac } = call;
          expect(call.client.link.deadline()).toBeUndefined();
          // A router's advertisements have no end.
          if (!lns?.hasIpv6) expect(lns?.link.deadline()).toBeUndefined();
          expect(call.ingress.deadline()).toBeUndefined();
          expect((lac.down === undefined) !== (call.captured === undefined)).toBe(true);
          if (middle.authenticatePeer && call.captured) expect(call.captured.proxy.proxyAuthenType).not.toBe(4);
          if (isOpen(lns) && right.authenticatePeer) {
            expect(lns?.authentications).toBeGreaterThan(0);
            expect(known && client.password?.equals(new Secret('hunter2'))).toBe(true);
            const { auth, user } = lns?.link.view() ?? {};
            expect(user).toBe('bob');
            expect(right.authMethods).toContain(auth);
          }
          if (path !== PERFECT) return;
          expect(isOpen(call.client)).toBe(isOpen(lns));
          if (lns === undefined || !isOpen(lns)) {
            expect((lac.down ?? lns?.down)?.reason).not.toBe('');
            expect(call.client.down).toBeDefined();
            return;
          }
          opened++;
          if (lns.link.view().proxy !== undefined) taken++;
          expect(lns.link.view().peerMru).toBe(lastMru(call.client.sent));
          expect(call.client.link.view().peerMru).toBe(lastMru([...lac.sent, ...lns.sent]));
          expect(lns.network?.pfc && !client.pfc).toBe(false);
          expect(lns.network?.acfc && !client.acfc).toBe(false);
          expect(call.client.network?.ipv4?.local).toBe(lns.network?.ipv4?.remote);
          expect(call.client.network?.ipv6?.localInterfaceId).toBe(lns.network?.ipv6?.remoteInterfaceId);
        },
      ),
      { numRuns: 500 },
    );
    // Or the property would be about nothing.
    if (path === PERFECT) expect(opened > 20 && taken > 5).toBe(true);
  });
});

const list = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .array(fc.tuple(fc.constantFrom(1, 2, 3, 5, 7, 8, 13, 17), fc.uint8Array({ maxLength: 6 })), { maxLength: 5 })
    .map((options) => Uint8Array.from(options.flatMap(([type, data]) => [type, data.length + 2, ...data]))),
  fc.constantFrom(
    Uint8Array.of(3, 4, 0xc0, 0x23),
    Uint8Array.of(3, 5, 0xc2, 0x23, 5),
    Uint8Array.of(3, 5, 0xc2, 0x23, 0x81),
    new Uint8Array(),
  ),
);

const lie: fc.Arbitrary<PppProxy> = fc.record(
  {
    initialReceivedLcpConfReq: list,
    lastSentLcpConfReq: list,
    lastReceivedLcpConfReq: list,
    proxyAuthenType: fc.oneof(fc.nat(6), fc.nat(0xffff)),
    proxyAuthenName: fc.string({ maxLength: 300 }),
    proxyAuthenChallenge: fc.uint8Array({ maxLength: 300 }),
    proxyAuthenId: fc.nat(0xffff),
    proxyAuthenResponse: fc
      .oneof(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
      .map((bytes) => new Secret(bytes)),
  },
  { requiredKeys: [] },
);

const truth: PppProxy = {
  lastSentLcpConfReq: Uint8Array.of(3, 4, 0xc0, 0x23),
  lastReceivedLcpConfReq: new Uint8Array(),
  proxyAuthenType: 3,
  proxyAuthenName: 'bob',
  proxyAuthenId: 1,
  proxyAuthenResponse: new Secret('hunter2'),
};

describe('a LAC that lies', () => {
  it('opens nothing without a verdict, and does no harm', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(
        fc.oneof(
          lie,
          lie.map((part) => ({ ...truth, ...part })),
          fc.constant(truth),
        ),
        fc.subarray([...METHODS], { minLength: 1 }),
        fc.boolean(),
        (proxy, authMethods, authenticatePeer) => {
          const spec = serverSpec({ authMethods, authenticatePeer });
          const link = new PppLink(spec, seededRandom(1), ADDRESSES.server, proxy);
          const effects: PppEffect[] = link.handle({ event: 'open' }, 0);
          const { phase, proxy: taken } = link.view();
          seen.add(`${phase} ${taken}`);
          const asked = effects.some(({ effect }) => effect === 'authenticate');
          if (authenticatePeer) expect(effects.some(({ effect }) => effect === 'allocate')).toBe(false);
          if (asked)
            expect(
              link.handle({ event: 'authenticated', answer: { verdict: 'reject', message: 'no' } }, 1),
            ).toContainEqual({ effect: 'notice', event: 'authFailed', message: expect.stringContaining('no') });
          // Whatever it was: the link hears what comes next, and ends when it should.
          const again = packet(0xc021, 1, 200, [5, 6, 9, 9, 9, 9]);
          link.handle({ event: 'frame', bytes: again, start: 0, end: again.length }, 2);
          for (let now = link.deadline(); now !== undefined; now = link.deadline()) link.handle({ event: 'tick' }, now);
          expect(link.view().phase === 'dead' || phase === 'network').toBe(true);
        },
      ),
      { numRuns: 3000 },
    );
    expect([...seen].sort()).toEqual([
      'authenticate lcp',
      'authenticate lcpAndAuth',
      'establish undefined',
      'network lcp',
    ]);
  });
});
