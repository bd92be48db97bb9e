/**
 * Control message authentication (RFC 3931 4.3): each message bears a digest over itself, both ends' nonces and the
 * shared secret. Without a secret the digest only shows damage on the way.
 */
import type { Random } from './effects.ts';
import type { Result } from './errors.ts';
import type { Secret, TunnelParameters } from './spec.ts';
import { checkMessage, type DigestRoom, digestKey, nonceIn, preferredKey, signMessage } from './wire/digest.ts';
import { messageCodeAt } from './wire/header.ts';
import { messageRows } from './wire/message-table.ts';

const nonceOctets = 16;
/** Of messages that are only checked for damage. */
const noSecretKeys = [digestKey(undefined)];
const noOctets = new Uint8Array(0);
/** In the digest of an SCCRQ there are none (RFC 3931 5.4.1). */
const noNonces = { local: noOctets, remote: noOctets };
/** RFC 3931 5.4.2. */
const notAuthorized = 4;

type Parameters = Pick<TunnelParameters, 'secret' | 'secondSecret' | 'digest'>;

export class MessageAuthentication {
  /** Whether the peer has shown that it knows the secret. */
  proved = false;
  private isSecond = false;
  private parameters: Parameters;
  private secretKeys: readonly Uint8Array[];
  /** The keys that were in force when a message was made, if others are now: its AVPs are hidden with the first. */
  private madeUnder: WeakMap<Uint8Array, readonly Uint8Array[]> | undefined;
  private ours: Uint8Array = noOctets;
  private theirs: Uint8Array = noOctets;

  constructor(parameters: Parameters) {
    this.parameters = parameters;
    this.secretKeys = keysOf(parameters);
  }

  /**
   * Secrets may change while the tunnel is up: the peer takes the new one if it has it as its second. `waiting`: the
   * messages that it has not acknowledged yet, which stay as they were made.
   */
  modify(parameters: Parameters, waiting: readonly Uint8Array[]): void {
    if (this.room && waiting.length > 0) {
      this.madeUnder ??= new WeakMap();
      for (const message of waiting) {
        if (!this.madeUnder.has(message)) this.madeUnder.set(message, this.keys);
      }
    }
    this.parameters = parameters;
    this.secretKeys = keysOf(parameters);
  }

  private get keys(): readonly Uint8Array[] {
    return this.ours.length > 0 || this.theirs.length > 0 ? this.secretKeys : noSecretKeys;
  }

  /** Whether both ends authenticate messages: only then AVPs are hidden (RFC 3931 5.3). */
  get isMutual(): boolean {
    return this.ours.length > 0 && this.theirs.length > 0;
  }

  /** The room for digests in each message of ours; undefined: they bear none. */
  get room(): DigestRoom | undefined {
    const { digest } = this.parameters;
    if (digest === 'none' && this.theirs.length === 0) return undefined;
    // Type 0 is the one that everybody must know (RFC 3931 5.4.1).
    return { type: digest === 'none' ? 'hmac-md5' : digest, count: this.keys.length > 1 ? 2 : 1 };
  }

  /** The nonce of our SCCRQ or SCCRP, which says that messages are authenticated. Undefined: they are not. */
  nonce(random: Random): Uint8Array | undefined {
    const { digest, secret } = this.parameters;
    if (!secret || (digest === 'none' && this.theirs.length === 0)) return undefined;
    if (this.ours.length === 0) this.ours = random.bytes(nonceOctets);
    return this.ours;
  }

  /**
   * Responder: the nonce of the peer's SCCRQ, which has been checked. Answers why it is refused, if it is:
   * both ends authenticate messages, or neither does.
   */
  meet(theirs: Uint8Array | undefined, isRequired: boolean): Result | undefined {
    const { secret, digest } = this.parameters;
    if (theirs && !secret) return refused('the peer authenticates its messages, and no secret is set');
    if (!theirs && isRequired) return refused('authMode is challenge, and the peer does not authenticate its messages');
    if (!theirs && secret && digest !== 'none') return refused('the peer does not authenticate its messages');
    // That it knows the secret now is shown by its next message: an SCCRQ may be an old one of somebody else's.
    this.theirs = theirs ?? noOctets;
    return undefined;
  }

  /** Fills the digests of a message of ours, header included. To be done again whenever anything in it changes. */
  sign(message: Uint8Array): void {
    if (!this.room) return;
    const nonces = isRequest(message, 0) ? noNonces : { local: this.ours, remote: this.theirs };
    signMessage(message, this.madeUnder?.get(message) ?? this.keys, nonces);
  }

  /**
   * Whether a message of the peer's, header included, may be used at all. Initiator: the SCCRP, whose nonce this takes
   * when its digest fits. A peer that refuses our SCCRQ has told no nonce.
   */
  admits(bytes: Uint8Array, start: number, end: number): boolean {
    const isExpected = this.ours.length > 0;
    const theirs = this.theirs.length > 0 || !isExpected ? this.theirs : (nonceIn(bytes, start, end) ?? noOctets);
    const nonces = isRequest(bytes, start) ? noNonces : { local: this.ours, remote: theirs };
    const verdict = checkMessage(bytes, start, end, this.keys, nonces);
    if (!isExpected) return verdict !== 'invalid';
    if (verdict !== 'valid') return false;
    this.theirs = theirs;
    this.proved ||= theirs.length > 0;
    this.isSecond = this.secretKeys.length > 1 && preferredKey(bytes, start, end, this.keys, nonces) === 1;
    return true;
  }

  /** The secret that the last message which was admitted hides its AVPs with. */
  get secret(): Secret | undefined {
    return this.isSecond ? this.parameters.secondSecret : this.parameters.secret;
  }
}

/**
 * Whether an SCCRQ may be used at all, from whom it says it is. One that is authenticated where no secret is set cannot be
 * checked: it is refused for that, which has no other effect.
 */
export function admitsRequest(parameters: Parameters, bytes: Uint8Array, start: number, end: number): boolean {
  const isAuthenticated = nonceIn(bytes, start, end) !== undefined;
  if (isAuthenticated && !parameters.secret) return true;
  const keys = isAuthenticated ? keysOf(parameters) : noSecretKeys;
  const verdict = checkMessage(bytes, start, end, keys, noNonces);
  return isAuthenticated ? verdict === 'valid' : verdict !== 'invalid';
}

/** The first is that of `secret`. */
function keysOf({ secret, secondSecret }: Parameters): readonly Uint8Array[] {
  return secret && secondSecret ? [digestKey(secret), digestKey(secondSecret)] : [digestKey(secret)];
}

function refused(message: string): Result {
  return { result: notAuthorized, error: 0, message };
}

/** Whether a message is an SCCRQ. */
function isRequest(bytes: Uint8Array, start: number): boolean {
  return messageCodeAt(bytes, start) === messageRows.SCCRQ.code;
}
