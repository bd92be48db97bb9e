/** RADIUS servers behind a network that loses, delays, doubles and forges, all on a virtual clock. */
import { createHash } from 'node:crypto';
import type { Clock } from '../../../src/aaa/radius/clock.ts';
import { decodeRequest } from '../../../src/aaa/radius/decoding.ts';
import type { Attributes } from '../../../src/aaa/radius/dictionary.ts';
import { encodeAnswer } from '../../../src/aaa/radius/encoding.ts';
import type { AnswerType, Packet, RequestType } from '../../../src/aaa/radius/packet.ts';
import type { ServerSpec } from '../../../src/aaa/radius/server.ts';
import type { ChannelEvents, OpenChannel } from '../../../src/aaa/radius/udp.ts';

/** Time that passes when told, within the call. */
export class InstantClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ atMs: number; callback: () => void }>();

  now(): number {
    return this.#nowMs;
  }

  wall(): number {
    return 1_800_000_000_000 + this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + Math.max(0, delayMs), callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Lets so much time pass, or all there is until nothing is due any more. */
  run(ms = Number.POSITIVE_INFINITY): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      let next: { atMs: number; callback: () => void } | undefined;
      for (const timer of this.#timers) if (next === undefined || timer.atMs < next.atMs) next = timer;
      if (next === undefined || next.atMs > endMs) break;
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.callback();
    }
    if (endMs !== Number.POSITIVE_INFINITY) this.#nowMs = endMs;
  }
}

export interface Behaviour {
  /** What it answers; undefined: nothing. */
  answer(request: Packet<RequestType>): { type: AnswerType; attributes: Attributes } | undefined;
  /** How long each packet is on its way, once for each time it arrives; none: it is lost. */
  delays(): readonly number[];
  /** What else comes back with an answer. */
  forge?(answer: Uint8Array, request: Uint8Array): readonly Uint8Array[];
}

export const instantly: Pick<Behaviour, 'delays'> = { delays: () => [1] };

/** Says yes, and to whom. */
export const welcoming: Behaviour = {
  ...instantly,
  answer: ({ type, attributes: { userName } }) =>
    type === 'accessRequest'
      ? { type: 'accessAccept', attributes: { userName } }
      : { type: 'accountingResponse', attributes: {} },
};

export const silent: Behaviour = { ...instantly, answer: () => undefined };

interface Received {
  readonly atMs: number;
  /** Our source port. */
  readonly channel: number;
  readonly packet: Packet<RequestType>;
  /** The octets, to see repetitions. */
  readonly digest: string;
}

export class VirtualServers {
  readonly clock: Clock;
  readonly #behaviours = new Map<string, { spec: ServerSpec; behaviour: Behaviour }>();
  /** By the server's address. */
  readonly received = new Map<string, Received[]>();
  readonly channels: { address: string; events: ChannelEvents; closed: boolean }[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  set(spec: ServerSpec, behaviour: Behaviour): void {
    this.#behaviours.set(spec.address, { spec, behaviour });
  }

  at(address: string): Received[] {
    return this.received.get(address) ?? [];
  }

  readonly open: OpenChannel = ({ address }, events) => {
    const channel = { address, events, closed: false };
    const number = this.channels.push(channel) - 1;
    return {
      send: (bytes) => {
        for (const delay of this.#of(address).behaviour.delays()) {
          this.clock.setTimer(delay, () => this.#arrive(address, number, bytes));
        }
      },
      close: () => {
        channel.closed = true;
      },
    };
  };

  #of(address: string) {
    const known = this.#behaviours.get(address);
    if (!known) throw new Error(`nobody is at ${address}`);
    return known;
  }

  #arrive(address: string, number: number, bytes: Uint8Array): void {
    const { spec, behaviour } = this.#of(address);
    const packet = decodeRequest(bytes, spec.secret);
    const digest = createHash('sha1').update(bytes).digest('hex');
    this.received.set(address, this.at(address));
    this.received.get(address)?.push({ atMs: this.clock.now(), channel: number, packet, digest });
    const answer = behaviour.answer(packet);
    if (!answer) return;
    const encoded = encodeAnswer({ ...answer, identifier: packet.identifier }, spec.secret, packet.authenticator);
    const forged = behaviour.forge?.(encoded, bytes) ?? [];
    for (const delay of behaviour.delays()) {
      this.clock.setTimer(delay, () => {
        for (const each of [...forged, encoded]) {
          if (!this.channels[number].closed) this.channels[number].events.received(each);
        }
      });
    }
  }
}
