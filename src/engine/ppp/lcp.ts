/** The Link Control Protocol: RFC 1661 5-6, the codes of RFC 1570 1, the ACCM option of RFC 1662 7.1. */
import type { Instant, Random } from '../effects.ts';
import { readU16, readU32 } from '../wire/bytes.ts';
import { describeMethod, methodName, readMethod, writeMethod } from './auth/methods.ts';
import { State } from './automaton.ts';
import { bitOf, ControlProtocol, MAX_REJECTED_OCTETS, type Verdict } from './control-protocol.ts';
import type { PppEffect } from './events.ts';
import { type FrameWriter, frameWriter, PACKET_HEADER_OCTETS, Protocol, packetEnd } from './frame.ts';
import type { NegotiationLimits, PppAuthMethod, PppSpec } from './spec.ts';

const Option = { mru: 1, accm: 2, auth: 3, magic: 5, pfc: 7, acfc: 8 } as const;

const LcpCode = {
  protocolReject: 8,
  echoRequest: 9,
  echoReply: 10,
  discard: 11,
  identification: 12,
  timeRemaining: 13,
} as const;

/** RFC 1661 6.1's default. */
export const DEFAULT_MRU = 1500;
/** The smallest MRU that we accept of a peer. */
export const MIN_MRU = 128;
/** Requests with our own magic number in a row after which the link is held for looped back. */
const MAX_LOOPS = 4;

export class Lcp extends ControlProtocol {
  private readonly spec: PppSpec;
  private readonly random: Random;

  /** Our options that the peer rejected: one bit each, by `bitOf`. */
  private rejected = 0;
  /** The MRU that we ask for. */
  private mru = DEFAULT_MRU;
  /** Our magic number. 0: none. A signed 32-bit number: those need no box. */
  private magic = 0;
  /** Which of spec.authMethods we ask the peer for. */
  private asked = 0;
  private loops = 0;

  /** The largest information field that the peer takes. */
  peerMru = DEFAULT_MRU;
  /** Whether the peer takes frames without address and control, and with short protocol fields. */
  peerAcfc = false;
  peerPfc = false;
  /** How the peer wants us to authenticate ourselves. */
  loginMethod: PppAuthMethod | undefined = undefined;

  private echoesUnanswered = 0;

  constructor(spec: PppSpec, random: Random) {
    super(random.below(256));
    this.spec = spec;
    this.random = random;
  }

  override get name(): string {
    return 'LCP';
  }

  override get protocol(): number {
    return Protocol.lcp;
  }

  protected override get limits(): NegotiationLimits {
    return this.spec.lcp;
  }

  /** How the peer has to authenticate itself. */
  get authenticatorMethod(): PppAuthMethod | undefined {
    return this.spec.authenticatePeer ? this.spec.authMethods[this.asked] : undefined;
  }

  // ---------------------------------------------------------------- what we ask for

  protected override resetRequest(): void {
    this.rejected = 0;
    this.mru = Math.max(MIN_MRU, this.spec.mru);
    this.asked = 0;
    if (this.magic === 0 && this.spec.magicNumber) this.newMagic();
  }

  private wants(option: number): boolean {
    return (this.rejected & bitOf(option)) === 0;
  }

  protected override writeRequest(frame: FrameWriter): void {
    if (this.mru !== DEFAULT_MRU && this.wants(Option.mru)) frame.u8(Option.mru).u8(4).u16(this.mru);
    const method = this.authenticatorMethod;
    if (method !== undefined) writeMethod(frame, Option.auth, method);
    if (this.spec.magicNumber && this.wants(Option.magic)) frame.u8(Option.magic).u8(6).u32(this.magic);
    if (this.spec.pfc && this.wants(Option.pfc)) frame.u8(Option.pfc).u8(2);
    if (this.spec.acfc && this.wants(Option.acfc)) frame.u8(Option.acfc).u8(2);
  }

  protected override onNak(type: number, bytes: Uint8Array, at: number, octets: number): void {
    switch (type) {
      case Option.mru: {
        const mru = octets === 2 ? readU16(bytes, at) : 0;
        if (mru >= MIN_MRU && mru <= Math.max(DEFAULT_MRU, this.spec.mru)) this.mru = mru;
        break;
      }
      case Option.auth:
        if (this.spec.authenticatePeer) this.onAuthNak(bytes, at, octets);
        break;
      case Option.magic:
        // RFC 1661 6.4: in any case with a new number.
        this.newMagic();
        break;
    }
  }

  /** RFC 1661 6.2: what the peer offers if we allow it, else our next. */
  private onAuthNak(bytes: Uint8Array, at: number, octets: number): void {
    const methods = this.spec.authMethods;
    const offered = readMethod(bytes, at, octets);
    const known = offered === undefined ? -1 : methods.indexOf(offered);
    const refused = methodName(methods[this.asked]);
    this.asked = known >= 0 ? known : this.asked + 1;
    if (this.asked < methods.length) return;
    this.asked = methods.length - 1;
    const what = describeMethod(bytes, at, octets);
    this.failure ??= `the peer refused ${refused}, offered ${what}, which the profile does not allow`;
  }

  protected override onReject(type: number): void {
    this.rejected |= bitOf(type);
    if (type === Option.auth) this.failure ??= 'the peer refuses to authenticate itself';
  }

  private newMagic(): void {
    this.magic = (this.random.below(0x7fffffff) + 1) | 0;
  }

  // ---------------------------------------------------------------- what the peer asks for

  protected override resetPeer(): void {
    this.peerMru = DEFAULT_MRU;
    this.peerAcfc = false;
    this.peerPfc = false;
    this.loginMethod = undefined;
  }

  protected override judge(type: number, bytes: Uint8Array, at: number, octets: number): Verdict {
    switch (type) {
      case Option.mru:
        if (octets !== 2 || readU16(bytes, at) < MIN_MRU) return 'nak';
        this.peerMru = readU16(bytes, at);
        return 'ack';
      case Option.accm:
        return octets === 4 ? 'ack' : 'nak';
      case Option.auth:
        return this.judgeAuth(bytes, at, octets);
      case Option.magic:
        return octets === 4 ? this.judgeMagic(readU32(bytes, at) | 0) : 'nak';
      case Option.pfc:
        if (octets !== 0 || !this.spec.pfc) return 'reject';
        this.peerPfc = true;
        return 'ack';
      case Option.acfc:
        if (octets !== 0 || !this.spec.acfc) return 'reject';
        this.peerAcfc = true;
        return 'ack';
      default:
        return 'reject';
    }
  }

  private judgeAuth(bytes: Uint8Array, at: number, octets: number): Verdict {
    const { authMethods, userName, password } = this.spec;
    if (userName === undefined || password === undefined || authMethods.length === 0) {
      this.trouble = 'the peer wants us to authenticate ourselves, and we have no user name and password';
      return 'reject';
    }
    const method = readMethod(bytes, at, octets);
    if (method !== undefined && authMethods.includes(method)) {
      this.loginMethod = method;
      this.trouble = undefined;
      return 'ack';
    }
    this.trouble = `the peer wants ${describeMethod(bytes, at, octets)}, which the profile does not allow`;
    return 'nak';
  }

  /** RFC 1661 6.4. */
  private judgeMagic(magic: number): Verdict {
    if (magic === 0) return 'nak';
    if (magic !== this.magic) {
      this.loops = 0;
      return 'ack';
    }
    this.loops++;
    if (this.loops > Math.min(MAX_LOOPS, this.limits.maxConfigNaks)) this.failure ??= 'the link is looped back';
    return 'nak';
  }

  protected override suggest(type: number, frame: FrameWriter): void {
    switch (type) {
      case Option.mru:
        frame.u8(type).u8(4).u16(DEFAULT_MRU);
        break;
      case Option.accm:
        frame.u8(type).u8(6).u32(0);
        break;
      case Option.auth:
        writeMethod(frame, type, this.spec.authMethods[0]);
        break;
      case Option.magic:
        frame
          .u8(type)
          .u8(6)
          .u32(this.random.below(0x7fffffff) + 1);
        break;
    }
  }

  protected override missingOption(): number {
    return 0;
  }

  // ---------------------------------------------------------------- an open link

  protected override onOtherCode(
    code: number,
    bytes: Uint8Array,
    at: number,
    end: number,
    now: Instant,
    out: PppEffect[],
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

  /** RFC 1661 6.4: 0 stands where no number was negotiated. */
  private get usedMagic(): number {
    return this.wants(Option.magic) ? this.magic : 0;
  }

  /** RFC 1661 5.8: the same data, with our magic number, as far as the peer's MRU reaches. */
  private onEchoRequest(bytes: Uint8Array, at: number, end: number, now: Instant, out: PppEffect[]): number {
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

  override tick(now: Instant, out: PppEffect[]): number {
    if (this.state !== State.opened) return super.tick(now, out);
    if (this.echoesUnanswered >= this.spec.echoFailures) {
      return this.close(`the peer left ${this.echoesUnanswered} echo requests unanswered`, now, out);
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
  rejectProtocol(protocol: number, bytes: Uint8Array, at: number, end: number, out: PppEffect[]): void {
    if (this.state !== State.opened) return;
    frameWriter.packet(Protocol.lcp, LcpCode.protocolReject, this.nextId()).u16(protocol);
    frameWriter.octets(bytes, at, Math.min(end, at + MAX_REJECTED_OCTETS));
    out.push({ effect: 'frame', frame: frameWriter.finish() });
  }
}
