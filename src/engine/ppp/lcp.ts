/** The Link Control Protocol (RFC 1661 5-6, with the codes of RFC 1570 1): beside its negotiation, an open link's upkeep. */
import type { Instant } from '../effects.ts';
import { readU16, readU32 } from '../wire/bytes.ts';
import { State } from './automaton.ts';
import { MAX_REJECTED_OCTETS } from './control-protocol.ts';
import { ending } from './disconnect-cause.ts';
import type { FrameSink } from './events.ts';
import { frameWriter, PACKET_HEADER_OCTETS, Protocol, packetEnd } from './frame.ts';
import { LcpNegotiation } from './lcp-negotiation.ts';

const LcpCode = {
  protocolReject: 8,
  echoRequest: 9,
  echoReply: 10,
  discard: 11,
  identification: 12,
  timeRemaining: 13,
} as const;

export class Lcp extends LcpNegotiation {
  private echoesUnanswered = 0;

  protected override onOtherCode(
    code: number,
    bytes: Uint8Array,
    at: number,
    end: number,
    now: Instant,
    out: FrameSink,
  ): number | undefined {
    switch (code) {
      case LcpCode.echoRequest:
        return this.onEchoRequest(bytes, at, end, now, out);
      case LcpCode.echoReply:
        if (this.state === State.opened && !this.isOwn(bytes, at, end)) this.echoesUnanswered = 0;
        return 0;
      case LcpCode.protocolReject:
        // The link reads these, once LCP is open (`rejectedProtocol`).
        return 0;
      case LcpCode.discard:
      case LcpCode.identification:
      case LcpCode.timeRemaining:
        return this.fire('RXR', now, out);
      default:
        return undefined;
    }
  }

  /** Whether an echo bears our own magic number, or none at all. */
  private isOwn(bytes: Uint8Array, at: number, end: number): boolean {
    if (end - at < PACKET_HEADER_OCTETS + 4) return true;
    const magic = readU32(bytes, at + PACKET_HEADER_OCTETS) | 0;
    return magic !== 0 && magic === this.usedMagic;
  }

  /** RFC 1661 5.8: the same data, with our magic number, as far as the peer's MRU reaches. */
  private onEchoRequest(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): number {
    if (this.state !== State.opened || this.isOwn(bytes, at, end)) return 0;
    frameWriter.packet(Protocol.lcp, LcpCode.echoReply, bytes[at + 1]).u32(this.usedMagic);
    frameWriter.octets(bytes, at + PACKET_HEADER_OCTETS + 4, Math.min(end, at + this.peerMru));
    return this.fire('RXR', now, out, frameWriter.finish());
  }

  /** The link has come up: begins to ask for echoes, if it should. */
  startEchoes(now: Instant): void {
    this.echoesUnanswered = 0;
    if (this.spec.echoIntervalMs > 0) this.timerAt = Math.ceil(now + this.spec.echoIntervalMs);
  }

  override tick(now: Instant, out: FrameSink): number {
    if (this.state !== State.opened) return super.tick(now, out);
    if (this.echoesUnanswered >= this.spec.echoFailures) {
      const reason = `the peer left ${this.echoesUnanswered} echo requests unanswered`;
      return this.close(ending(reason, 'echoTimeout'), now, out);
    }
    this.echoesUnanswered++;
    this.timerAt = Math.ceil(now + this.spec.echoIntervalMs);
    frameWriter.packet(Protocol.lcp, LcpCode.echoRequest, this.nextId()).u32(this.usedMagic);
    out.push({ effect: 'frame', frame: frameWriter.finish() });
    return 0;
  }

  /** A peer that does not know echoes is not asked again. */
  protected override onCodeReject(code: number): void {
    if (code === LcpCode.echoRequest && this.state === State.opened) this.timerAt = 0;
  }

  /** The protocol that a Protocol-Reject names, or -1 when the packet is another one or not to be heeded (RFC 1661 5.7). */
  rejectedProtocol(bytes: Uint8Array, at: number, end: number): number {
    const data = at + PACKET_HEADER_OCTETS;
    if (this.state !== State.opened || packetEnd(bytes, at, end) < data + 2) return -1;
    return bytes[at] === LcpCode.protocolReject ? readU16(bytes, data) : -1;
  }

  /** Says that we do not speak a frame's protocol (RFC 1661 5.7). */
  rejectProtocol(protocol: number, bytes: Uint8Array, at: number, end: number, out: FrameSink): void {
    if (this.state !== State.opened) return;
    frameWriter.packet(Protocol.lcp, LcpCode.protocolReject, this.nextId()).u16(protocol);
    frameWriter.octets(bytes, at, Math.min(end, at + MAX_REJECTED_OCTETS));
    out.push({ effect: 'frame', frame: frameWriter.finish() });
  }
}
