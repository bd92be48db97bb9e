/**
 * The reliable control message transport of one tunnel: Ns/Nr, windows, retransmission, acknowledgement
 * (RFC 2661 5.8 and Appendix A, RFC 3931 4.2).
 */
import type { Instant } from './effects.ts';
import type { TransportCounters } from './spec.ts';
import type { Dialect } from './wire/dialect.ts';
import type { DigestRoom } from './wire/digest.ts';
import type { Header } from './wire/header.ts';
import type { Secret } from './wire/secret.ts';

/** How long an acknowledgement waits for a message to ride on. */
const ackDelayMs = 10;
/** RFC 2661 5.8: the cap on the retransmission interval must not be below 8 s. */
const maxRetryIntervalMs = 8_000;
/** The window of a peer that announces none (RFC 2661 4.4.3, Receive Window Size). */
const defaultPeerWindow = 4;
/** Messages that may wait to be sent before we stop taking new ones from the peer: one for each call a tunnel can have. */
const maxBacklog = 65_535;

/** What a call's messages say is kept for the call's life. No peer has a reason to send a message longer than this. */
export const maxMessageOctets = 4_096;

const nothing = new Uint8Array(0);

export interface ChannelParameters {
  retryTimeoutMs: number;
  maxRetries: number;
  receiveWindow: number;
  transmitWindow: number;
}

/** A control message in order, ready for the tunnel: `bytes[start, end)` holds its AVPs, `sessionId` is the header's. */
export interface Incoming {
  sessionId: number;
  bytes: Uint8Array;
  start: number;
  end: number;
  /** With which its AVPs are hidden, if they are. */
  secret: Secret | undefined;
}

export class ControlChannel {
  /** Set when the peer did not acknowledge a message after all retries. */
  dead = false;
  lastReceivedAt: Instant;
  /** Whether messages that come too early are kept: not for somebody who may be nobody. */
  keepEarly = true;
  readonly counters: TransportCounters = {
    sent: 0,
    received: 0,
    retransmitted: 0,
    duplicates: 0,
    outOfOrder: 0,
    digestFailures: 0,
  };
  parameters: ChannelParameters;
  dialect: Dialect;
  /** The room for digests in acknowledgements. */
  digests: DigestRoom | undefined;

  private peersTunnelId = 0;
  /** Datagrams from the oldest unacknowledged one to the newest one queued; the first has sequence number `base`. */
  private queue: Uint8Array[] = [];
  private base = 0;
  /** How many at the front of the queue count against the window: those sent since the last time-out. */
  private inFlight = 0;
  /** How many at the front of the queue were ever sent: those that the peer may acknowledge. */
  private everSent = 0;
  private nextExpected = 0;
  /** Messages that came too early, by their Ns; most tunnels never have one. */
  private early: Map<number, Incoming> | undefined;
  private peerWindow = defaultPeerWindow;
  private congestionWindow = 1;
  private acksInAvoidance = 0;
  private slowStartThreshold: number;
  private retries = 0;
  private retryAt: Instant | undefined;
  private ackAt: Instant | undefined;
  private unacknowledged = 0;
  /**
   * Whether the peer acknowledges by empty messages (RFC 3931 6.15), and so gets such itself: to one that knows no others,
   * an ACK is a message with a number of its own, and what comes next by that number is lost.
   */
  private emptyAcks = false;

  constructor(dialect: Dialect, parameters: ChannelParameters, now: Instant) {
    this.dialect = dialect;
    this.parameters = parameters;
    this.slowStartThreshold = defaultPeerWindow;
    this.lastReceivedAt = now;
  }

  /** 0 until the peer has told it. What waits to be sent follows it. */
  get remoteTunnelId(): number {
    return this.peersTunnelId;
  }

  set remoteTunnelId(tunnelId: number) {
    this.peersTunnelId = tunnelId;
    for (const datagram of this.queue) this.dialect.patchTunnelId(datagram, tunnelId);
  }

  /** The peer's Receive Window Size AVP; 0 is invalid (RFC 2661 5.8) and leaves the default. */
  setPeerWindow(window: number): void {
    if (window > 0) this.peerWindow = this.slowStartThreshold = window;
  }

  /** Queues a message for the peer and returns the datagrams to send now. */
  send(sessionId: number, body: Uint8Array, now: Instant): Uint8Array[] {
    const ns = (this.base + this.queue.length) & 0xffff;
    this.queue.push(this.dialect.encodeControl(this.remoteTunnelId, sessionId, ns, this.nextExpected, body));
    return this.fill(now);
  }

  /**
   * Takes a control message that arrived. Returns those that are now in order; an acknowledgement may also open the
   * window: call `fill` after the messages have been dealt with.
   */
  receive(header: Header, bytes: Uint8Array, now: Instant, secret?: Secret): Incoming[] {
    this.lastReceivedAt = now;
    this.acknowledge(header.nr, now);
    if (this.dialect.isAck(bytes, header)) {
      this.emptyAcks ||= header.payloadStart === header.payloadEnd;
      return [];
    }
    this.counters.received++;
    const ahead = (header.ns - this.nextExpected) & 0xffff;
    if (ahead >= 0x8000) {
      this.counters.duplicates++;
      this.ackAt = now; // it must be acknowledged again: our last acknowledgement may be lost
      return [];
    }
    if (ahead >= this.parameters.receiveWindow || this.queue.length - this.inFlight > maxBacklog) return [];
    const { sessionId, payloadStart: start, payloadEnd: end } = header;
    if (ahead > 0) {
      this.counters.outOfOrder++;
      // A longer one comes again, and is refused in its turn.
      if (this.keepEarly && end - start <= maxMessageOctets && !this.early?.has(header.ns)) {
        this.early ??= new Map();
        this.early.set(header.ns, {
          sessionId,
          bytes: new Uint8Array(bytes.subarray(start, end)),
          start: 0,
          end: end - start,
          secret,
        });
      }
      this.ackAt = now;
      return [];
    }
    const inOrder: Incoming[] = [{ sessionId, bytes, start, end, secret }];
    this.expectNext(now);
    for (let next = this.takeEarly(); next; next = this.takeEarly()) {
      inOrder.push(next);
      this.expectNext(now);
    }
    return inOrder;
  }

  /** Sends what the windows allow. */
  fill(now: Instant): Uint8Array[] {
    const window = Math.min(this.peerWindow, this.parameters.transmitWindow, this.congestionWindow);
    const datagrams: Uint8Array[] = [];
    while (this.inFlight < window && this.inFlight < this.queue.length) {
      const datagram = this.queue[this.inFlight++];
      this.dialect.patchNr(datagram, this.nextExpected);
      datagrams.push(datagram);
      if (this.inFlight <= this.everSent) {
        this.counters.retransmitted++;
      } else {
        this.everSent = this.inFlight;
        this.counters.sent++;
      }
      this.acknowledged();
    }
    if (datagrams.length > 0) this.retryAt ??= now + this.retryInterval();
    return datagrams;
  }

  /** Retransmits and acknowledges what is due. Sets `dead` when the peer is gone. */
  tick(now: Instant): Uint8Array[] {
    let datagrams: Uint8Array[] = [];
    if (this.retryAt !== undefined && now >= this.retryAt) {
      if (this.retries >= this.parameters.maxRetries) {
        this.dead = true;
        this.retryAt = this.ackAt = undefined;
        return [];
      }
      this.retries++;
      // Appendix A: congestion; what was in flight goes out again as the window grows.
      this.slowStartThreshold = Math.max(1, this.congestionWindow >> 1);
      this.congestionWindow = 1;
      this.inFlight = 0;
      this.retryAt = undefined;
      datagrams = this.fill(now);
    }
    if (this.ackAt !== undefined && now >= this.ackAt) {
      this.acknowledged();
      datagrams.push(this.acknowledgement());
    }
    return datagrams;
  }

  private acknowledgement(): Uint8Array {
    const { dialect, remoteTunnelId, nextExpected, digests } = this;
    const ns = (this.base + this.everSent) & 0xffff;
    return this.emptyAcks
      ? dialect.encodeControl(remoteTunnelId, 0, ns, nextExpected, nothing)
      : dialect.encodeAck(remoteTunnelId, ns, nextExpected, digests);
  }

  deadline(): Instant | undefined {
    if (this.retryAt === undefined) return this.ackAt;
    return this.ackAt === undefined ? this.retryAt : Math.min(this.retryAt, this.ackAt);
  }

  /** The datagrams that the peer has not acknowledged, those not yet sent among them. */
  get waiting(): readonly Uint8Array[] {
    return this.queue;
  }

  /** Whether everything we sent has been acknowledged. */
  get idle(): boolean {
    return this.queue.length === 0;
  }

  /** The time from the first sending of a message until the peer is given up: RFC 2661's full retransmission cycle. */
  get retransmissionCycleMs(): number {
    let total = 0;
    for (let retry = 0; retry <= this.parameters.maxRetries; retry++) total += this.intervalAfter(retry);
    return total;
  }

  /** The peer has answered in another version: but for what it has answered, nothing is left that it could read. */
  become(dialect: Dialect): void {
    this.dialect = dialect;
    this.queue.length = Math.min(this.queue.length, 1);
    this.everSent = Math.min(this.everSent, 1);
    this.inFlight = Math.min(this.inFlight, 1);
  }

  /** Forgets what is queued and not yet sent: nothing but a StopCCN matters any more. */
  dropUnsent(): void {
    this.queue.length = this.everSent;
  }

  private acknowledge(nr: number, now: Instant): void {
    const acked = (nr - this.base) & 0xffff;
    if (acked === 0 || acked > this.everSent) return; // nothing new, or garbage
    this.queue.splice(0, acked);
    this.base = nr;
    this.everSent -= acked;
    this.inFlight = Math.max(0, this.inFlight - acked);
    this.retries = 0;
    this.retryAt = this.inFlight > 0 ? now + this.retryInterval() : undefined;
    // Each message counts, as if each had been acknowledged apart: so the window doubles with each round trip.
    for (let ack = 0; ack < acked; ack++) this.grow();
  }

  /** Appendix A: slow start below the threshold, then one more for each full window. */
  private grow(): void {
    if (this.congestionWindow >= this.peerWindow) return;
    if (this.congestionWindow < this.slowStartThreshold) {
      this.congestionWindow++;
    } else if (++this.acksInAvoidance >= this.congestionWindow) {
      this.acksInAvoidance = 0;
      this.congestionWindow++;
    }
  }

  private expectNext(now: Instant): void {
    this.nextExpected = (this.nextExpected + 1) & 0xffff;
    this.unacknowledged++;
    // A sender with half its window outstanding must not be kept waiting.
    this.ackAt = 2 * this.unacknowledged >= this.parameters.receiveWindow ? now : (this.ackAt ?? now + ackDelayMs);
  }

  private takeEarly(): Incoming | undefined {
    const message = this.early?.get(this.nextExpected);
    if (message) this.early?.delete(this.nextExpected);
    if (this.early?.size === 0) this.early = undefined;
    return message;
  }

  /** Every transmission carries the present Nr, and so is an acknowledgement (RFC 2661 5.8). */
  private acknowledged(): void {
    this.ackAt = undefined;
    this.unacknowledged = 0;
  }

  private retryInterval(): number {
    return this.intervalAfter(this.retries);
  }

  private intervalAfter(retries: number): number {
    return Math.min(this.parameters.retryTimeoutMs * 2 ** retries, maxRetryIntervalMs);
  }
}
