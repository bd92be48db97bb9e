/** On which terms two simulated nodes speak with each other, drawn at random: what either wants, both can. */
import { type Encapsulation, Secret, type SessionParameters, type TunnelParameters } from '../../src/engine/spec.ts';
import type { SeededRandom } from './world.ts';

export interface Terms {
  /** What they end up with. */
  version: 2 | 3;
  encapsulation: Encapsulation;
  /** Of one of the two. */
  parameters: (end: 'a' | 'b') => Partial<TunnelParameters>;
  /** Whether each knows that the other has the secret. */
  authenticated: boolean;
}

const versions = [
  ['v2', 'v2'],
  ['v2', 'auto'],
  ['auto', 'v2'],
  ['auto', 'auto'],
  ['auto', 'v3'],
  ['v3', 'auto'],
  ['v3', 'v3'],
] as const;

const [one, other] = [new Secret('tunnel secret'), new Secret('next secret')];

/** How far a change of the secret has come at the ends (RFC 3931 5.4.1, Message Digest). */
const rollovers: readonly Record<'a' | 'b', Pick<TunnelParameters, 'secret' | 'secondSecret'>>[] = [
  { a: { secret: one }, b: { secret: one } },
  { a: { secret: one, secondSecret: other }, b: { secret: one } },
  { a: { secret: one, secondSecret: other }, b: { secret: one, secondSecret: other } },
  { a: { secret: other, secondSecret: one }, b: { secret: one, secondSecret: other } },
];

export function pick<T>(dice: SeededRandom, from: readonly T[]): T {
  return from[dice.below(from.length)];
}

export function drawTerms(dice: SeededRandom): Terms {
  const [a, b] = pick(dice, versions);
  const version = a === 'v2' || b === 'v2' ? 2 : 3;
  const encapsulation = version === 3 && dice.chance(0.4) ? 'ip' : 'udp';
  const hasSecret = dice.chance(0.6);
  const digests = dice.chance(0.85);
  // L2TPv2 has one secret, and an authMode that digests take the place of.
  const secrets = hasSecret ? rollovers[version === 3 && digests ? dice.below(rollovers.length) : 0] : { a: {}, b: {} };
  const authMode = hasSecret && (version === 2 || digests) && dice.chance(0.5) ? 'challenge' : 'none';
  const ends = { a, b };
  const parameters = (end: 'a' | 'b'): Partial<TunnelParameters> => ({
    version: ends[end],
    ...secrets[end],
    authMode,
    digest: digests ? pick(dice, ['hmac-md5', 'hmac-sha1'] as const) : 'none',
    hideAvps: hasSecret && dice.chance(0.5),
  });
  const authenticated = hasSecret && (version === 3 ? digests : authMode === 'challenge');
  return { version, encapsulation, parameters, authenticated };
}

/** What data messages of a session look like, as far as one of its ends says. */
export function drawData(dice: SeededRandom): Partial<SessionParameters> {
  const l2SpecificSublayer = pick(dice, ['none', 'default'] as const);
  return {
    cookieLength: pick(dice, [0, 4, 8] as const),
    l2SpecificSublayer,
    dataSequencing: l2SpecificSublayer === 'none' ? 'none' : pick(dice, ['none', 'nonIp', 'all'] as const),
  };
}
