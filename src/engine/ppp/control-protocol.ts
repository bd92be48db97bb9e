/**
 * What LCP, IPCP and IPV6CP have in common (RFC 1661 4-5): packets, the restart timer, option negotiation. What each
 * thinks of options is its subclass. Requests are built from the state when needed, never stored.
 */
import type { Instant } from '../effects.ts';
import { Action, type AutomatonEvent, isNegotiating, isTimed, State, TRANSITIONS } from './automaton.ts';
import { type CauseName, type Ending, ending } from './disconnect-cause.ts';
import type { FrameSink } from './events.ts';
import { CODE_AT, type FrameWriter, frameWriter, optionsAreWhole, PACKET_HEADER_OCTETS, packetEnd } from './frame.ts';
import type { NegotiationLimits } from './spec.ts';

/** RFC 1661 5. LCP has more. */
export const Code = {
  configureRequest: 1,
  configureAck: 2,
  configureNak: 3,
  configureReject: 4,
  terminateRequest: 5,
  terminateAck: 6,
  codeReject: 7,
} as const;

/** What a protocol tells the link, as bits: This-Layer-Up, -Down, -Finished (RFC 1661 4.4). */
export const Layer = { up: Action.tlu, down: Action.tld, finished: Action.tlf } as const;

export type Verdict = 'ack' | 'nak' | 'reject';

/** How a protocol can fail. */
export type Way = 'timeout' | 'silence' | 'naksReceived' | 'naksSent' | 'terminated' | 'rejected';

/** What IPCP and IPV6CP call them. */
export const NCP_CAUSES = {
  timeout: 'ncpTimeout',
  silence: 'ncpTimeout',
  naksReceived: 'tooManyNaksReceived',
  naksSent: 'tooManyNaksSent',
  terminated: 'noNcp',
  rejected: 'noNcp',
} as const satisfies Record<Way, CauseName>;

/** Octets of a rejected packet that we send back: what fits any MRU that we accept (see MIN_MRU). */
export const MAX_REJECTED_OCTETS = 112;
/** Further than that no peer's identifiers come on from one request to the next (RFC 1661 5.1: they change). */
const MAX_IDENTIFIERS_AHEAD = 4;
/** Octets of a peer's text that we keep. */
const MAX_REASON_OCTETS = 128;

export abstract class ControlProtocol {
  state: State = State.initial;
  /** When the protocol wants a tick. 0: never. */
  timerAt: Instant = 0;
  /** Why the protocol gave up or was given up. */
  failure: Ending | undefined = undefined;
  /** What stands in the way so far: the failure if the negotiation ends by it. */
  protected trouble: Ending | undefined = undefined;
  /** Whether the peer's Terminate-Request ended the open protocol. */
  endedByPeer = false;
  /** RFC 1661 4.6's restart counter. */
  private restartsLeft = 0;
  /** Configure-Requests sent in this negotiation. */
  private requestsSent = 0;
  /** Configure-Naks and -Rejects sent since the last Configure-Ack: RFC 1661 4.6's Max-Failure. */
  protected refusalsSent = 0;
  /** The last Configure-Ack that we sent, as long as the negotiation lasts. */
  private acknowledgement: Uint8Array | undefined = undefined;
  /** Of the outstanding Configure-Request, or else of the next one. */
  private requestId: number;
  /** Of the packets that start no negotiation. */
  private otherId = 0;

  /** `firstId`: a random octet, so that late answers to an earlier life are not taken for answers to this one. */
  constructor(firstId: number) {
    this.requestId = firstId;
  }

  abstract get name(): string;
  abstract get protocol(): number;
  protected abstract get limits(): NegotiationLimits;
  /** What the ways in which the protocol can fail are called. */
  protected abstract get causes(): Readonly<Record<Way, CauseName>>;

  /** Forgets what earlier Naks and Rejects said of our options. */
  protected abstract resetRequest(): void;
  /** Writes the options that we ask for. */
  protected abstract writeRequest(frame: FrameWriter): void;
  /** The peer suggests another value. May set `failure`. */
  protected abstract onNak(type: number, bytes: Uint8Array, at: number, octets: number): void;
  /** The peer will not negotiate an option. May set `failure`. */
  protected abstract onReject(type: number): void;
  /** Puts the peer's options back to their defaults, before its request is read. */
  protected abstract resetPeer(): void;
  /** Reads one option of the peer's request: bytes[at, at + octets) are its data. May set `failure`. */
  protected abstract judge(type: number, bytes: Uint8Array, at: number, octets: number): Verdict;
  /** Writes the whole option with a value that we would accept. */
  protected abstract suggest(type: number, frame: FrameWriter): void;
  /** An option that the peer has to list and did not. 0: none. */
  protected abstract missingOption(): number;
  /** A Configure-Request came: bytes[at, end) are its options. */
  protected heard(_bytes: Uint8Array, _at: number, _end: number): void {
    // Only LCP's are of interest to others.
  }
  /** A packet with a code above 7. Undefined: the code is unknown. */
  protected onOtherCode(
    _code: number,
    _bytes: Uint8Array,
    _at: number,
    _end: number,
    _now: Instant,
    _out: FrameSink,
  ): number | undefined {
    return undefined;
  }
  /** The peer does not know one of our codes above 7. */
  protected onCodeReject(_code: number): void {
    // NCPs send none.
  }

  /** Takes one packet; [at, end) is the information field. Returns bits of Layer. What cannot be right is dropped. */
  receive(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): number {
    const stop = packetEnd(bytes, at, end);
    if (stop < 0 || this.state <= State.starting) return 0;
    const code = bytes[at];
    const identifier = bytes[at + 1];
    const data = at + PACKET_HEADER_OCTETS;
    switch (code) {
      case Code.configureRequest:
        return optionsAreWhole(bytes, data, stop) ? this.onRequest(bytes, at, stop, now, out) : 0;
      case Code.configureAck:
        return this.onAck(identifier, bytes, data, stop, now, out);
      case Code.configureNak:
      case Code.configureReject:
        return optionsAreWhole(bytes, data, stop) ? this.onRefusal(bytes, at, stop, now, out) : 0;
      case Code.terminateRequest:
        return this.onTerminateRequest(bytes, at, stop, now, out);
      case Code.terminateAck:
        return this.fire('RTA', now, out);
      case Code.codeReject:
        return this.onCodeRejected(stop > data ? bytes[data] : 0, now, out);
      default: {
        const signals = this.onOtherCode(code, bytes, at, stop, now, out);
        return signals ?? this.fire('RUC', now, out, this.codeReject(bytes, at, stop));
      }
    }
  }

  private onRequest(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): number {
    if (this.seemsLate(bytes, at, end)) {
      this.acknowledgement = undefined;
      return 0;
    }
    const reply = this.answer(bytes, at, end);
    const acceptable = reply[CODE_AT] === Code.configureAck;
    this.refusalsSent = acceptable ? 0 : this.refusalsSent + 1;
    if (acceptable) this.acknowledgement = reply;
    const signals = this.fire(acceptable ? 'RCR+' : 'RCR-', now, out, reply, bytes[at + 1]);
    if (this.refusalsSent > 2 * this.limits.maxConfigNaks + 1) this.failure ??= this.divergence('naksSent');
    return signals | this.giveUpIfFailed(now, out);
  }

  /**
   * Whether a request may be one of an earlier negotiation, that came late over a path that reorders: it asks for
   * something else than the one that we acknowledged, and its identifier does not follow. Opened by it, we would take the
   * peer for what it is no longer. So it is taken for lost, once: a peer that means it sends it again.
   */
  private seemsLate(bytes: Uint8Array, at: number, end: number): boolean {
    const { acknowledgement } = this;
    if (this.state !== State.ackSent || acknowledgement === undefined) return false;
    const ahead = (bytes[at + 1] - acknowledgement[CODE_AT + 1]) & 0xff;
    return ahead > MAX_IDENTIFIERS_AHEAD && !sameData(acknowledgement, bytes, at - CODE_AT, end);
  }

  /** The Configure-Ack, -Nak or -Reject for a request (RFC 1661 5.2-5.4). */
  private answer(bytes: Uint8Array, at: number, end: number): Uint8Array {
    const identifier = bytes[at + 1];
    const stubborn = this.refusalsSent >= this.limits.maxConfigNaks;
    let code: number = Code.configureAck;
    let seen = 0;
    this.heard(bytes, at + PACKET_HEADER_OCTETS, end);
    this.resetPeer();
    for (let option = at + PACKET_HEADER_OCTETS; option < end; option += bytes[option + 1]) {
      const type = bytes[option];
      const bit = bitOf(type);
      let verdict: Verdict = seen & bit ? 'reject' : this.judge(type, bytes, option + 2, bytes[option + 1] - 2);
      if (verdict === 'nak' && stubborn) verdict = 'reject';
      if (verdict !== 'reject') seen |= bit;
      if (verdict === 'reject') {
        if (code !== Code.configureReject) frameWriter.packet(this.protocol, Code.configureReject, identifier);
        code = Code.configureReject;
        frameWriter.octets(bytes, option, option + bytes[option + 1]);
      } else if (verdict === 'nak' && code !== Code.configureReject) {
        if (code !== Code.configureNak) frameWriter.packet(this.protocol, Code.configureNak, identifier);
        code = Code.configureNak;
        this.suggest(type, frameWriter);
      }
    }
    const missing = stubborn || code === Code.configureReject ? 0 : this.missingOption();
    if (missing !== 0) {
      if (code !== Code.configureNak) frameWriter.packet(this.protocol, Code.configureNak, identifier);
      code = Code.configureNak;
      this.suggest(missing, frameWriter);
    }
    if (code === Code.configureAck) {
      frameWriter.packet(this.protocol, code, identifier).octets(bytes, at + PACKET_HEADER_OCTETS, end);
    }
    return frameWriter.finish();
  }

  /** RFC 1661 5.2: an Ack must repeat our request exactly. */
  private onAck(
    identifier: number,
    bytes: Uint8Array,
    data: number,
    end: number,
    now: Instant,
    out: FrameSink,
  ): number {
    if (isNegotiating(this.state) || this.state === State.opened) {
      if (identifier !== this.requestId) return 0;
      this.buildRequest();
      if (!frameWriter.dataEquals(bytes, data, end)) return 0;
      this.nextRequestId();
    }
    return this.fire('RCA', now, out, undefined, identifier);
  }

  /** RFC 1661 5.3, 5.4: a Nak may name other options than ours, a Reject only ours, unchanged. */
  private onRefusal(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): number {
    const identifier = bytes[at + 1];
    const data = at + PACKET_HEADER_OCTETS;
    if (isNegotiating(this.state) || this.state === State.opened) {
      if (identifier !== this.requestId) return 0;
      const rejected = bytes[at] === Code.configureReject;
      if (rejected) {
        this.buildRequest();
        for (let option = data; option < end; option += bytes[option + 1]) {
          if (!frameWriter.hasOption(bytes, option)) return 0;
        }
      }
      for (let option = data; option < end; option += bytes[option + 1]) {
        if (rejected) this.onReject(bytes[option]);
        else this.onNak(bytes[option], bytes, option + 2, bytes[option + 1] - 2);
      }
      this.nextRequestId();
      this.checkProgress();
      const gaveUp = this.giveUpIfFailed(now, out);
      if (this.failure !== undefined) return gaveUp;
    }
    return this.fire('RCN', now, out, undefined, identifier);
  }

  private onTerminateRequest(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): number {
    const words = reasonIn(bytes, at + PACKET_HEADER_OCTETS, end);
    const reason = this.ending(`the peer terminated ${this.name}${words}`, 'terminated');
    // A negotiation goes on (the table's sta/6): the peer may want to begin anew.
    if (this.state === State.opened) {
      this.endedByPeer = true;
      this.failure ??= reason;
    } else {
      this.trouble ??= reason;
    }
    return this.fire('RTR', now, out, undefined, bytes[at + 1]);
  }

  private onCodeRejected(code: number, now: Instant, out: FrameSink): number {
    if (code >= Code.configureRequest && code <= Code.codeReject) {
      this.failure ??= this.ending(`the peer does not understand ${this.name}`, 'rejected');
      return this.fire('RXJ-', now, out);
    }
    this.onCodeReject(code);
    return this.fire('RXJ+', now, out);
  }

  /** The lower layer is up and we are willing. */
  start(now: Instant, out: FrameSink): number {
    return this.fire('Open', now, out) | this.fire('Up', now, out);
  }

  /** Somebody else has negotiated: goes where the peer's Configure-Ack would have led from Ack-Sent. */
  protected takeOpened(): void {
    this.state = State.opened;
    this.restartsLeft = this.limits.maxConfigRequests;
  }

  close(why: Ending, now: Instant, out: FrameSink): number {
    this.failure ??= why;
    return this.fire('Close', now, out);
  }

  tick(now: Instant, out: FrameSink): number {
    if (this.restartsLeft > 0 && isNegotiating(this.state)) this.checkProgress();
    const gaveUp = this.giveUpIfFailed(now, out);
    if (gaveUp !== 0 || !isTimed(this.state)) return gaveUp;
    if (this.restartsLeft > 0) return this.fire('TO+', now, out);
    if (isNegotiating(this.state)) {
      const way = this.heardNothing ? 'silence' : 'timeout';
      this.failure ??= this.trouble ?? this.ending(`the peer does not answer ${this.name} Configure-Requests`, way);
    }
    return this.fire('TO-', now, out);
  }

  /** Does a transition. `reply` is the packet for sca, scn, scj and ser, `identifier` is for sta. Returns bits of Layer. */
  fire(event: AutomatonEvent, now: Instant, out: FrameSink, reply?: Uint8Array, identifier = 0): number {
    const transition = TRANSITIONS[event][this.state];
    if (transition === undefined) return 0;
    const { actions, next } = transition;
    const previous = this.state;
    this.state = next;
    if (actions & Action.irc) {
      this.restartsLeft = actions & Action.str ? this.limits.maxTerminateRequests : this.limits.maxConfigRequests;
    }
    if (actions & Action.zrc) this.restartsLeft = 0;
    if (actions & (Action.zrc | Action.scr | Action.str)) this.timerAt = Math.ceil(now + this.limits.retransmitMs);
    if (actions & Action.scr) {
      if (!isNegotiating(previous)) this.renew();
      this.restartsLeft--;
      this.requestsSent++;
      this.buildRequest();
      out.push({ effect: 'frame', frame: frameWriter.finish() });
    }
    if (actions & Action.str) {
      this.restartsLeft--;
      // Without a text: our reasons are for our operator.
      frameWriter.packet(this.protocol, Code.terminateRequest, this.nextId());
      out.push({ effect: 'frame', frame: frameWriter.finish() });
    }
    if (reply !== undefined && actions & (Action.sca | Action.scn | Action.scj | Action.ser)) {
      out.push({ effect: 'frame', frame: reply });
    }
    if (actions & Action.sta) {
      frameWriter.packet(this.protocol, Code.terminateAck, identifier);
      out.push({ effect: 'frame', frame: frameWriter.finish() });
    }
    if (isTimed(previous) && !isTimed(next)) this.timerAt = 0;
    if (!isNegotiating(next)) this.acknowledgement = undefined;
    return actions & (Layer.up | Layer.down | Layer.finished);
  }

  /** Whether no packet has moved the negotiation, ever since it began. */
  private get heardNothing(): boolean {
    const { state, refusalsSent, requestsSent } = this;
    return state === State.reqSent && refusalsSent === 0 && requestsSent === this.limits.maxConfigRequests;
  }

  private renew(): void {
    this.requestsSent = 0;
    this.failure = undefined;
    this.trouble = undefined;
    this.resetRequest();
  }

  /** RFC 1661 4.5: bounds negotiations that would not end by the restart counter alone. */
  private checkProgress(): void {
    const { maxConfigRequests, maxConfigNaks } = this.limits;
    if (this.requestsSent >= maxConfigRequests + maxConfigNaks) this.failure ??= this.divergence('naksReceived');
  }

  private divergence(by: 'naksSent' | 'naksReceived'): Ending {
    return this.trouble ?? this.ending(`${this.name} negotiation does not converge`, by);
  }

  private ending(reason: string, way: Way): Ending {
    return ending(reason, this.causes[way], this.protocol);
  }

  private giveUpIfFailed(now: Instant, out: FrameSink): number {
    return this.failure !== undefined && isNegotiating(this.state) ? this.fire('Close', now, out) : 0;
  }

  protected buildRequest(): void {
    this.writeRequest(frameWriter.packet(this.protocol, Code.configureRequest, this.requestId));
  }

  /** RFC 1661 5.1: another identifier after every valid reply and for every change. */
  private nextRequestId(): void {
    this.requestId = (this.requestId + 1) & 0xff;
  }

  protected nextId(): number {
    this.otherId = (this.otherId + 1) & 0xff;
    return this.otherId;
  }

  private codeReject(bytes: Uint8Array, at: number, end: number): Uint8Array {
    frameWriter.packet(this.protocol, Code.codeReject, this.nextId());
    return frameWriter.octets(bytes, at, Math.min(end, at + MAX_REJECTED_OCTETS)).finish();
  }
}

/** Whether the data of the packet in `frame` are those of the packet in the frame bytes[start, end). */
function sameData(frame: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (frame.length !== end - start) return false;
  for (let i = CODE_AT + PACKET_HEADER_OCTETS; i < frame.length; i++) if (frame[i] !== bytes[start + i]) return false;
  return true;
}

/** A bit for an option's type: apart for all that any of the protocols knows. */
export function bitOf(type: number): number {
  return 1 << (type < 16 ? type : 16 + (type & 15));
}

/** The printable part of a text that a peer sent, with a colon before it; empty when there is none. */
export function reasonIn(bytes: Uint8Array, at: number, end: number): string {
  let text = '';
  for (let i = at; i < Math.min(end, at + MAX_REASON_OCTETS); i++) {
    if (bytes[i] >= 0x20 && bytes[i] < 0x7f) text += String.fromCharCode(bytes[i]);
  }
  return text === '' ? '' : `: ${text}`;
}
