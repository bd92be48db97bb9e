/**
 * One PPP link: the phases of RFC 1661 3, in which LCP, authentication, IPCP and IPV6CP have their turns. The link owns
 * them all; an open one keeps little more than its negotiated values.
 */
import type { Instant, Machine, Random } from '../effects.ts';
import type { AllocateAnswer, AuthenticateAnswer } from '../ports.ts';
import type { PppPhase, PppProxy, PppView } from '../spec.ts';
import type { Ipv4 } from '../wire/ipv4.ts';
import { Authentication } from './auth/authentication.ts';
import type { Captured } from './auth/exchange.ts';
import { State } from './automaton.ts';
import { Layer } from './control-protocol.ts';
import { type CauseName, type Ending, ending } from './disconnect-cause.ts';
import type { Network, PppEffect, PppEvent } from './events.ts';
import { informationAt, Protocol, protocolOf } from './frame.ts';
import { Ipcp } from './ipcp.ts';
import { Ipv6cp } from './ipv6cp.ts';
import { Lcp } from './lcp.ts';
import { ALL_CHARACTERS, Line, type LineWishes } from './lcp-options.ts';
import { takeProxy } from './proxy.ts';
import type { PppSpec } from './spec.ts';
import { earlier, isDue } from './timed.ts';

export type { Network, PppEffect, PppEvent } from './events.ts';

/** A question to the world. `stale`: the link was renegotiated meanwhile, so that the answer concerns an earlier peer. */
type Question = 'none' | 'open' | 'stale';

export class PppLink implements Machine<PppEvent, PppEffect> {
  private readonly spec: PppSpec;
  private readonly random: Random;
  private readonly localAddress: Ipv4;
  private phase: PppPhase = 'dead';
  private readonly lcp: Lcp;
  /** What a LAC hands over, until the link begins; then what was taken of it, as long as that holds. */
  private proxy: PppProxy | PppView['proxy'];
  private authentication: Authentication | undefined = undefined;
  private ipcp: Ipcp | undefined = undefined;
  private ipv6cp: Ipv6cp | undefined = undefined;
  /** Who the peer says it is. */
  private user: string | undefined = undefined;
  private authenticating: Question = 'none';
  private allocating: Question = 'none';
  /** A fixed address for the peer, from its grant. */
  private granted: Ipv4 | undefined = undefined;
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
        this.onAllocated(event.answer, now, out);
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
    earliest = earlier(earliest, this.ipcp?.timerAt);
    earliest = earlier(earliest, this.ipv6cp?.timerAt);
    return earliest === 0 || this.over ? undefined : earliest;
  }

  view(): PppView {
    const { lcp } = this;
    const opened = lcp.state === State.opened;
    const auth = opened ? (lcp.authenticatorMethod ?? lcp.loginMethod) : undefined;
    const user = this.user ?? (opened && lcp.loginMethod !== undefined ? this.spec.userName : undefined);
    const { ipv4, ipv6 } = this.network();
    const proxy = typeof this.proxy === 'string' ? this.proxy : undefined;
    return { phase: this.phase, user, auth, peerMru: lcp.peerMru, ipv4, ipv6, failure: this.failure?.reason, proxy };
  }

  // ---------------------------------------------------------------- events

  private open(now: Instant, out: PppEffect[]): void {
    if (this.phase !== 'dead') return;
    if (this.spec.authenticatePeer && this.spec.authMethods.length === 0) {
      this.end(ending('the peer must authenticate itself, but the profile allows no method', 'unknown'), out);
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
        this.authentication?.receive(protocol, bytes, at, end, now, out);
        this.afterAuth(now, out);
        break;
      case Protocol.ip:
      case Protocol.ipv6:
        break;
      default:
        if (this.phase === 'network') this.onNetworkFrame(protocol, bytes, at, end, now, out);
    }
  }

  private onNetworkFrame(
    protocol: number,
    bytes: Uint8Array,
    at: number,
    end: number,
    now: Instant,
    out: PppEffect[],
  ): void {
    const { ipcp, ipv6cp } = this;
    if (protocol === Protocol.ipcp && ipcp !== undefined) {
      this.afterNcp(ipcp, ipcp.receive(bytes, at, end, now, out), now, out);
    } else if (protocol === Protocol.ipcp && this.allocating !== 'none') {
      // The peer will ask again: its address is not known yet.
    } else if (protocol === Protocol.ipv6cp && ipv6cp !== undefined) {
      this.afterNcp(ipv6cp, ipv6cp.receive(bytes, at, end, now, out), now, out);
    } else {
      this.lcp.rejectProtocol(protocol, bytes, at, end, out);
    }
  }

  /** RFC 1661 5.7: what the peer does not speak is not sent again. */
  private onProtocolReject(protocol: number, now: Instant, out: PppEffect[]): void {
    switch (protocol) {
      case Protocol.lcp:
        this.failure ??= ending('the peer rejected LCP', 'unknown');
        this.afterLcp(this.lcp.fire('RXJ-', now, out), now, out);
        break;
      case Protocol.ipcp:
        if (this.ipcp !== undefined) this.drop(this.ipcp, rejected('IPCP', 'noNcp', protocol), now, out);
        break;
      case Protocol.ipv6cp:
        if (this.ipv6cp !== undefined) this.drop(this.ipv6cp, rejected('IPV6CP', 'noNcp', protocol), now, out);
        break;
      case Protocol.pap:
      case Protocol.chap:
        if (this.phase !== 'authenticate') break;
        this.terminate(rejected('the authentication protocol', 'authRefusedByPeer', protocol), now, out);
        break;
    }
  }

  private onTick(now: Instant, out: PppEffect[]): void {
    if (isDue(this.lcp, now)) this.afterLcp(this.lcp.tick(now, out), now, out);
    const { authentication } = this;
    if (isDue(authentication, now)) {
      authentication.tick(now, out);
      this.afterAuth(now, out);
    }
    const { ipcp, ipv6cp } = this;
    if (isDue(ipcp, now)) this.afterNcp(ipcp, ipcp.tick(now, out), now, out);
    if (isDue(ipv6cp, now)) this.afterNcp(ipv6cp, ipv6cp.tick(now, out), now, out);
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
    const carried = this.isOpen(this.ipcp) || this.isOpen(this.ipv6cp);
    if (this.lcp.endedByPeer && this.phase === 'network') this.wanted = true;
    this.phase = isEnding(this.lcp.state) ? 'terminate' : 'establish';
    this.proxy = undefined;
    this.authentication = undefined;
    this.ipcp = undefined;
    this.ipv6cp = undefined;
    if (this.authenticating === 'open') this.authenticating = 'stale';
    if (this.allocating === 'open') this.allocating = 'stale';
    if (carried) out.push({ effect: 'network', network: this.network() });
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
    if (this.phase === 'authenticate' && this.authentication?.passed !== false) this.enterNetwork(now, out);
  }

  /** The address and the place in the session limit are the first user's. */
  private changeOfUser(): Authentication['failure'] {
    const user = this.phase === 'network' ? this.authentication?.asking?.user : undefined;
    if (user === undefined || user === this.user) return undefined;
    const message = `user ${JSON.stringify(user)} answers the challenge for ${JSON.stringify(this.user)}`;
    const reason = 'authentication failed: another user answers a later challenge';
    return { message, why: ending(reason, 'peerFailedAuth', Protocol.chap) };
  }

  /** One question at a time: so no answer can be taken for another's. */
  private ask(out: PppEffect[]): void {
    const asking = this.authentication?.asking;
    if (asking === undefined || this.authenticating !== 'none') return;
    this.authenticating = 'open';
    this.user = asking.user;
    out.push({ effect: 'authenticate', user: asking.user, credentials: asking.credentials() });
  }

  private onAuthenticated(answer: AuthenticateAnswer, now: Instant, out: PppEffect[]): void {
    const stale = this.authenticating !== 'open';
    this.authenticating = 'none';
    const asking = this.authentication?.asking;
    if (!stale && asking !== undefined) {
      if (answer.verdict !== 'reject') this.granted = answer.grant.ipv4;
      asking.answer(answer, now, out);
    }
    this.afterAuth(now, out);
  }

  // ---------------------------------------------------------------- network (RFC 1661 3.6)

  private enterNetwork(now: Instant, out: PppEffect[]): void {
    this.phase = 'network';
    if (this.spec.ipv6.enabled) {
      this.ipv6cp = new Ipv6cp(this.spec, this.random);
      this.ipv6cp.start(now, out);
    }
    if (this.spec.role === 'server') this.allocate(out);
    else this.startIpcp(this.spec.ipv4.local ?? 0, 0, now, out);
  }

  /** A server's IPCP begins when the peer's address is known. */
  private allocate(out: PppEffect[]): void {
    if (this.allocating !== 'none') return;
    this.allocating = 'open';
    out.push({ effect: 'allocate', user: this.user, ipv4: this.spec.ipv4.remote ?? this.granted });
  }

  private onAllocated(answer: AllocateAnswer, now: Instant, out: PppEffect[]): void {
    const stale = this.allocating !== 'open';
    this.allocating = 'none';
    if (this.phase !== 'network' || this.ipcp !== undefined) return;
    if (stale) this.allocate(out);
    else if ('ipv4' in answer) this.startIpcp(this.spec.ipv4.local ?? this.localAddress, answer.ipv4, now, out);
    else {
      const reason = `no IPv4 address for the peer: ${answer.refused}`;
      this.withoutNetwork(ending(reason, 'peerAddressRefused', Protocol.ipcp), now, out);
    }
  }

  private startIpcp(local: Ipv4, peer: Ipv4, now: Instant, out: PppEffect[]): void {
    this.ipcp = new Ipcp(this.spec, this.random, local, peer);
    this.ipcp.start(now, out);
  }

  private afterNcp(ncp: Ipcp | Ipv6cp, signals: number, now: Instant, out: PppEffect[]): void {
    if (signals & Layer.up && ncp.flaw !== undefined) {
      this.afterNcp(ncp, ncp.close(ncp.flaw, now, out) & ~Layer.down, now, out);
      return;
    }
    if (signals & (Layer.up | Layer.down)) this.showNetwork(signals, out);
    if (signals & Layer.finished) {
      this.drop(ncp, ncp.failure ?? ending(`${ncp.name} ended`, 'noNcp', ncp.protocol), now, out);
    }
  }

  private drop(ncp: Ipcp | Ipv6cp, why: Ending, now: Instant, out: PppEffect[]): void {
    const carried = this.isOpen(ncp);
    if (ncp === this.ipcp) this.ipcp = undefined;
    else this.ipv6cp = undefined;
    if (carried) this.showNetwork(Layer.down, out);
    this.withoutNetwork(why, now, out);
  }

  /** One network protocol is lost: the link goes on as long as it has another. */
  private withoutNetwork(why: Ending, now: Instant, out: PppEffect[]): void {
    if (this.ipcp === undefined && this.ipv6cp === undefined && this.allocating === 'none') {
      this.terminate(why, now, out);
    } else {
      out.push({ effect: 'notice', event: 'ppp', message: why.reason });
    }
  }

  private showNetwork(signals: number, out: PppEffect[]): void {
    if (signals & Layer.up && !this.authentication?.settle()) this.authentication = undefined;
    out.push({ effect: 'network', network: this.network() });
  }

  private isOpen(protocol: Ipcp | Ipv6cp | undefined): boolean {
    return protocol?.state === State.opened;
  }

  private network(): Network {
    const { lcp, ipcp, ipv6cp } = this;
    const network: Network = {
      mtu: Math.min(this.spec.mtu, lcp.peerMru),
      acfc: lcp.peerAcfc,
      pfc: lcp.peerPfc,
    };
    if (ipcp !== undefined && this.isOpen(ipcp)) {
      network.ipv4 = { local: ipcp.local, remote: ipcp.remote, dns: ipcp.dns() };
    }
    if (ipv6cp !== undefined && this.isOpen(ipv6cp)) {
      network.ipv6 = { localInterfaceId: ipv6cp.local, remoteInterfaceId: ipv6cp.remote };
    }
    return network;
  }
}

/** LCP's states in which the link is being taken down. */
function isEnding(state: State): boolean {
  return state <= State.stopping;
}

function rejected(what: string, cause: CauseName, protocol: number): Ending {
  return ending(`the peer rejected ${what}`, cause, protocol);
}
