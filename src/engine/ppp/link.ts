/**
 * One PPP link: the phases of RFC 1661 3, in which LCP, authentication, IPCP and IPV6CP have their turns. The link owns
 * them all; an open one keeps little more than its negotiated values.
 */

import type { AllocateAnswer, AuthenticateAnswer, Grant, Wanted } from '../aaa.ts';
import type { Instant, Machine, Random } from '../effects.ts';
import type { PppPhase, PppProxy, PppView } from '../spec.ts';
import type { Ipv4 } from '../wire/ipv4.ts';
import { Authentication } from './auth/authentication.ts';
import type { Captured } from './auth/exchange.ts';
import { protocolOfMethod } from './auth/methods.ts';
import { State } from './automaton.ts';
import { Layer } from './control-protocol.ts';
import { type CauseName, type Ending, ending } from './disconnect-cause.ts';
import type { Network, PppEffect, PppEvent } from './events.ts';
import { informationAt, Protocol, protocolOf } from './frame.ts';
import { Ipcp } from './ipcp.ts';
import { Ipv6Router } from './ipv6/router.ts';
import { Ipv6cp } from './ipv6cp.ts';
import { Lcp } from './lcp.ts';
import { ALL_CHARACTERS, Line, type LineWishes } from './lcp-options.ts';
import { takeProxy } from './proxy.ts';
import type { PppSpec } from './spec.ts';
import { earlier, isDue } from './timed.ts';

export type { Network, PppEffect, PppEvent } from './events.ts';

const nothingGranted: Grant = {};
const nothingAssigned: AllocateAnswer = {};
const noRoutes: readonly string[] = [];

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
  /** A server's side of IPv6, while IPV6CP is open. */
  private router: Ipv6Router | undefined = undefined;
  /** Who the peer says it is. */
  user: string | undefined = undefined;
  /** Whether an answer is waited for. A question that is asked again makes the earlier one moot. */
  private authenticating = false;
  private allocating = false;
  /** What the peer was granted when it was let in. */
  grant = nothingGranted;
  /** The addresses that it was given, as server. */
  assigned = nothingAssigned;
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
    earliest = earlier(earliest, this.router?.timerAt);
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
      case Protocol.eap:
        this.authentication?.receive(protocol, bytes, at, end, now, out);
        this.afterAuth(now, out);
        break;
      case Protocol.ip:
        break;
      case Protocol.ipv6:
        this.router?.receive(bytes, at, end, now, out);
        break;
      default:
        if (this.phase === 'authenticate' && isNetworkControl(protocol)) {
          this.authentication?.onNetwork();
          this.afterAuth(now, out);
        }
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
    } else if (
      this.allocating &&
      (protocol === Protocol.ipcp || (protocol === Protocol.ipv6cp && this.spec.ipv6.enabled))
    ) {
      // The peer will ask again: its addresses are not known yet.
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
      case Protocol.eap:
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
    const { ipcp, ipv6cp, router } = this;
    if (isDue(router, now)) router.tick(now, out);
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
    this.router = undefined;
    this.authenticating = false;
    this.allocating = false;
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
    } else if (answer.verdict === 'reject') {
      const reason = `not let in: ${answer.message}`;
      out.push({ effect: 'notice', event: 'authFailed', message: reason });
      this.terminate(ending(reason, 'peerFailedAuth'), now, out);
    }
    this.afterAuth(now, out);
  }

  // ---------------------------------------------------------------- network (RFC 1661 3.6)

  private enterNetwork(now: Instant, out: PppEffect[]): void {
    this.phase = 'network';
    if (this.spec.role === 'server') {
      this.allocate(out);
    } else {
      if (this.spec.ipv6.enabled) this.startIpv6cp(now, out);
      this.startIpcp(this.spec.ipv4.local ?? 0, 0, now, out);
    }
  }

  /** A server's network protocols begin when the peer's addresses are known. */
  private allocate(out: PppEffect[]): void {
    const { ipv4, ipv6 } = this.spec;
    const { grant, user } = this;
    this.allocating = true;
    out.push({
      effect: 'allocate',
      user,
      ipv4: { fixed: ipv4.remote ?? grant.ipv4, pool: grant.pool ?? ipv4.pool },
      prefix: wanted(ipv6.enabled, grant.prefix, grant.prefixPool ?? ipv6.prefixPool),
      delegated: wanted(ipv6.enabled, grant.delegated, grant.delegationPool ?? ipv6.delegationPool),
    });
  }

  private onAllocated(answer: AllocateAnswer, now: Instant, out: PppEffect[]): void {
    if (!this.allocating) return;
    this.allocating = false;
    this.assigned = answer;
    const { refused = nothingRefused, ipv4 } = answer;
    for (const kind of ['prefix', 'delegated'] as const) {
      const why = refused[kind];
      if (why !== undefined) out.push({ effect: 'notice', event: 'ppp', message: `${NAMES[kind]}: ${why}` });
    }
    if (this.spec.ipv6.enabled) this.startIpv6cp(now, out);
    if (ipv4 !== undefined) {
      this.startIpcp(this.spec.ipv4.local ?? this.localAddress, ipv4, now, out);
    } else {
      const reason = `no IPv4 address for the peer: ${refused.ipv4 ?? 'none was given'}`;
      this.withoutNetwork(ending(reason, 'peerAddressRefused', Protocol.ipcp), now, out);
    }
  }

  private startIpcp(local: Ipv4, peer: Ipv4, now: Instant, out: PppEffect[]): void {
    this.ipcp = new Ipcp(this.spec, this.random, local, peer, this.grant.dns);
    this.ipcp.start(now, out);
  }

  private startIpv6cp(now: Instant, out: PppEffect[]): void {
    this.ipv6cp = new Ipv6cp(this.spec, this.random, this.grant.interfaceId);
    this.ipv6cp.start(now, out);
  }

  private afterNcp(ncp: Ipcp | Ipv6cp, signals: number, now: Instant, out: PppEffect[]): void {
    if (signals & Layer.up && ncp.flaw !== undefined) {
      this.afterNcp(ncp, ncp.close(ncp.flaw, now, out) & ~Layer.down, now, out);
      return;
    }
    if (signals & (Layer.up | Layer.down)) {
      this.showNetwork(signals, out);
      if (ncp === this.ipv6cp) this.route(now);
    }
    if (signals & Layer.finished) {
      this.drop(ncp, ncp.failure ?? ending(`${ncp.name} ended`, 'noNcp', ncp.protocol), now, out);
    }
  }

  private drop(ncp: Ipcp | Ipv6cp, why: Ending, now: Instant, out: PppEffect[]): void {
    const carried = this.isOpen(ncp);
    if (ncp === this.ipcp) this.ipcp = undefined;
    else {
      this.ipv6cp = undefined;
      this.router = undefined;
    }
    if (carried) this.showNetwork(Layer.down, out);
    this.withoutNetwork(why, now, out);
  }

  /** One network protocol is lost: the link goes on as long as it has another. */
  private withoutNetwork(why: Ending, now: Instant, out: PppEffect[]): void {
    if (this.ipcp === undefined && this.ipv6cp === undefined && !this.allocating) {
      this.terminate(why, now, out);
    } else {
      out.push({ effect: 'notice', event: 'ppp', message: why.reason });
    }
  }

  private showNetwork(signals: number, out: PppEffect[]): void {
    if (signals & Layer.up && !this.authentication?.settle()) this.authentication = undefined;
    out.push({ effect: 'network', network: this.network() });
  }

  /** As server: the peer's router begins or ends with IPV6CP, before which it would not be heard. */
  private route(now: Instant): void {
    const { ipv6cp, spec, assigned, grant } = this;
    this.router = undefined;
    if (ipv6cp === undefined || !this.isOpen(ipv6cp) || spec.role !== 'server') return;
    const { local: localInterfaceId, remote: remoteInterfaceId } = ipv6cp;
    const { prefix, delegated } = assigned;
    const dns = grant.dns6 ?? spec.ipv6.dns;
    const mtu = this.mtu;
    this.router = new Ipv6Router({ localInterfaceId, remoteInterfaceId, mtu, prefix, delegated, dns }, this.random);
    this.router.start(now);
  }

  /** Whether the peer has asked for the end of an open link. */
  get endedByPeer(): boolean {
    return this.lcp.endedByPeer;
  }

  /** The peer's, once IPV6CP is open. */
  get remoteInterfaceId(): bigint | undefined {
    return this.isOpen(this.ipv6cp) ? this.ipv6cp?.remote : undefined;
  }

  private get mtu(): number {
    return Math.min(this.spec.mtu, this.lcp.peerMru, this.grant.mtu ?? Number.POSITIVE_INFINITY);
  }

  private isOpen(protocol: Ipcp | Ipv6cp | undefined): boolean {
    return protocol?.state === State.opened;
  }

  private network(): Network {
    const { lcp, ipcp, ipv6cp, mtu, grant, assigned } = this;
    const network: Network = { mtu, acfc: lcp.peerAcfc, pfc: lcp.peerPfc, routes: grant.routes ?? noRoutes };
    if (ipcp !== undefined && this.isOpen(ipcp)) {
      network.ipv4 = { local: ipcp.local, remote: ipcp.remote, dns: ipcp.dns() };
    }
    if (ipv6cp !== undefined && this.isOpen(ipv6cp)) {
      const { prefix, delegated } = assigned;
      network.ipv6 = { localInterfaceId: ipv6cp.local, remoteInterfaceId: ipv6cp.remote, prefix, delegated };
    }
    return network;
  }
}

const nothingRefused: NonNullable<AllocateAnswer['refused']> = {};
const NAMES = { prefix: 'no IPv6 prefix for the link', delegated: 'no IPv6 prefix to delegate' } as const;

function wanted<Value>(
  enabled: boolean,
  fixed: Value | undefined,
  pool: string | undefined,
): Wanted<Value> | undefined {
  return enabled && (fixed !== undefined || pool !== undefined) ? { fixed, pool } : undefined;
}

/** LCP's states in which the link is being taken down. */
function isEnding(state: State): boolean {
  return state <= State.stopping;
}

function rejected(what: string, cause: CauseName, protocol: number): Ending {
  return ending(`the peer rejected ${what}`, cause, protocol);
}

/** RFC 1661 2: from 0x8000 on stand the protocols that control network protocols. */
function isNetworkControl(protocol: number): boolean {
  return protocol >= 0x8000 && protocol <= 0xbfff;
}
