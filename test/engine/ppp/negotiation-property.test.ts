/** What two ends that are open hold of each other, after any negotiation. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuthenticateAnswer } from '../../../src/engine/aaa.ts';
import type { PppSpec } from '../../../src/engine/ppp/spec.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { Pair, type Path, PERFECT, type Side } from './pair.ts';
import { METHODS, policy } from './policies.ts';
import { ADDRESSES, clientSpec, serverSpec } from './specs.ts';

const MS_PER_DAY = 86_400_000;
const DEFAULT_MRU = 1500;

/** The MRU that an end told in its last Configure-Request. */
function toldMru(side: Side): number {
  const requests = side.sent.filter((frame) => frame[2] === 0xc0 && frame[3] === 0x21 && frame[4] === 1);
  const last = requests[requests.length - 1];
  for (let at = 8; at < last.length; at += last[at + 1]) if (last[at] === 1) return last[at + 2] * 256 + last[at + 3];
  return DEFAULT_MRU;
}

function expectAgreement(one: Side, other: Side): void {
  const [a, b] = [one.link.view(), other.link.view()];
  expect([a.peerMru, b.peerMru]).toEqual([toldMru(other), toldMru(one)]);
  expect([a.ipv6?.localInterfaceId, a.ipv6?.remoteInterfaceId]).toEqual([
    b.ipv6?.remoteInterfaceId,
    b.ipv6?.localInterfaceId,
  ]);
  if (a.ipv6) {
    expect(a.ipv6.localInterfaceId).not.toBe(a.ipv6.remoteInterfaceId);
    expect([a.ipv6.localInterfaceId, a.ipv6.remoteInterfaceId]).not.toContain(0n);
  }
  expect(a.ipv4?.local).toBe(b.ipv4?.remote);
  for (const [end, peer] of [
    [one, other],
    [other, one],
  ]) {
    expect(end.network?.mtu).toBeLessThanOrEqual(toldMru(peer));
  }
}

/** A client that lets itself be asked, and a server that may ask: who proves what to whom is then plain. */
const asked = fc.tuple(policy, policy, fc.nat(), fc.option(fc.bigInt({ min: 0n, max: 4n }), { nil: undefined }));

/** Most of the clients may come in; both ends mostly speak IPv6. */
function meet([left, right, seed, interfaceId]: [Partial<PppSpec>, Partial<PppSpec>, number, bigint?], path: Path) {
  const known = seed % 4 === 0 ? {} : { userName: 'bob', password: new Secret('hunter2') };
  const ipv6 = (spec: PppSpec) => (seed % 5 === 0 ? spec.ipv6 : { ...spec.ipv6, enabled: true });
  const { ipv4 } = clientSpec();
  const asClient = clientSpec({ ...left, ...known, authenticatePeer: false, ipv4 });
  const client = { ...asClient, ipv6: ipv6(asClient) };
  const asServer = serverSpec(right);
  const server = { ...asServer, ipv6: ipv6(asServer) };
  const judge = (user: string): AuthenticateAnswer =>
    user === 'bob'
      ? { verdict: 'check', secret: new Secret('hunter2'), grant: { interfaceId } }
      : { verdict: 'reject', message: 'no such user' };
  return { client, server, pair: new Pair(client, server, { seed, path, judge }).open().run(MS_PER_DAY) };
}

describe('a server and a client with any profiles', () => {
  it('agree on all that they have negotiated, or both know in words why not', () => {
    const seen = { open: 0, refused: 0, methods: new Set<string>(), ipv6: 0, granted: 0 };
    fc.assert(
      fc.property(asked, (scene) => {
        const { client, server, pair } = meet(scene, PERFECT);
        expect(pair.client.down === undefined).toBe(pair.server.down === undefined);
        if (pair.client.down !== undefined) {
          seen.refused++;
          for (const side of [pair.client, pair.server]) {
            expect(side.down?.reason).toMatch(/\w+ \w+/);
            expect(side.link.view().failure).toBe(side.down?.reason);
          }
          return;
        }
        seen.open++;
        expectAgreement(pair.client, pair.server);
        const [mine, theirs] = [pair.client.link.view(), pair.server.link.view()];
        expect(mine.auth).toBe(theirs.auth);
        expect(theirs.auth === undefined).toBe(!server.authenticatePeer);
        if (theirs.auth !== undefined) {
          expect(server.authMethods).toContain(theirs.auth);
          expect(client.authMethods).toContain(theirs.auth);
          expect([mine.user, theirs.user]).toEqual(['bob', 'bob']);
          seen.methods.add(theirs.auth);
        }
        expect(pair.client.hasIpv4 || pair.client.hasIpv6).toBe(true);
        const wanted = server.authenticatePeer ? scene[3] : undefined;
        if (theirs.ipv6) seen.ipv6++;
        if (theirs.ipv6 && wanted) {
          seen.granted++;
          // Our own client takes what it is told, whatever its profile names. Once is too seldom when both clash.
          if (server.ipcp.maxConfigNaks > 1) expect(theirs.ipv6.remoteInterfaceId).toBe(wanted);
        }
      }),
      { numRuns: 1_500 },
    );
    // Or the property would be about nothing.
    expect([...seen.methods].sort()).toEqual([...METHODS].sort());
    expect([seen.open > 200, seen.refused > 100, seen.ipv6 > 200, seen.granted > 20]).toEqual(Array(4).fill(true));
  });

  it('over a bad path agree when both are open', () => {
    let open = 0;
    fc.assert(
      fc.property(asked, fc.nat(30), fc.nat(30), fc.integer({ min: 1, max: 400 }), (scene, loss, twice, maxDelayMs) => {
        const { pair } = meet(scene, { lossPercent: loss, duplicatePercent: twice, maxDelayMs });
        for (const side of [pair.client, pair.server]) {
          if (side.down !== undefined) expect(side.down.reason).toMatch(/\w+ \w+/);
        }
        const both = [pair.client, pair.server].every(({ network, down }) => !down && (network?.ipv4 ?? network?.ipv6));
        if (!both) return;
        open++;
        const [a, b] = [pair.client.link.view(), pair.server.link.view()];
        expect(a.auth).toBe(b.auth);
        if (a.ipv4 && b.ipv4) expect(a.ipv4.local).toBe(b.ipv4.remote);
        if (a.ipv6 && b.ipv6) expect(a.ipv6.localInterfaceId).toBe(b.ipv6.remoteInterfaceId);
      }),
      { numRuns: 800 },
    );
    expect(open).toBeGreaterThan(50);
  });
});

describe('interface identifiers that clash', () => {
  it.each([1, 2, 3])('from the same profile become two, with at least %i Naks allowed', (maxConfigNaks) => {
    for (let seed = 0; seed < 50; seed++) {
      const ipcp = { ...serverSpec().ipcp, maxConfigNaks };
      const common = { ipcp, ipv6: { enabled: true, interfaceId: 7n, dns: [] } };
      const path = { lossPercent: 0, duplicatePercent: 0, maxDelayMs: seed % 2 === 0 ? 1 : 50 };
      const pair = new Pair(clientSpec(common), serverSpec(common), { seed, path }).open().run(60_000);
      expect(pair.client.hasIpv6 && pair.server.hasIpv6).toBe(true);
      expectAgreement(pair.client, pair.server);
    }
  });
});

describe('a Configure-Request of an earlier negotiation', () => {
  const common: Partial<PppSpec> = { ipv6: { enabled: true, dns: [] }, authMethods: ['chap'] };
  const specs = {
    client: { before: clientSpec({ ...common, mru: 1400 }), after: clientSpec({ ...common, mru: 1300 }) },
    server: { before: serverSpec({ ...common, mru: 1400 }), after: serverSpec({ ...common, mru: 1300 }) },
  };

  function begun(seed: number, restarted: 'client' | 'server') {
    const pair = new Pair(specs.client.before, specs.server.before, { seed }).open().run(20_000);
    const old = pair[restarted].sent.filter((frame) => frame[4] === 1 && frame[2] !== 0xc2);
    return { pair: pair.restart(restarted, specs[restarted].after), old };
  }

  it.each(['client', 'server'] as const)(
    'that comes late, at any moment, does no harm when the %s has restarted',
    (end) => {
      let runs = 0;
      for (let seed = 0; seed < 6; seed++) {
        const requests = begun(seed, end).old.length;
        for (let which = 0; which < requests; which++) {
          for (let steps = 0, more = true; more && steps < 60; steps++) {
            const { pair, old } = begun(seed, end);
            const until = pair.now + 2_500;
            for (let i = 0; more && i < steps; i++) more = pair.step(until);
            pair.inject(end === 'client' ? 'server' : 'client', old[which]).run(60_000);
            expect({ seed, which, steps, down: [pair.client.down, pair.server.down] }).toEqual({
              seed,
              which,
              steps,
              down: [undefined, undefined],
            });
            expect(pair.client.hasIpv4 && pair.client.hasIpv6 && pair.server.hasIpv4 && pair.server.hasIpv6).toBe(true);
            expectAgreement(pair.client, pair.server);
            expect(pair.client.network?.ipv4?.local).toBe(ADDRESSES.client);
            runs++;
          }
        }
      }
      expect(runs).toBeGreaterThan(300);
    },
  );
});
