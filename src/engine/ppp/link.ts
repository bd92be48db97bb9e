/**
 * One PPP link: the phases of RFC 1661 3, in which LCP, authentication, IPCP and IPV6CP have their turns. The link owns
 * them all; an open one keeps little more than its negotiated values.
 */

import type { AuthenticateAnswer, Grant } from '../aaa.ts';
import type { Instant, Machine, Random } from '../effects.ts';
import type { PppPhase, PppProxy, PppView } from '../spec.ts';
import type { Ipv4 } from '../wire/ipv4.ts';
import { Authentication } from './auth/authentication.ts';
import { type Captured, NO_VERDICT } from './auth/exchange.ts';
import { protocolOfMethod } from './auth/methods.ts';
import { State } from './automaton.ts';
import { Layer } from './control-protocol.ts';
import { type Ending, ending } from './disconnect-cause.ts';
import type { PppEffect, PppEvent } from './events.ts';
import { informationAt, Protocol, protocolOf } from './frame.ts';
import { Lcp } from './lcp.ts';
import { ALL_CHARACTERS, Line, type LineWishes } from './lcp-options.ts';
import { NetworkLayer } from './network-layer.ts';
import { takeProxy } from './proxy.ts';
import type { PppSpec } from './spec.ts';
import { earlier, isDue } from './timed.ts';

export type { Network, PppEffect, PppEvent } from './events.ts';

const nothingGranted: Grant = {};
const noAddresses: NetworkLayer['addresses'] = {};
const nothingCarried = { ipv4: undefined, ipv6: undefined } as const;

export class PppLink implements Machine<PppEvent, PppEffect> {
  private readonly spec: PppSpec;
  private readonly random: Random;
  private readonly localAddress: Ipv4;
  private phase: PppPhase = 'dead';
  private readonly lcp: Lcp;
  /** What a LAC hands over, until the link begins; then what was taken of it, as long as that holds. */
  private proxy: PppProxy | PppView['proxy'];
  private authentication: Authentication | undefined = undefined;
  private network: NetworkLayer | undefined = undefined;
  /** Who the peer says it is. */
  user: string | undefined = undefined;
  /** Whether a verdict is waited for. A question that is asked again makes the earlier one moot. */
  private authenticating = false;
  /** What the peer was granted when it was let in. */
  grant = nothingGranted;
  private failure: Ending | undefined = undefined;
  /** Whether somebody wanted the end: `close`, or the peer's Terminate-Request on an open link. */
  private wanted = false;
  private over = false;

  /**
   * `localAddress`: a server's own IPv4 address when the spec has none. `proxy`: a LAC's facts to go on with, if the
   * profile lets us. `wishes`: the LAC's LCP Want and Allow Options.
   */
  constructor(spec: PppSpec, random: Random, localAddress: Ipv4, proxy?: PppProxy, wishes?: LineWishes) {
    this.spec = spec;
    this.random = random;
    this.localAddress = localAddress;
    this.proxy = proxy;
    this.lcp = new Lcp(spec, random, wishes && new Line(wishes));
  }

  handle(event: PppEvent, now: Instant): PppEffect[] {
    const out: PppEffect[] = [];
    if (this.over) return out;
    switch (event.event) {
      case 'open':
        this.open(now, out);
        break;
      case 'frame':
        this.onFrame(event.bytes, event.start, event.end, now, out);
        break;
      case 'authenticated':
        this.onAuthenticated(event.answer, now, out);
        break;
      case 'allocated':
        this.network?.allocated(event.answer, now, out);
        this.afterNetwork(now, out);
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
    let earliest = this.lcp.timerAt;
    earliest = earlier(earliest, this.authentication?.timerAt);
    earliest = earlier(earliest, this.network?.timerAt);
    return earliest === 0 || this.over ? undefined : earliest;
  }

  view(): PppView {
    const { lcp } = this;
    const opened = lcp.state === State.opened;
    const auth = opened ? (lcp.authenticatorMethod ?? lcp.loginMethod) : undefined;
    const user = this.user ?? (opened && lcp.loginMethod !== undefined ? this.spec.userName : undefined);
    const { ipv4, ipv6 } = this.network?.network() ?? nothingCarried;
    const proxy = typeof this.proxy === 'string' ? this.proxy : undefined;
    return { phase: this.phase, user, auth, peerMru: lcp.peerMru, ipv4, ipv6, failure: this.failure?.reason, proxy };
  }

  // ---------------------------------------------------------------- events

  private open(now: Instant, out: PppEffect[]): void {
    if (this.phase !== 'dead') return;
    if (this.spec.authenticatePeer && this.spec.authMethods.length === 0) {
      const reason = `the peer must authenticate itself, but PppProfile/${this.spec.profile} allows no method`;
      this.end(ending(reason, 'unknown'), out);
      return;
    }
    this.phase = 'establish';
    const { proxy } = this;
    this.proxy = undefined;
    if (typeof proxy === 'object') this.takeFromLac(proxy, now, out);
    else this.afterLcp(this.lcp.start(now, out), now, out);
  }

  /** Begins where the LAC stopped (RFC 2661 4.4.5), or anew when that is not where we would have come to. */
  private takeFromLac(proxy: PppProxy, now: Instant, out: PppEffect[]): void {
    const taken = takeProxy(proxy, this.spec, this.lcp);
    if ('flaw' in taken) {
      const message = `negotiates anew what the LAC hands over: ${taken.flaw}`;
      out.push({ effect: 'notice', event: 'ppp', message });
      this.afterLcp(this.lcp.start(now, out), now, out);
      return;
    }
    this.proxy = taken.captured === undefined ? 'lcp' : 'lcpAndAuth';
    const message =
      taken.captured === undefined ? 'takes LCP from the LAC' : 'takes LCP and authentication from the LAC';
    out.push({ effect: 'notice', event: 'ppp', message });
    this.authenticate(now, out, taken.captured);
  }

  private onFrame(bytes: Uint8Array, start: number, end: number, now: Instant, out: PppEffect[]): void {
    const protocol = protocolOf(bytes, start, end);
    if (protocol < 0) return;
    const at = informationAt(bytes, start, end);
    if (protocol === Protocol.lcp) {
      const rejected = this.lcp.rejectedProtocol(bytes, at, end);
      if (rejected >= 0) this.onProtocolReject(rejected, now, out);
      else this.afterLcp(this.lcp.receive(bytes, at, end, now, out), now, out);
      return;
    }
    // RFC 1661 3.4, 3.5: what comes before its phase is silently discarded.
    if (this.phase !== 'authenticate' && this.phase !== 'network') return;
    switch (protocol) {
      case Protocol.pap:
      case Protocol.chap:
      case Protocol.eap:
        this.authentication?.receive(protocol, bytes, at, end, now, out);
        this.afterAuth(now, out);
        break;
      default:
        if (this.phase === 'authenticate' && isNetworkControl(protocol)) {
          this.authentication?.onNetwork();
          this.afterAuth(now, out);
        }
        if (this.network === undefined) break;
        if (!this.network.receive(protocol, bytes, at, end, now, out)) {
          this.lcp.rejectProtocol(protocol, bytes, at, end, out);
        }
        this.afterNetwork(now, out);
    }
  }

  /** RFC 1661 5.7: what the peer does not speak is not sent again. */
  private onProtocolReject(protocol: number, now: Instant, out: PppEffect[]): void {
    switch (protocol) {
      case Protocol.lcp:
        this.failure ??= ending('the peer rejected LCP', 'unknown');
        this.afterLcp(this.lcp.fire('RXJ-', now, out), now, out);
        break;
      case Protocol.pap:
      case Protocol.chap:
      case Protocol.eap:
        if (this.phase !== 'authenticate') break;
        this.terminate(
          ending('the peer rejected the authentication protocol', 'authRefusedByPeer', protocol),
          now,
          out,
        );
        break;
      default:
        this.network?.rejected(protocol, out);
        this.afterNetwork(now, out);
    }
  }

  private onTick(now: Instant, out: PppEffect[]): void {
    if (isDue(this.lcp, now)) this.afterLcp(this.lcp.tick(now, out), now, out);
    const { authentication } = this;
    if (isDue(authentication, now)) {
      const { asking } = authentication;
      authentication.tick(now, out);
      // A later answer is moot.
      if (asking?.state === 'passed') this.letGoBy(NO_VERDICT, out);
      this.afterAuth(now, out);
    }
    this.network?.tick(now, out);
    this.afterNetwork(now, out);
  }

  // ---------------------------------------------------------------- establish and terminate (RFC 1661 3.4, 3.7)

  private afterLcp(signals: number, now: Instant, out: PppEffect[]): void {
    if (signals & Layer.down) this.leave(out);
    if (signals & Layer.up) {
      this.tellLine(out);
      this.authenticate(now, out);
    }
    if (signals & Layer.finished)
      this.end(this.lcp.failure ?? ending('the peer ended the link', 'terminatedByPeer'), out);
  }

  /** RFC 3437 2.3: a LAC that has wishes is told what became of them. */
  private tellLine(out: PppEffect[]): void {
    const { line, ourAccm } = this.lcp;
    if (line?.lastReceived === undefined) return;
    const accm = { send: line.peerAccm, receive: ourAccm ?? ALL_CHARACTERS };
    out.push({ effect: 'lcp', accm, lastSent: this.lcp.requestOptions(), lastReceived: line.lastReceived });
  }

  /** LCP is no longer open: everything above it falls. */
  private leave(out: PppEffect[]): void {
    if (this.lcp.endedByPeer && this.phase === 'network') this.wanted = true;
    this.phase = isEnding(this.lcp.state) ? 'terminate' : 'establish';
    const refusal = this.phase === 'terminate' ? this.authentication?.refusal : undefined;
    if (refusal !== undefined) {
      // The peer does not try again: that is why it goes.
      out.push({ effect: 'notice', event: 'authFailed', message: refusal.message });
      this.failure ??= refusal.why;
    }
    this.proxy = undefined;
    this.authentication = undefined;
    this.authenticating = false;
    this.network?.end(out);
    this.network = undefined;
    if (this.phase === 'establish') {
      out.push({ effect: 'notice', event: 'ppp', message: 'the peer renegotiates the link' });
    }
  }

  private terminate(why: Ending, now: Instant, out: PppEffect[]): void {
    this.failure ??= why;
    this.phase = 'terminate';
    this.afterLcp(this.lcp.close(why, now, out), now, out);
    if (!this.over) this.phase = 'terminate';
  }

  private end(why: Ending, out: PppEffect[]): void {
    this.over = true;
    this.phase = 'dead';
    this.failure ??= why;
    const { reason, cause } = this.failure;
    out.push({ effect: 'down', reason, failed: !this.wanted, cause });
  }

  // ---------------------------------------------------------------- authenticate (RFC 1661 3.5)

  /** `captured`: the peer's answer, if a LAC has it already. */
  private authenticate(now: Instant, out: PppEffect[], captured?: Captured): void {
    const { lcp, spec, random } = this;
    this.phase = 'authenticate';
    lcp.startEchoes(now);
    this.user = undefined;
    if (lcp.authenticatorMethod !== undefined || lcp.loginMethod !== undefined || captured !== undefined) {
      this.authentication = new Authentication(spec, random, lcp, captured, now);
      this.authentication.start(now, out);
    }
    // A server without proof of its own still has somebody who says what the peer gets.
    const proves = lcp.authenticatorMethod !== undefined || captured !== undefined;
    if (spec.role === 'server' && spec.aaa !== 'local' && !proves) {
      this.authenticating = true;
      out.push({ effect: 'authenticate', credentials: { method: 'none' } });
    }
    this.afterAuth(now, out);
  }

  /** Looks what became of the authentication, and takes the next step. */
  private afterAuth(now: Instant, out: PppEffect[]): void {
    if (this.phase !== 'authenticate' && this.phase !== 'network') return;
    const failure = this.authentication?.failure ?? this.changeOfUser();
    if (failure !== undefined) {
      out.push({ effect: 'notice', event: 'authFailed', message: failure.message });
      this.terminate(failure.why, now, out);
      return;
    }
    this.ask(out);
    if (this.phase !== 'authenticate' || this.authenticating || this.authentication?.passed === false) return;
    this.enterNetwork(now, out);
  }

  /** The address and the place in the session limit are the first user's. */
  private changeOfUser(): Authentication['failure'] {
    const user = this.phase === 'network' ? this.authentication?.asking?.user : undefined;
    if (user === undefined || user === this.user) return undefined;
    const message = `user ${JSON.stringify(user)} answers the challenge for ${JSON.stringify(this.user)}`;
    const reason = 'authentication failed: another user answers a later challenge';
    return { message, why: ending(reason, 'peerFailedAuth', protocolOfMethod(this.lcp.authenticatorMethod)) };
  }

  private ask(out: PppEffect[]): void {
    const asking = this.authentication?.asking;
    if (asking === undefined || this.authenticating) return;
    this.authenticating = true;
    this.user = asking.user;
    out.push({ effect: 'authenticate', user: asking.user, credentials: asking.credentials() });
  }

  private onAuthenticated(answer: AuthenticateAnswer, now: Instant, out: PppEffect[]): void {
    if (!this.authenticating) return;
    this.authenticating = false;
    const asking = this.authentication?.asking;
    if ('grant' in answer) this.grant = answer.grant;
    if (asking !== undefined) {
      asking.answer(answer, now, out);
      if (asking.state === 'passed' && answer.verdict === 'reject') this.letGoBy(answer.message, out);
    } else if (answer.verdict === 'reject') {
      const reason = `not let in: ${answer.message}`;
      out.push({ effect: 'notice', event: 'authFailed', message: reason });
      this.terminate(ending(reason, 'peerFailedAuth'), now, out);
    }
    this.afterAuth(now, out);
  }

  /** A peer that is in is not lost because whoever knows the users is: it is challenged again later. */
  private letGoBy(why: string, out: PppEffect[]): void {
    this.authenticating = false;
    out.push({ effect: 'notice', event: 'ppp', message: `the peer stays, although nobody judges its answer: ${why}` });
  }

  // ---------------------------------------------------------------- network (RFC 1661 3.6)

  private enterNetwork(now: Instant, out: PppEffect[]): void {
    const { spec, random, localAddress, lcp, grant, authentication, user } = this;
    this.phase = 'network';
    this.network = new NetworkLayer(spec, random, localAddress, lcp, grant, authentication?.mppeKeys);
    this.network.start(user, now, out);
    this.afterNetwork(now, out);
  }

  /** Looks what became of the network protocols. */
  private afterNetwork(now: Instant, out: PppEffect[]): void {
    const { network, authentication } = this;
    if (network?.failure !== undefined) this.terminate(network.failure, now, out);
    else if (network?.spoken && authentication && !authentication.settle()) this.authentication = undefined;
  }

  /** The peer's, as accounting is told them. */
  get addresses(): NetworkLayer['addresses'] {
    return this.network?.addresses ?? noAddresses;
  }

  /** Whether the peer has asked for the end of an open link. */
  get endedByPeer(): boolean {
    return this.lcp.endedByPeer;
  }
}

/** LCP's states in which the link is being taken down. */
function isEnding(state: State): boolean {
  return state <= State.stopping;
}

/** RFC 1661 2: from 0x8000 on stand the protocols that control network protocols. */
function isNetworkControl(protocol: number): boolean {
  return protocol >= 0x8000 && protocol <= 0xbfff;
}
