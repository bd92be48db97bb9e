/** Where servers may change and end sessions unasked (RFC 5176). */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { AaaEvents, AccountRecord } from '../../engine/aaa.ts';
import type { RadiusSpec } from '../../engine/spec.ts';
import type { Clock } from './clock.ts';
import { DynamicAnswers } from './dynamic-answers.ts';
import { DynamicSessions } from './dynamic-sessions.ts';
import type { RadiusSessions } from './sessions.ts';

/** When a port that could not be had is tried again. */
const reopenMs = 10_000;

export interface DynamicServerParts {
  sessions: RadiusSessions;
  clock: Clock;
  events: AaaEvents;
  /** In words for the operator. */
  onTrouble(message: string): void;
}

export class DynamicServer {
  readonly #clock: Clock;
  readonly #sessions: RadiusSessions;
  readonly #onTrouble: (message: string) => void;
  readonly #live = new DynamicSessions();
  readonly #answers: DynamicAnswers;
  #spec: RadiusSpec | undefined;
  /** By `PORT FAMILY`. */
  readonly #sockets = new Map<string, Socket>();
  /** The ports that cannot be had, of which the operator knows. */
  readonly #told = new Set<string>();
  #cancelReopen: (() => void) | undefined;

  constructor({ sessions, clock, events, onTrouble }: DynamicServerParts) {
    this.#clock = clock;
    this.#sessions = sessions;
    this.#onTrouble = onTrouble;
    this.#answers = new DynamicAnswers(clock, { live: this.#live, sessions, events, isOurs });
  }

  /** undefined: nobody may send anything. */
  configure(spec: RadiusSpec | undefined): void {
    this.#spec = spec;
    this.#answers.configure(spec);
    const asking = (spec?.servers ?? []).filter(({ coaPort }) => coaPort !== 0);
    const wanted = new Set(asking.map(({ address, coaPort }) => `${coaPort} ${isIPv6(address) ? 'udp6' : 'udp4'}`));
    for (const [key, socket] of this.#sockets) {
      if (wanted.has(key)) continue;
      this.#sockets.delete(key);
      socket.close();
    }
    for (const key of wanted) if (!this.#sockets.has(key)) this.#open(key);
  }

  /** Follows the sessions that there are. */
  account(record: AccountRecord): void {
    this.#live.account(record, this.#sessions.of(record.session));
  }

  /** Datagrams from that server's address that were no request of who knows the secret, or old ones. */
  dropped(address: string): number {
    return this.#answers.dropped(address);
  }

  close(): void {
    this.#cancelReopen?.();
    this.configure(undefined);
  }

  #open(key: string): void {
    const [port, family] = key.split(' ');
    const socket = createSocket({ type: family === 'udp6' ? 'udp6' : 'udp4', ipv6Only: family === 'udp6' });
    this.#sockets.set(key, socket);
    socket.on('message', (octets, from) => {
      const answer = this.#answers.answer(Number(port), from, octets);
      // One that cannot be sent is asked for again.
      if (answer) socket.send(answer, from.port, from.address, () => undefined);
    });
    socket.on('listening', () => this.#told.delete(key));
    socket.on('error', (error) => {
      if (!this.#told.has(key)) this.#onTrouble(`RADIUS servers cannot change or end sessions: ${error.message}`);
      this.#told.add(key);
      if (this.#sockets.get(key) !== socket) return;
      this.#sockets.delete(key);
      socket.close();
      this.#cancelReopen ??= this.#clock.setTimer(reopenMs, () => {
        this.#cancelReopen = undefined;
        this.configure(this.#spec);
      });
    });
    socket.bind(Number(port));
  }
}

function isOurs(address: string): boolean {
  return Object.values(networkInterfaces()).some((all) => all?.some((each) => each.address === address));
}
