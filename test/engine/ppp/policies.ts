/** Any profile at all, for property tests. */
import fc from 'fast-check';
import type { NegotiationLimits, PppAuthMethod, PppSpec } from '../../../src/engine/ppp/spec.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';

export const METHODS: readonly PppAuthMethod[] = ['pap', 'chap', 'mschapv1', 'mschapv2', 'eap'];

const limits: fc.Arbitrary<NegotiationLimits> = fc.record({
  maxConfigRequests: fc.integer({ min: 1, max: 12 }),
  maxConfigNaks: fc.integer({ min: 0, max: 12 }),
  maxTerminateRequests: fc.integer({ min: 0, max: 3 }),
  // Longer than the way there and back, or the protocol itself finds no rest.
  retransmitMs: fc.integer({ min: 1000, max: 5000 }),
});

const address = fc.integer({ min: 0, max: 0xffffffff });

export const policy: fc.Arbitrary<Partial<PppSpec>> = fc.record({
  mtu: fc.integer({ min: 0, max: 65535 }),
  mru: fc.integer({ min: 0, max: 65535 }),
  acfc: fc.boolean(),
  pfc: fc.boolean(),
  magicNumber: fc.boolean(),
  authMethods: fc.uniqueArray(fc.constantFrom(...METHODS), { maxLength: METHODS.length }),
  authenticatePeer: fc.boolean(),
  userName: fc.option(fc.constantFrom('bob', '', 'DOM\\bob', 'x'.repeat(300)), { nil: undefined }),
  password: fc.option(
    fc.constantFrom('hunter2', 'wrong').map((text) => new Secret(text)),
    { nil: undefined },
  ),
  chapMaxChallenge: fc.integer({ min: 1, max: 4 }),
  papMaxRequests: fc.integer({ min: 1, max: 4 }),
  lcp: limits,
  ipcp: limits,
  ipv4: fc.record({
    local: fc.option(address, { nil: undefined }),
    remote: fc.option(address, { nil: undefined }),
    dns: fc.array(address, { maxLength: 2 }),
    wins: fc.array(address, { maxLength: 2 }),
    defaultRoute: fc.boolean(),
    proxyArp: fc.boolean(),
  }),
  ipv6: fc.record({
    enabled: fc.boolean(),
    // Few, so that both ends often want the same.
    interfaceId: fc.option(fc.oneof(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })), {
      nil: undefined,
    }),
    dns: fc.constant([]),
  }),
});
