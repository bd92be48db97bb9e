/**
 * A LAC's end of a client's PPP, until it is known who calls: LCP, and the client's answer to PAP or CHAP, which stays
 * unjudged and unanswered for an LNS to go on with (RFC 2661 4.4.5).
 */
import type { Instant, Machine, Random } from '../effects.ts';
import type { PppPhase, PppProxy, PppView } from '../spec.ts';
import { ChapAuthenticator } from './auth/chap-authenticator.ts';
import { protocolOfMethod } from './auth/methods.ts';
import { PapAuthenticator } from './auth/pap.ts';
import { State } from './automaton.ts';
import { Layer } from './control-protocol.ts';
import { type Ending, ending } from './disconnect-cause.ts';
import type { PppEffect, PppEvent } from './events.ts';
import { informationAt, Protocol, protocolOf } from './frame.ts';
import { Lcp } from './lcp.ts';
import { Line, type LineWishes } from './lcp-options.ts';
import { writeCaptured } from './proxy.ts';
import type { PppAuthMethod, PppSpec } from './spec.ts';
import { earlier, isDue } from './timed.ts';

export type IngressEvent = Extract<PppEvent, { event: 'open' | 'frame' | 'close' | 'tick' }>;

export type IngressEffect =
  | Extract<PppEffect, { effect: 'frame' | 'notice' | 'down' }>
  /**
   * The client can be handed over; nothing follows. It waits now, and may repeat itself, begin LCP anew or hang up: the
   * owner keeps a few of the frames that come before the LNS is there, and sends them to it once it is. An LNS can answer
   * each of them.
   */
  | { effect: 'captured'; user?: string; proxy: PppProxy };

/** LCP that asks for authentication, and can do without where the spec does not demand it. */
class IngressLcp extends Lcp {
  /** Whether the spec demands authentication. */
  readonly demanded: boolean;

  constructor(spec: PppSpec, random: Random, line: Line, demanded: boolean) {
    super(spec, random, line);
    this.demanded = demanded;
  }

  protected override withoutAuth(why: Ending): void {
    if (this.demanded) super.withoutAuth(why);
    else this.asked = -1;
  }
}

export class PppIngress implements Machine<IngressEvent, IngressEffect> {
  private readonly spec: PppSpec;
  private readonly random: Random;
  private readonly line: Line;
  private readonly lcp: IngressLcp;
  private authenticator: PapAuthenticator | ChapAuthenticator | undefined = undefined;
  private phase: PppPhase = 'dead';
  private failure: Ending | undefined = undefined;
  private wanted = false;
  private over = false;

  /** `wishes`: the LCP Want and Allow Options of a LAC that the call comes from (RFC 3437 2). */
  constructor(spec: PppSpec, random: Random, wishes: LineWishes = {}) {
    const authMethods = spec.authMethods.filter(canBeHandedOver);
    // A client is asked in any case: its name may decide the way. It is not the LAC that proves itself to it.
    this.spec = { ...spec, authMethods, authenticatePeer: true, userName: undefined };
    this.random = random;
    this.line = new Line(wishes);
    this.lcp = new IngressLcp(this.spec, random, this.line, spec.authenticatePeer);
  }

  handle(event: IngressEvent, now: Instant): IngressEffect[] {
    const out: IngressEffect[] = [];
    if (this.over) return out;
    switch (event.event) {
      case 'open':
        this.open(now, out);
        break;
      case 'frame':
        this.onFrame(event.bytes, event.start, event.end, now, out);
        break;
      case 'close':
        this.wanted = true;
        if (this.phase === 'dead') this.end(ending(event.reason, 'administrative'), out);
        else this.terminate(ending(event.reason, 'terminatedByUs'), now, out);
        break;
      case 'tick':
        this.onTick(now, out);
        break;
    }
    return out;
  }

  deadline(): Instant | undefined {
    const earliest = earlier(this.lcp.timerAt, this.authenticator?.timerAt);
    return earliest === 0 || this.over ? undefined : earliest;
  }

  view(): PppView {
    const { phase, lcp, failure } = this;
    const auth = lcp.state === State.opened ? lcp.authenticatorMethod : undefined;
    return { phase, auth, peerMru: lcp.peerMru, failure: failure?.reason };
  }

  private open(now: Instant, out: IngressEffect[]): void {
    if (this.phase !== 'dead') return;
    this.phase = 'establish';
    if (this.lcp.demanded && this.spec.authMethods.length === 0) {
      const reason = `the client must authenticate itself, but PppProfile/${this.spec.profile} allows neither PAP nor CHAP, which alone can be handed over`;
      this.end(ending(reason, 'unknown'), out);
    } else {
      this.afterLcp(this.lcp.start(now, out), now, out);
    }
  }

  private onFrame(bytes: Uint8Array, start: number, end: number, now: Instant, out: IngressEffect[]): void {
    const protocol = protocolOf(bytes, start, end);
    if (protocol < 0) return;
    const at = informationAt(bytes, start, end);
    const { authenticator } = this;
    if (protocol === Protocol.lcp) {
      const rejected = this.lcp.rejectedProtocol(bytes, at, end);
      if (rejected >= 0) this.onProtocolReject(rejected, now, out);
      else this.afterLcp(this.lcp.receive(bytes, at, end, now, out), now, out);
    } else if (authenticator !== undefined && protocolOfMethod(this.lcp.authenticatorMethod) === protocol) {
      authenticator.receive(bytes, at, end, now, out);
      if (authenticator.state === 'asking') this.capture(out);
    }
  }

  private onProtocolReject(protocol: number, now: Instant, out: IngressEffect[]): void {
    if (protocol === Protocol.lcp) {
      this.failure ??= ending('the client rejected LCP', 'unknown');
      this.afterLcp(this.lcp.fire('RXJ-', now, out), now, out);
    } else if (this.phase === 'authenticate' && protocol === protocolOfMethod(this.lcp.authenticatorMethod)) {
      this.terminate(
        ending('the client rejected the authentication protocol', 'authRefusedByPeer', protocol),
        now,
        out,
      );
    }
  }

  private onTick(now: Instant, out: IngressEffect[]): void {
    if (isDue(this.lcp, now)) this.afterLcp(this.lcp.tick(now, out), now, out);
    const { authenticator } = this;
    if (!isDue(authenticator, now)) return;
    authenticator.tick(now, out);
    if (authenticator.failure !== undefined) this.terminate(authenticator.failure, now, out);
  }

  private afterLcp(signals: number, now: Instant, out: IngressEffect[]): void {
    if (signals & Layer.down) {
      this.authenticator = undefined;
      this.wanted ||= this.lcp.endedByPeer;
      this.phase = this.lcp.state <= State.stopping ? 'terminate' : 'establish';
    }
    if (signals & Layer.up) this.authenticate(now, out);
    if (signals & Layer.finished)
      this.end(this.lcp.failure ?? ending('the client ended the link', 'terminatedByPeer'), out);
  }

  private authenticate(now: Instant, out: IngressEffect[]): void {
    const { lcp, spec, random } = this;
    this.phase = 'authenticate';
    lcp.startEchoes(now);
    const method = lcp.authenticatorMethod;
    if (method === undefined) {
      this.capture(out);
      return;
    }
    this.authenticator = method === 'pap' ? new PapAuthenticator(spec) : new ChapAuthenticator(spec, random, 'chap');
    this.authenticator.start(now, out);
  }

  private capture(out: IngressEffect[]): void {
    const { lcp, line, authenticator } = this;
    const proxy: PppProxy = {
      initialReceivedLcpConfReq: line.initialReceived,
      lastSentLcpConfReq: lcp.requestOptions(),
      lastReceivedLcpConfReq: line.lastReceived,
      ...writeCaptured(authenticator?.handOver()),
    };
    this.over = true;
    out.push({ effect: 'captured', user: authenticator?.user, proxy });
  }

  private terminate(why: Ending, now: Instant, out: IngressEffect[]): void {
    this.failure ??= why;
    this.phase = 'terminate';
    this.afterLcp(this.lcp.close(why, now, out), now, out);
  }

  private end(why: Ending, out: IngressEffect[]): void {
    this.over = true;
    this.phase = 'dead';
    this.failure ??= why;
    const { reason, cause } = this.failure;
    out.push({ effect: 'down', reason, failed: !this.wanted, cause });
  }
}

/** EAP and MS-CHAPv2 have no place in RFC 2661's AVPs, and MS-CHAPv1's hashes are better not shown to other LNSs. */
function canBeHandedOver(method: PppAuthMethod): boolean {
  return method === 'pap' || method === 'chap';
}
