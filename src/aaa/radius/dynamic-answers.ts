/** Who may send CoA and Disconnect requests, and what was answered to which (RFC 5176 2.3, 6.3). */
import type { RadiusSpec, Secret } from '../../engine/spec.ts';
import type { Clock } from './clock.ts';
import { decodeRequest } from './decoding.ts';
import { type DynamicParts, dynamicAnswer } from './dynamic-request.ts';
import { encodeAnswer } from './encoding.ts';
import { BadPacket, maxPacketOctets, messageAuthenticator } from './packet.ts';
import { canonical } from './udp.ts';

/** How long a request is known again, and how old or new one may be that says when it was made. */
const windowMs = 300_000;
/** How many answers are kept for requests that come again; the oldest go first. */
const MAX_ANSWERS = 4_096;
/** An answer gives back what it must of the request; what it adds is Message-Authenticator and Error-Cause. */
const maxRequestOctets = maxPacketOctets - messageAuthenticator.octets - 6;

interface Answered {
  readonly atMs: number;
  readonly octets: Uint8Array;
}

export class DynamicAnswers {
  readonly #clock: Clock;
  readonly #parts: DynamicParts;
  #spec: RadiusSpec | undefined;
  /** By `PORT ADDRESS`: who may send there. */
  #secrets = new Map<string, Secret[]>();
  readonly #drops = new Map<string, number>();
  /** In the order in which they were given. */
  readonly #answered = new Map<string, Answered>();

  constructor(clock: Clock, parts: DynamicParts) {
    this.#clock = clock;
    this.#parts = parts;
  }

  /** undefined: nobody may send anything. */
  configure(spec: RadiusSpec | undefined): void {
    this.#spec = spec;
    this.#secrets = new Map();
    for (const { address, coaPort, secret } of spec?.servers ?? []) {
      if (coaPort === 0) continue;
      const key = `${coaPort} ${canonical(address)}`;
      this.#secrets.set(key, [...(this.#secrets.get(key) ?? []), secret]);
    }
  }

  /** Datagrams from that server's address that were no request of who knows the secret, or old ones. */
  dropped(address: string): number {
    return this.#drops.get(canonical(address)) ?? 0;
  }

  /** The answer to a datagram that came to our port; undefined: there is none. */
  answer(port: number, from: { address: string; port: number }, octets: Uint8Array): Uint8Array | undefined {
    const secrets = this.#secrets.get(`${port} ${from.address}`);
    // What strangers send is not even counted: there is no end to strangers.
    if (secrets === undefined) return undefined;
    let failure: BadPacket | undefined;
    for (const secret of secrets) {
      try {
        const answer = this.#answerRequest(from, octets, secret);
        if (answer === undefined) break;
        return answer;
      } catch (error) {
        if (!(error instanceof BadPacket)) throw error;
        failure = error;
        if (failure.reason !== 'authenticator') break;
      }
    }
    this.#drops.set(from.address, this.dropped(from.address) + 1);
    return undefined;
  }

  #answerRequest(from: { address: string; port: number }, octets: Uint8Array, secret: Secret): Uint8Array | undefined {
    const request = decodeRequest(octets, secret);
    const { type, identifier, attributes, others, authenticator } = request;
    if (type !== 'coaRequest' && type !== 'disconnectRequest') throw new BadPacket('type', `${type} is not for us`);
    if (octets.length > maxRequestOctets) throw new BadPacket('header', `${octets.length} octets: no answer would fit`);
    const spec = this.#spec;
    if (spec === undefined || !this.#isTimely(attributes.eventTimestamp)) return undefined;
    // With its time in it, a request that comes from another port is a repetition too: someone else's.
    const source = attributes.eventTimestamp === undefined ? `${from.address} ${from.port}` : from.address;
    const key = `${source} ${Buffer.from(authenticator).toString('base64')}`;
    const now = this.#clock.now();
    this.#forget(now);
    const before = this.#answered.get(key);
    if (before) return before.octets;
    const answer = dynamicAnswer({ type, attributes, others }, spec, this.#parts);
    const encoded = encodeAnswer({ ...answer, identifier }, secret, authenticator);
    this.#answered.set(key, { atMs: now, octets: encoded });
    return encoded;
  }

  #isTimely(eventTimestamp: number | undefined): boolean {
    return eventTimestamp === undefined || Math.abs(this.#clock.wall() - eventTimestamp * 1000) <= windowMs;
  }

  #forget(now: number): void {
    for (const [key, { atMs }] of this.#answered) {
      if (now - atMs <= windowMs && this.#answered.size < MAX_ANSWERS) return;
      this.#answered.delete(key);
    }
  }
}
