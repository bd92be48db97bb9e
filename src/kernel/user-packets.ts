/** IP packets of sessions that end here, between their PPP frames and the devices: filtered, fitted, held to a rate. */
import type { FilterRule, RateLimit } from '../engine/spec.ts';
import { Batch } from './batch.ts';
import type { Drops } from './drops.ts';
import { PacketFilters } from './filter.ts';
import { clampMss } from './mss.ts';
import { errnoName, native, packetWord, packetWords } from './native.ts';
import type { Outgoing } from './outgoing.ts';
import { pppProtocol } from './ppp-header.ts';
import type { L2tpSession, UserLimits } from './sessions.ts';
import { type ShapedDirection, Shaper, Shaping } from './shaping.ts';

export class UserPackets {
  readonly #drops: Drops;
  readonly #outgoing: Outgoing;
  readonly #count: (reason: string) => void;
  readonly #held: () => void;
  readonly #filters = new PacketFilters();

  /** Packets for devices. */
  readonly #packets = new Batch({
    words: packetWords,
    errorWord: packetWord.error,
    send: (slab, words, count) => native.writeBatch(slab, words, count),
    failed: (session, error, octets) => {
      session.rxPackets--;
      session.rxOctets -= octets;
      this.#drops.received(session);
      this.#count(`device ${errnoName(-error)}`);
    },
  });
  readonly #shaping = new Shaping(({ session, direction }, slab, floor, start, end) => {
    if (direction === 'rx') this.write(session, slab, start, end);
    else this.send(session, slab, floor, start, end);
  });

  /** `held` is called when `next` may have changed. */
  constructor(drops: Drops, outgoing: Outgoing, count: (reason: string) => void, held: () => void) {
    this.#drops = drops;
    this.#outgoing = outgoing;
    this.#count = count;
    this.#held = held;
  }

  /** Takes a packet that came from the peer. Answers why it is dropped. */
  up(session: L2tpSession, bytes: Uint8Array, start: number, end: number): string | undefined {
    const { limits } = session;
    if (limits?.filter?.permits('in', bytes, start, end) === false) return 'filtered';
    if (session.clampMtu !== 0) clampMss(bytes, start, end, session.clampMtu);
    if (limits?.rx !== undefined) {
      const verdict = this.judge(limits.rx, bytes, start, end);
      if (verdict !== 'now') return verdict === 'full' ? 'aboveRate' : undefined;
    }
    this.write(session, bytes, start, end);
    return undefined;
  }

  /** Takes a packet for the peer, before which there is room for headers from `floor` on. Answers why it is dropped. */
  down(session: L2tpSession, slab: Uint8Array, floor: number, start: number, end: number): string | undefined {
    const { limits } = session;
    if (limits?.filter?.permits('out', slab, start, end) === false) return 'filtered';
    if (session.clampMtu !== 0) clampMss(slab, start, end, session.clampMtu);
    if (limits?.tx !== undefined) {
      const verdict = this.judge(limits.tx, slab, start, end);
      if (verdict !== 'now') return verdict === 'full' ? 'aboveRate' : undefined;
    }
    this.send(session, slab, floor, start, end);
    return undefined;
  }

  private judge(shaper: Shaper, bytes: Uint8Array, start: number, end: number): 'now' | 'held' | 'full' {
    const verdict = this.#shaping.judge(shaper, bytes, start, end, performance.now());
    if (verdict === 'held') this.#held();
    return verdict;
  }

  private write(session: L2tpSession, bytes: Uint8Array, start: number, end: number): void {
    const at = this.#packets.place(bytes);
    const { words } = this.#packets;
    words[at + packetWord.fd] = session.carrier?.fd ?? -1;
    words[at + packetWord.offset] = start;
    words[at + packetWord.length] = end - start;
    this.#packets.add(session, end - start);
    session.rxPackets++;
    session.rxOctets += end - start;
  }

  private send(session: L2tpSession, slab: Uint8Array, floor: number, start: number, end: number): void {
    this.#outgoing.sendL2tp(session, slab, floor, prependPpp(session, slab, start, end), end, end - start);
  }

  /** Writes the gathered packets to their devices; to be called before a slab is used again. */
  flush(): void {
    this.#packets.flush();
  }

  // -------------------------------------------------------------- limits

  /**
   * What waits under another limit stays in order. Both ways must be flushed afterwards.
   * @throws PlaneError EINVAL when a filter's network is none
   */
  limit(session: L2tpSession, rate: RateLimit | undefined, rules: readonly FilterRule[] | undefined): void {
    const filter = rules && this.#filters.of(rules);
    const rx = this.shape(session, 'rx', rate?.rxBps ?? 0);
    const tx = this.shape(session, 'tx', rate?.txBps ?? 0);
    const limits: UserLimits = { filter, rx, tx };
    session.limits = (filter ?? rx ?? tx) ? limits : undefined;
  }

  private shape(session: L2tpSession, direction: ShapedDirection, bps: number): Shaper | undefined {
    const known = session.limits?.[direction];
    const now = performance.now();
    if (bps === 0) {
      if (known !== undefined) this.#shaping.flush(known);
      return undefined;
    }
    if (known === undefined) return new Shaper(session, direction, bps, now);
    known.change(bps, now);
    this.#shaping.changed(known, now);
    this.#held();
    return known;
  }

  /** Drops what waits for a session, which is detached or at its end. */
  forget({ limits }: L2tpSession): void {
    if (limits?.rx !== undefined) this.#shaping.forget(limits.rx);
    if (limits?.tx !== undefined) this.#shaping.forget(limits.tx);
  }

  /** How many packets wait. */
  get waiting(): number {
    return this.#shaping.packets;
  }

  /** When `expire` should be called next; never later than needed. */
  next(): number | undefined {
    return this.#shaping.next();
  }

  /** Passes on what has waited long enough. Both ways must be flushed afterwards. */
  expire(now: number): void {
    this.#shaping.expire(now);
  }
}

/** Writes the PPP header in front of an IP packet, which it may encrypt; answers where it starts. */
function prependPpp(session: L2tpSession, slab: Uint8Array, start: number, end: number): number {
  let at = start;
  let protocol: number = slab[start] >>> 4 === 4 ? pppProtocol.ipv4 : pppProtocol.ipv6;
  if (session.mppe !== undefined) {
    slab[--at] = protocol;
    slab[--at] = 0;
    at = session.mppe.encrypt(slab, at, end);
    protocol = pppProtocol.mppe;
  }
  slab[--at] = protocol;
  if (!session.pfc) slab[--at] = 0;
  if (!session.acfc) {
    slab[--at] = 0x03;
    slab[--at] = 0xff;
  }
  return at;
}
