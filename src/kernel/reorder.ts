/**
 * Puts data messages back into the order of their Ns (RFC 2661 5.4), or sequence number (RFC 3931 4.6.1). Late and repeated ones are dropped. One that
 * comes too early waits, where the session has time for that, until the missing ones have come or its time is over;
 * else what is missing is taken as lost, even if it comes afterwards.
 */
import { DeadlineQueue, notQueued, type Waiting } from '../engine/deadlines.ts';
import { maxHeaderOctets, sequenceMask } from './data-header.ts';
import type { L2tpSession } from './sessions.ts';

/** The most messages of one session that wait. */
export const maxHeldMessages = 256;
/** The most octets that wait, of all sessions together. */
export const maxHeldOctets = 16 * 1024 * 1024;
/** So many late messages, in order among themselves, mean that the peer counts anew (RFC 3931 Appendix C). */
export const lateRunLimit = 64;
/** `now`: it goes on, and all that were before it have gone. */
export type Arrival = 'now' | 'held' | 'late';

interface HeldMessage {
  readonly ns: number;
  readonly since: number;
  /** The payload, behind room for the header that it may leave with. */
  readonly bytes: Uint8Array;
  /** Of the sublayer. */
  readonly flags: number;
}

/** What waits for one session. */
export class HeldMessages implements Waiting {
  readonly queued = notQueued();
  readonly session: L2tpSession;
  /** Never empty while the session holds it. In the order of Ns, none of them the expected one. */
  readonly messages: HeldMessage[] = [];

  constructor(session: L2tpSession) {
    this.session = session;
  }

  /** When the first of them has waited long enough. */
  deadline(): number | undefined {
    let since = Number.POSITIVE_INFINITY;
    for (const message of this.messages) since = Math.min(since, message.since);
    return this.messages.length === 0 ? undefined : since + this.session.reorderTimeoutMs;
  }
}

type Deliver = (session: L2tpSession, bytes: Uint8Array, start: number, end: number, flags: number) => void;

export class Reorder {
  readonly #queue = new DeadlineQueue<HeldMessages>();
  readonly #deliver: Deliver;
  readonly #now: () => number;
  #octets = 0;

  /** `deliver` takes the payloads that have waited; they may be overwritten from the buffer's beginning. */
  constructor(deliver: Deliver, now: () => number) {
    this.#deliver = deliver;
    this.#now = now;
  }

  /** The octets that wait. */
  get octets(): number {
    return this.#octets;
  }

  /** How many sessions have something that waits. */
  get size(): number {
    return this.#queue.size;
  }

  /** Judges a message whose payload is bytes[start, end). After one that goes on now, `release` must be called. */
  arrive(session: L2tpSession, ns: number, bytes: Uint8Array, start: number, end: number, flags: number): Arrival {
    const ahead = distance(session, ns);
    if (ahead === 0) return goOn(session, ns);
    if (ahead > sequenceMask(session) >>> 1) {
      if (countLate(session, ns) < lateRunLimit) return late(session);
      this.flush(session);
      return goOn(session, ns);
    }
    if (session.reorderTimeoutMs > 0) return this.hold(session, ns, bytes, start, end, flags);
    session.rxLost += ahead;
    return goOn(session, ns);
  }

  private hold(
    session: L2tpSession,
    ns: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    flags: number,
  ): Arrival {
    const messages = session.held?.messages ?? [];
    const ahead = distance(session, ns);
    let place = messages.length;
    while (place > 0 && distance(session, messages[place - 1].ns) > ahead) place--;
    if (place > 0 && messages[place - 1].ns === ns) return late(session);

    const octets = maxHeaderOctets + end - start;
    if (messages.length === maxHeldMessages || this.#octets + octets > maxHeldOctets) {
      // No room: as if the time were over, for as many as it takes.
      if (place === 0) {
        session.rxLost += ahead;
        return goOn(session, ns);
      }
      this.skipGap(session);
      return this.arrive(session, ns, bytes, start, end, flags);
    }
    const copy = new Uint8Array(octets);
    copy.set(bytes.subarray(start, end), maxHeaderOctets);
    this.#octets += octets;
    session.lateRun = 0;
    session.held ??= new HeldMessages(session);
    session.held.messages.splice(place, 0, { ns, since: this.#now(), bytes: copy, flags });
    this.#queue.update(session.held);
    return 'held';
  }

  /** Passes on what the expected message was awaited by. */
  release(session: L2tpSession): void {
    if (session.held !== undefined) session.rxReordered += this.run(session, session.held);
  }

  /** Passes on all that waits, in order: nothing will fill the gaps. */
  flush(session: L2tpSession): void {
    while (session.held !== undefined) this.skipGap(session);
  }

  /** Drops what waits. */
  forget(session: L2tpSession): void {
    const { held } = session;
    if (held === undefined) return;
    for (const { bytes } of held.messages) this.#octets -= bytes.length;
    held.messages.length = 0;
    this.settle(held);
  }

  /** The time to wait has changed. */
  retime(session: L2tpSession): void {
    if (session.reorderTimeoutMs === 0) this.flush(session);
    else if (session.held !== undefined) this.#queue.update(session.held);
  }

  /** When `expire` should be called next; never later than needed. */
  next(): number | undefined {
    return this.#queue.next();
  }

  /** Passes on what has waited long enough. */
  expire(now: number): void {
    for (let held = this.#queue.takeDue(now); held !== undefined; held = this.#queue.takeDue(now)) {
      this.skipGap(held.session);
      if (held.session.held === held) this.#queue.update(held);
    }
  }

  /** Gives up what is missing before the first that waits. */
  private skipGap(session: L2tpSession): void {
    const { held } = session;
    if (held === undefined) return;
    const [first] = held.messages;
    session.rxLost += distance(session, first.ns);
    session.expected = first.ns;
    this.run(session, held);
  }

  /** Passes on the messages up to the next gap; answers how many. Who gets one may end the session. */
  private run(session: L2tpSession, held: HeldMessages): number {
    let count = 0;
    for (let first = held.messages[0]; first?.ns === session.expected; first = held.messages[0]) {
      held.messages.shift();
      this.#octets -= first.bytes.length;
      goOn(session, first.ns);
      count++;
      this.#deliver(session, first.bytes, maxHeaderOctets, first.bytes.length, first.flags);
    }
    this.settle(held);
    return count;
  }

  private settle(held: HeldMessages): void {
    if (held.messages.length > 0) return;
    this.#queue.remove(held);
    if (held.session.held === held) held.session.held = undefined;
  }
}

/** How far `ns` lies ahead of the expected one; beyond half of the numbers it lies behind. */
function distance(session: L2tpSession, ns: number): number {
  return (ns - session.expected) & sequenceMask(session);
}

function goOn(session: L2tpSession, ns: number): Arrival {
  session.lateRun = 0;
  session.expected = (ns + 1) & sequenceMask(session);
  return 'now';
}

/** Answers how many late ones have come in order and in a row. */
function countLate(session: L2tpSession, ns: number): number {
  const step = (ns - session.lastLate) & sequenceMask(session);
  const inOrder = step > 0 && step <= sequenceMask(session) >>> 1;
  session.lateRun = inOrder ? session.lateRun + 1 : 1;
  session.lastLate = ns;
  return session.lateRun;
}

function late(session: L2tpSession): Arrival {
  session.rxOutOfOrder++;
  return 'late';
}
