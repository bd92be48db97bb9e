/**
 * Tunnel authentication: a challenge in SCCRQ or SCCRP is answered in the message that follows (RFC 2661 5.1.1).
 */
import type { Random } from './effects.ts';
import type { Result } from './errors.ts';
import type { QuirkName } from './quirks.ts';
import type { TunnelParameters } from './spec.ts';
import { equalBytes } from './wire/bytes.ts';
import { challengeResponse } from './wire/hidden.ts';

const challengeOctets = 16;
/** RFC 2661 4.4.2: the requester is not authorized. */
const notAuthorized = 4;

/** The Message Type of the answer goes into the digest (RFC 2661 4.4.3, Challenge Response). */
const chapIdOf = { SCCRP: 2, SCCCN: 3 } as const;

type Answer = keyof typeof chapIdOf;

export class TunnelAuthentication {
  /** Whether the peer proved that it knows the secret. */
  proved = false;
  private challenge: Uint8Array | undefined;

  /** The challenge to send, if the peer must prove itself. */
  ask({ authMode, secret }: TunnelParameters, random: Random): Uint8Array | undefined {
    if (authMode === 'challenge' && secret) this.challenge = random.bytes(challengeOctets);
    return this.challenge;
  }

  /** Why authentication cannot even be tried. */
  refusal({ authMode, secret }: TunnelParameters, theirs: Uint8Array | undefined): Result | undefined {
    if (secret) return undefined;
    if (theirs) return refused('the peer sent a challenge, and no secret is set');
    return authMode === 'challenge' ? refused('authMode is challenge, and no secret is set') : undefined;
  }

  /**
   * Why a request without a challenge is refused: authMode challenge is mutual, as who knows the secret wants to know
   * as well whom it calls. It is not asked of those that we dial, whose answer to ours is what shows who they are.
   */
  unchallenged(
    { authMode }: TunnelParameters,
    theirs: Uint8Array | undefined,
    quirks: ReadonlySet<QuirkName>,
  ): Result | undefined {
    if (authMode !== 'challenge' || theirs || quirks.has('neverChallenges')) return undefined;
    return refused('authMode is challenge, and the peer did not challenge us');
  }

  /** What we answer to the peer's challenge. */
  respond(answer: Answer, { secret }: TunnelParameters, theirs: Uint8Array | undefined): Uint8Array | undefined {
    return theirs && secret && challengeResponse(chapIdOf[answer], secret, theirs);
  }

  /** Checks the peer's answer to our challenge, if we sent one. */
  verify(answer: Answer, parameters: TunnelParameters, response: Uint8Array | undefined): Result | undefined {
    const expected = this.respond(answer, parameters, this.challenge);
    if (!expected) return undefined;
    if (!response) return refused('the peer did not answer our challenge');
    if (!equalBytes(expected, response)) return refused('the peer does not know the secret');
    this.proved = true;
    this.challenge = undefined;
    return undefined;
  }
}

function refused(message: string): Result {
  return { result: notAuthorized, error: 0, message };
}
