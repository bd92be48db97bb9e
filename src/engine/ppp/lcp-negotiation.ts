/** What LCP negotiates (RFC 1661 6, RFC 1662 7.1), and where it goes on with what a LAC has negotiated. */
import type { Random } from '../effects.ts';
import { readU16, readU32 } from '../wire/bytes.ts';
import { describeMethod, methodName, protocolOfMethod, readMethod, writeMethod } from './auth/methods.ts';
import { State } from './automaton.ts';
import { bitOf, ControlProtocol, type Verdict, type Way } from './control-protocol.ts';
import { type CauseName, type Ending, ending } from './disconnect-cause.ts';
import { type FrameWriter, frameWriter, optionsAreWhole, Protocol } from './frame.ts';
import { ALL_CHARACTERS, DEFAULT_MRU, type Line, MIN_MRU, Option } from './lcp-options.ts';
import type { NegotiationLimits, PppAuthMethod, PppSpec } from './spec.ts';

/** Requests with our own magic number in a row after which the link is held for looped back. */
const MAX_LOOPS = 4;

const CAUSES = {
  timeout: 'lcpTimeout',
  silence: 'lcpSilence',
  naksReceived: 'lcpTimeout',
  naksSent: 'lcpTimeout',
  terminated: 'terminatedByPeer',
  rejected: 'unknown',
} as const satisfies Record<Way, CauseName>;

export abstract class LcpNegotiation extends ControlProtocol {
  protected readonly spec: PppSpec;
  private readonly random: Random;
  readonly line: Line | undefined;

  /** Our options that the peer rejected or the line should not have: one bit each, by `bitOf`. */
  private rejected = 0;
  /** The MRU that we ask for. */
  private mru = DEFAULT_MRU;
  /** Our magic number. 0: none. A signed 32-bit number: those need no box. */
  private magic = 0;
  /** Which of spec.authMethods we ask the peer for. -1: none after all. */
  protected asked = 0;
  private loops = 0;

  /** The largest information field that the peer takes. */
  peerMru = DEFAULT_MRU;
  /** Whether the peer takes frames without address and control, and with short protocol fields. */
  peerAcfc = false;
  peerPfc = false;
  /** How the peer wants us to authenticate ourselves. */
  loginMethod: PppAuthMethod | undefined = undefined;

  constructor(spec: PppSpec, random: Random, line?: Line) {
    super(random.below(256));
    this.spec = spec;
    this.random = random;
    this.line = line;
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

  protected override get causes(): Readonly<Record<Way, CauseName>> {
    return CAUSES;
  }

  /** How the peer has to authenticate itself. */
  get authenticatorMethod(): PppAuthMethod | undefined {
    return this.spec.authenticatePeer ? this.spec.authMethods[this.asked] : undefined;
  }

  // ---------------------------------------------------------------- what we ask for

  protected override resetRequest(): void {
    this.rejected = 0;
    this.mru = Math.max(MIN_MRU, this.line?.startMru(this.spec.mru) ?? this.spec.mru);
    this.asked = 0;
    if (this.line !== undefined) {
      this.line.resetAccm();
      if (!this.line.wants(Option.pfc)) this.rejected |= bitOf(Option.pfc);
      if (!this.line.wants(Option.acfc)) this.rejected |= bitOf(Option.acfc);
    }
    if (this.magic === 0 && this.spec.magicNumber) this.newMagic();
  }

  private wants(option: number): boolean {
    return (this.rejected & bitOf(option)) === 0;
  }

  protected override writeRequest(frame: FrameWriter): void {
    if (this.mru !== DEFAULT_MRU && this.wants(Option.mru)) frame.u8(Option.mru).u8(4).u16(this.mru);
    if (this.ourAccm !== undefined) frame.u8(Option.accm).u8(6).u32(this.ourAccm);
    const method = this.authenticatorMethod;
    if (method !== undefined) writeMethod(frame, Option.auth, method);
    if (this.spec.magicNumber && this.wants(Option.magic)) frame.u8(Option.magic).u8(6).u32(this.magic);
    if (this.spec.pfc && this.wants(Option.pfc)) frame.u8(Option.pfc).u8(2);
    if (this.spec.acfc && this.wants(Option.acfc)) frame.u8(Option.acfc).u8(2);
    if (this.line?.fcs && this.wants(Option.fcs)) frame.u8(Option.fcs).u8(3).u8(this.line.fcs);
  }

  protected override onNak(type: number, bytes: Uint8Array, at: number, octets: number): void {
    switch (type) {
      case Option.mru:
        if (octets === 2) this.takeMru(readU16(bytes, at));
        break;
      case Option.accm:
        // RFC 3437 2.1: bits may only be added.
        if (octets === 4 && this.line?.accm !== undefined) this.line.accm = (this.line.accm | readU32(bytes, at)) >>> 0;
        break;
      case Option.auth:
        if (this.spec.authenticatePeer) this.onAuthNak(bytes, at, octets);
        break;
      case Option.magic:
        // RFC 1661 6.4: in any case with a new number.
        this.newMagic();
        break;
    }
  }

  /** RFC 1661 6.1: 1500 octets must do in any case. */
  private takeMru(mru: number): boolean {
    const fits = mru >= MIN_MRU && mru <= Math.max(DEFAULT_MRU, this.spec.mru);
    if (fits) this.mru = mru;
    return fits;
  }

  /** RFC 1661 6.2: what the peer offers if we allow it, else our next. */
  private onAuthNak(bytes: Uint8Array, at: number, octets: number): void {
    const refused = this.authenticatorMethod;
    if (refused === undefined) return;
    const methods = this.spec.authMethods;
    const offered = readMethod(bytes, at, octets);
    const known = offered === undefined ? -1 : methods.indexOf(offered);
    this.asked = known >= 0 ? known : this.asked + 1;
    if (this.asked < methods.length) return;
    this.asked = methods.length - 1;
    const what = describeMethod(bytes, at, octets);
    const reason = `the peer refused ${methodName(refused)}, offered ${what}, which PppProfile/${this.spec.profile} forbids`;
    this.withoutAuth(ending(reason, 'authRefusedByPeer', protocolOfMethod(refused)));
  }

  /** The peer authenticates itself by no method of ours. */
  protected withoutAuth(why: Ending): void {
    this.failure ??= why;
  }

  protected override onReject(type: number): void {
    this.rejected |= bitOf(type);
    if (type !== Option.auth) return;
    const reason = `the peer refuses to authenticate itself, which PppProfile/${this.spec.profile} demands`;
    this.withoutAuth(ending(reason, 'authRefusedByPeer', protocolOfMethod(this.authenticatorMethod)));
  }

  /** The ACCM that we asked the peer for and that it did not reject. */
  get ourAccm(): number | undefined {
    return this.wants(Option.accm) ? this.line?.accm : undefined;
  }

  /** The options of our last request. */
  requestOptions(): Uint8Array {
    this.buildRequest();
    return frameWriter.data();
  }

  /** RFC 1661 6.4: 0 stands where no number was negotiated. */
  protected get usedMagic(): number {
    return this.wants(Option.magic) ? this.magic : 0;
  }

  private newMagic(): void {
    this.magic = (this.random.below(0x7fffffff) + 1) | 0;
  }

  // ---------------------------------------------------------------- what the peer asks for

  protected override heard(bytes: Uint8Array, at: number, end: number): void {
    this.line?.hear(bytes, at, end);
  }

  protected override resetPeer(): void {
    this.peerMru = DEFAULT_MRU;
    this.peerAcfc = false;
    this.peerPfc = false;
    if (this.line !== undefined) this.line.peerAccm = ALL_CHARACTERS;
    this.loginMethod = undefined;
  }

  protected override judge(type: number, bytes: Uint8Array, at: number, octets: number): Verdict {
    switch (type) {
      case Option.mru:
        if (octets !== 2 || readU16(bytes, at) < MIN_MRU || readU16(bytes, at) > this.maxPeerMru) return 'nak';
        this.peerMru = readU16(bytes, at);
        return 'ack';
      case Option.accm:
        return octets === 4 ? this.judgeAccm(readU32(bytes, at)) : 'nak';
      case Option.auth:
        return this.judgeAuth(bytes, at, octets);
      case Option.magic:
        return octets === 4 ? this.judgeMagic(readU32(bytes, at) | 0) : 'nak';
      case Option.pfc:
        if (octets !== 0 || !this.allows(this.spec.pfc, type)) return 'reject';
        this.peerPfc = true;
        return 'ack';
      case Option.acfc:
        if (octets !== 0 || !this.allows(this.spec.acfc, type)) return 'reject';
        this.peerAcfc = true;
        return 'ack';
      case Option.fcs:
        return octets === 1 && this.line?.allowsFcs(bytes[at]) ? 'ack' : 'reject';
      default:
        return 'reject';
    }
  }

  private allows(ours: boolean, type: number): boolean {
    return ours && (this.line?.allows(type) ?? true);
  }

  private get maxPeerMru(): number {
    return this.line?.maxPeerMru ?? 0xffff;
  }

  /** RFC 3437 2.2. */
  private judgeAccm(accm: number): Verdict {
    if (this.line === undefined) return 'ack';
    const allowed = this.line.allowedAccm(ALL_CHARACTERS);
    if (allowed === undefined) return 'reject';
    if ((accm & ~allowed) !== 0) return 'nak';
    this.line.peerAccm = accm;
    return 'ack';
  }

  private judgeAuth(bytes: Uint8Array, at: number, octets: number): Verdict {
    const { authMethods, userName, password } = this.spec;
    const protocol = octets < 2 ? 0 : readU16(bytes, at);
    if (userName === undefined || password === undefined || authMethods.length === 0) {
      const reason = 'the peer wants us to authenticate ourselves, and we have no user name and password';
      this.trouble = ending(reason, 'authRefusedByUs', protocol);
      return 'reject';
    }
    const method = readMethod(bytes, at, octets);
    if (method !== undefined && authMethods.includes(method)) {
      this.loginMethod = method;
      this.trouble = undefined;
      return 'ack';
    }
    const reason = `the peer wants ${describeMethod(bytes, at, octets)}, which PppProfile/${this.spec.profile} forbids`;
    this.trouble = ending(reason, 'authRefusedByUs', protocol);
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
    if (this.loops > Math.min(MAX_LOOPS, this.limits.maxConfigNaks)) {
      this.failure ??= ending('the link is looped back', 'loopedBack');
    }
    return 'nak';
  }

  protected override suggest(type: number, frame: FrameWriter): void {
    switch (type) {
      case Option.mru:
        frame.u8(type).u8(4).u16(Math.min(DEFAULT_MRU, this.maxPeerMru));
        break;
      case Option.accm:
        frame
          .u8(type)
          .u8(6)
          .u32(this.line?.allowedAccm(0) ?? 0);
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

  // ---------------------------------------------------------------- what a LAC has negotiated

  /**
   * Opens with the options of the LAC's last request and of the client's (RFC 2661 4.4.5): with what our own negotiation
   * might have come to. Returns what we would not have agreed to; LCP is then to be started as usual.
   */
  adopt(sent: Uint8Array, received: Uint8Array): string | undefined {
    this.rejected = 0;
    this.mru = DEFAULT_MRU;
    this.magic = 0;
    this.asked = -1;
    this.resetPeer();
    const flaw = flawIn(sent, (type, at, octets) => this.takesAsOurs(type, sent, at, octets));
    const peerFlaw = flawIn(received, (type, at, octets) => this.takesAsPeers(type, received, at, octets));
    this.loops = 0;
    if (flaw === undefined && peerFlaw === undefined) {
      this.takeOpened();
      return undefined;
    }
    this.disown();
    return flaw === undefined ? `${peerFlaw} of the client is not ours` : `${flaw} of the LAC is not ours`;
  }

  /** Takes `adopt` back: to be started as usual. */
  disown(): void {
    this.state = State.initial;
    this.magic = 0;
    this.resetPeer();
  }

  private takesAsOurs(type: number, bytes: Uint8Array, at: number, octets: number): boolean {
    switch (type) {
      case Option.mru:
        return octets === 2 && this.takeMru(readU16(bytes, at));
      case Option.accm:
        return octets === 4;
      case Option.auth: {
        const method = this.spec.authenticatePeer ? readMethod(bytes, at, octets) : undefined;
        this.asked = method === undefined ? -1 : this.spec.authMethods.indexOf(method);
        return this.asked >= 0;
      }
      case Option.magic:
        this.magic = octets === 4 ? readU32(bytes, at) | 0 : 0;
        return this.magic !== 0;
      case Option.pfc:
      case Option.acfc:
        return octets === 0;
      default:
        return false;
    }
  }

  private takesAsPeers(type: number, bytes: Uint8Array, at: number, octets: number): boolean {
    // Whether the LAC has authenticated itself nobody tells us.
    return type !== Option.auth && this.judge(type, bytes, at, octets) === 'ack';
  }
}

/** The first option of a list that is not taken, or stands there twice; undefined when all is well. */
function flawIn(list: Uint8Array, takes: (type: number, at: number, octets: number) => boolean): string | undefined {
  if (!optionsAreWhole(list, 0, list.length)) return 'the LCP options';
  let seen = 0;
  for (let at = 0; at < list.length; at += list[at + 1]) {
    const type = list[at];
    if (seen & bitOf(type) || !takes(type, at + 2, list[at + 1] - 2)) return `LCP option ${type}`;
    seen |= bitOf(type);
  }
  return undefined;
}
