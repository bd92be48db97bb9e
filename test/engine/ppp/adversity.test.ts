import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AuthenticateAnswer } from '../../../src/engine/aaa.ts';
import type { PppEvent } from '../../../src/engine/ppp/link.ts';
import { PppLink } from '../../../src/engine/ppp/link.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { checkAgainst, Pair, type Path, PERFECT, packet, seededRandom } from './pair.ts';
import { METHODS, policy } from './policies.ts';
import { ADDRESSES, clientSpec, serverSpec } from './specs.ts';

const MS_PER_HOUR = 3_600_000;
const MS_PER_DAY = 24 * MS_PER_HOUR;

describe('over a bad path', () => {
  const PATHS: readonly (Path & { name: string })[] = [
    { name: 'that loses', lossPercent: 20, duplicatePercent: 0, maxDelayMs: 1 },
    { name: 'that doubles', lossPercent: 0, duplicatePercent: 60, maxDelayMs: 1 },
    { name: 'that reorders', lossPercent: 0, duplicatePercent: 0, maxDelayMs: 200 },
    { name: 'that does all of it', lossPercent: 10, duplicatePercent: 20, maxDelayMs: 400 },
  ];
  const CASES = PATHS.flatMap((path) => METHODS.map((method) => ({ name: path.name, method, path })));

  it.each(CASES)('$name, links open with $method, both ways and with IPv6', ({ method, path }) => {
    for (let seed = 0; seed < 25; seed++) {
      const common = { authMethods: [method], ipv6: { enabled: true, dns: [] }, authenticatePeer: seed % 2 === 0 };
      const ipv4 = { dns: [ADDRESSES.dns1], wins: [], defaultRoute: false, proxyArp: false };
      const login = { userName: 'lns', password: new Secret('hunter2') };
      const server = serverSpec({ ...common, ...login, authenticatePeer: true, ipv4 });
      const pair = new Pair(clientSpec(common), server, { seed, path }).open().run(120_000);
      const state = { seed, client: pair.client.down, server: pair.server.down };
      expect(state).toEqual({ seed, client: undefined, server: undefined });
      expect(pair.client.network?.ipv4).toEqual({ local: ADDRESSES.client, remote: ADDRESSES.server, dns: ipv4.dns });
      expect(pair.server.network?.ipv4).toMatchObject({ local: ADDRESSES.server, remote: ADDRESSES.client });
      expect(pair.server.network?.ipv6?.localInterfaceId).toBe(pair.client.network?.ipv6?.remoteInterfaceId);
      expect(pair.client.network?.ipv6?.localInterfaceId).toBe(pair.server.network?.ipv6?.remoteInterfaceId);
    }
  });
});

describe('over a bad path, challenged again and again', () => {
  it.each(['chap', 'mschapv1', 'mschapv2', 'eap'] as const)(
    'by %s, nobody is lost while every other verdict is',
    (method) => {
      const path = { lossPercent: 10, duplicatePercent: 20, maxDelayMs: 400 };
      for (let seed = 0; seed < 10; seed++) {
        let questions = 0;
        const judge = (): AuthenticateAnswer => {
          questions++;
          if (questions % 2 === 1) return checkAgainst('hunter2');
          return { verdict: 'reject', message: 'nobody is there', undecided: true };
        };
        const server = serverSpec({ authMethods: [method], chapIntervalMs: 20_000, mppe: 'optional' });
        const client = clientSpec({ authMethods: [method], mppe: 'optional' });
        const pair = new Pair(client, server, { seed, path, judge }).open().run(300_000);
        const down = [pair.client.down, pair.server.down];
        expect({ seed, down }).toEqual({ seed, down: [undefined, undefined] });
        expect(questions).toBeGreaterThan(5);
        expect([pair.client.hasIpv4, pair.server.hasIpv4]).toEqual([true, true]);
      }
    },
  );
});

describe('any two profiles', () => {
  it.each([
    { name: 'a perfect path', path: PERFECT },
    { name: 'a bad path', path: { lossPercent: 15, duplicatePercent: 15, maxDelayMs: 300 } },
  ])('over $name agree, or part with a reason', ({ path }) => {
    fc.assert(
      fc.property(policy, policy, fc.nat(), fc.boolean(), (left, right, seed, servers) => {
        const client = { ...clientSpec(left), role: servers ? ('server' as const) : ('client' as const) };
        const pair = new Pair(client, serverSpec(right), { seed, path }).open().run(MS_PER_DAY);
        const talk = [pair.client.talk, pair.server.talk];
        pair.run(MS_PER_HOUR);
        expect([pair.client.talk, pair.server.talk]).toEqual(talk);
        for (const side of [pair.client, pair.server]) {
          if (!side.hasIpv6) expect(side.link.deadline()).toBeUndefined();
          if (side.down !== undefined) {
            expect(side.down.reason).not.toBe('');
            expect(side.network?.ipv4 ?? side.network?.ipv6).toBeUndefined();
          }
        }
        // Only over a perfect path can both know that it is over: there is no echo here.
        if (path !== PERFECT) return;
        expect(pair.client.down === undefined).toBe(pair.server.down === undefined);
        if (pair.client.down !== undefined) return;
        const [a, b] = [pair.client.network, pair.server.network];
        expect(a?.ipv4 ?? a?.ipv6).toBeDefined();
        expect(pair.server.authentications > 0).toBe(right.authenticatePeer);
        expect(pair.client.authentications > 0).toBe(left.authenticatePeer);
        if (a?.ipv4 && b?.ipv4) {
          if (!servers) expect(a.ipv4.local).toBe(b.ipv4.remote);
          else expect([a.ipv4.remote, b.ipv4.remote]).toEqual([b.ipv4.local, a.ipv4.local]);
        }
        expect(a?.ipv4 === undefined).toBe(b?.ipv4 === undefined);
        expect(a?.ipv6?.localInterfaceId).toBe(b?.ipv6?.remoteInterfaceId);
        expect(a?.ipv6?.remoteInterfaceId).toBe(b?.ipv6?.localInterfaceId);
      }),
      { numRuns: 400 },
    );
  });
});

/** Frames that get past the first checks, with anything after. */
const nearlyRight = fc
  .tuple(
    fc.constantFrom(0xc021, 0x8021, 0x8057, 0xc023, 0xc223, 0xc227, 0x80fd, 0x0021, 0x0057, 0x8281),
    fc.nat(16),
    fc.nat(255),
    fc.uint8Array({ maxLength: 60 }),
  )
  .map(([protocol, code, identifier, data]) => packet(protocol, code, identifier, [...data]));

/** A frame of whole options. */
const options = fc
  .tuple(
    fc.constantFrom(0xc021, 0x8021, 0x8057),
    fc.integer({ min: 1, max: 4 }),
    fc.nat(4),
    fc.array(fc.tuple(fc.constantFrom(1, 2, 3, 5, 7, 8, 13, 129, 130, 131, 132), fc.uint8Array({ maxLength: 10 })), {
      maxLength: 6,
    }),
  )
  .map(([protocol, code, identifier, list]) => {
    const data = list.flatMap(([type, value]) => [type, value.length + 2, ...value]);
    return packet(protocol, code, identifier, data);
  });

const happening: fc.Arbitrary<PppEvent | 'wait' | 'hear'> = fc.oneof(
  { weight: 6, arbitrary: fc.constant('hear' as const) },
  { weight: 1, arbitrary: fc.constant('wait' as const) },
  {
    weight: 6,
    arbitrary: fc
      .oneof(nearlyRight, options, fc.uint8Array({ maxLength: 80 }))
      .map((bytes) => ({ event: 'frame' as const, bytes, start: 0, end: bytes.length })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<PppEvent>(
      { event: 'authenticated', answer: checkAgainst('hunter2') },
      { event: 'authenticated', answer: { verdict: 'reject', message: '' } },
      { event: 'authenticated', answer: { verdict: 'reject', message: '', undecided: true } },
      { event: 'authenticated', answer: { verdict: 'reject', message: '', msChapError: 'E=648 R=1 V=3' } },
      { event: 'authenticated', answer: { verdict: 'challenge', eap: Uint8Array.of(1, 9, 0, 5, 13) } },
      { event: 'authenticated', answer: { verdict: 'accept', grant: { ipv4: 5 } } },
      { event: 'allocated', answer: { ipv4: 6 } },
      { event: 'allocated', answer: { refused: { ipv4: 'no' } } },
      { event: 'tick' },
      { event: 'open' },
    ),
  },
);

describe('any frames', () => {
  it.each(['client', 'server'] as const)('in any state, a %s takes them all and stays bounded', (role) => {
    fc.assert(
      fc.property(
        fc.constantFrom(...METHODS),
        fc.array(happening, { maxLength: 60 }),
        fc.nat(),
        fc.boolean(),
        (method, happenings, seed, shorten) => {
          const common = { authMethods: [method], authenticatePeer: true, ipv6: { enabled: true, dns: [] } };
          const login = { userName: 'bob', password: new Secret('hunter2') };
          const specs = { client: clientSpec({ ...common, ...login }), server: serverSpec({ ...common, ...login }) };
          const other = role === 'client' ? 'server' : 'client';
          const link = new PppLink(specs[role], seededRandom(seed), ADDRESSES.server);
          const peer = new PppLink(specs[other], seededRandom(seed + 1), ADDRESSES.server);
          const queue: Uint8Array[] = [];
          let now = 0;
          let down = 0;
          const feed = (event: PppEvent): void => {
            const effects = link.handle(event, now);
            expect(effects.length).toBeLessThan(12);
            for (const effect of effects) {
              if (effect.effect === 'down') down++;
              if (effect.effect !== 'frame') continue;
              const { frame } = effect;
              for (const reply of peer.handle({ event: 'frame', bytes: frame, start: 0, end: frame.length }, now)) {
                if (reply.effect === 'frame') queue.push(reply.frame);
              }
            }
          };
          for (const effect of peer.handle({ event: 'open' }, now))
            if (effect.effect === 'frame') queue.push(effect.frame);
          feed({ event: 'open' });
          for (const next of happenings) {
            if (next === 'wait') {
              now = Math.max(now, link.deadline() ?? now);
              feed({ event: 'tick' });
            } else if (next === 'hear') {
              const frame = queue.shift();
              if (frame === undefined) continue;
              const end = shorten ? frame.length - (seed % 3) : frame.length;
              feed({ event: 'frame', bytes: frame, start: 0, end });
            } else {
              feed(next);
            }
            link.view();
          }
          expect(down).toBeLessThan(2);
          // Whatever was said: left alone, it ends or waits for the world, but never spins.
          feed({ event: 'close', reason: 'enough' });
          for (let ticks = 0; link.deadline() !== undefined; ticks++) {
            now = link.deadline() ?? now;
            feed({ event: 'tick' });
            expect(ticks).toBeLessThan(20);
          }
          expect(down).toBe(1);
          expect(link.view().phase).toBe('dead');
        },
      ),
      { numRuns: 1500 },
    );
  });
});
