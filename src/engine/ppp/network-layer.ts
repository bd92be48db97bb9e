/**
 * What runs over an open link (RFC 1661 3.6): IPCP and IPV6CP, as server the router's side of IPv6, and CCP where packets
 * are to be encrypted. It begins when the peer has been let in, and falls with LCP.
 */
import type { AccountRecord, AllocateAnswer, Grant, Wanted } from '../aaa.ts';
import type { Instant, Random } from '../effects.ts';
import type { Ipv4 } from '../wire/ipv4.ts';
import type { MppeKeys } from './auth/mppe-keys.ts';
import { State } from './automaton.ts';
import { Ccp } from './ccp.ts';
import { Layer } from './control-protocol.ts';
import { type Ending, ending } from './disconnect-cause.ts';
import type { Network, PppEffect } from './events.ts';
import { Protocol } from './frame.ts';
import { Ipcp } from './ipcp.ts';
import { Ipv6Router } from './ipv6/router.ts';
import { Ipv6cp } from './ipv6cp.ts';
import type { PppSpec } from './spec.ts';
import { earlier, isDue } from './timed.ts';

const nothingAssigned: AllocateAnswer = {};
const nothingRefused: NonNullable<AllocateAnswer['refused']> = {};
const noRoutes: readonly string[] = [];
const prefixNames = { prefix: 'no IPv6 prefix for the link', delegated: 'no IPv6 prefix to delegate' } as const;
/** MPPE's header, and the protocol field that it encrypts (RFC 3078 3). */
const mppeOctets = 4;

type Ncp = Ipcp | Ipv6cp | Ccp;

/** What the link below has come to. */
export interface LinkFacts {
  readonly peerMru: number;
  readonly peerAcfc: boolean;
  readonly peerPfc: boolean;
}

export class NetworkLayer {
  private readonly spec: PppSpec;
  private readonly random: Random;
  private readonly localAddress: Ipv4;
  private readonly link: LinkFacts;
  private readonly grant: Grant;
  private readonly keys: MppeKeys | undefined;
  private ipcp: Ipcp | undefined = undefined;
  private ipv6cp: Ipv6cp | undefined = undefined;
  private ccp: Ccp | undefined = undefined;
  /** A server's side of IPv6, while IPV6CP is open. */
  private router: Ipv6Router | undefined = undefined;
  /** Whether an answer about addresses is waited for. */
  private allocating = false;
  private encrypting = false;
  /** What the peer was given, as server. */
  private assigned = nothingAssigned;
  /** Whether a network protocol has been open: the peer knows that it was let in. */
  spoken = false;
  /** Why there is nothing left to carry. */
  failure: Ending | undefined = undefined;

  /** `localAddress`: a server's own IPv4 address when the spec has none. `keys`: what MPPE encrypts with, if it may. */
  constructor(
    spec: PppSpec,
    random: Random,
    localAddress: Ipv4,
    link: LinkFacts,
    grant: Grant,
    keys: MppeKeys | undefined,
  ) {
    this.spec = spec;
    this.random = random;
    this.localAddress = localAddress;
    this.link = link;
    this.grant = grant;
    this.keys = keys;
  }

  start(user: string | undefined, now: Instant, out: PppEffect[]): void {
    const { mppe, role } = this.spec;
    if (mppe === 'required' && this.keys === undefined) {
      this.failure = ending(
        'encryption is required, and the peer’s authentication gives no keys',
        'noNcp',
        Protocol.ccp,
      );
      return;
    }
    if (mppe !== 'none' && this.keys !== undefined) {
      this.ccp = new Ccp(this.spec, this.random);
      this.ccp.start(now, out);
    }
    if (role === 'server') this.allocate(user, out);
    else if (!this.awaitsKeys) this.startClient(now, out);
  }

  /** Whether no packet may pass before it can be encrypted. */
  private get awaitsKeys(): boolean {
    return this.spec.mppe === 'required' && !this.encrypting;
  }

  private startClient(now: Instant, out: PppEffect[]): void {
    if (this.spec.ipv6.enabled) this.startIpv6cp(now, out);
    this.startIpcp(this.spec.ipv4.local ?? 0, 0, now, out);
  }

  /** A server's network protocols begin when the peer's addresses are known. */
  private allocate(user: string | undefined, out: PppEffect[]): void {
    const { ipv4, ipv6 } = this.spec;
    const { grant } = this;
    this.allocating = true;
    out.push({
      effect: 'allocate',
      user,
      ipv4: { fixed: grant.ipv4 ?? (grant.pool ? undefined : ipv4.remote), pool: grant.pool ?? ipv4.pool },
      prefix: wanted(ipv6.enabled, grant.prefix, grant.prefixPool ?? ipv6.prefixPool),
      delegated: wanted(ipv6.enabled, grant.delegated, grant.delegationPool ?? ipv6.delegationPool),
    });
  }

  allocated(answer: AllocateAnswer, now: Instant, out: PppEffect[]): void {
    if (!this.allocating) return;
    this.allocating = false;
    this.assigned = answer;
    const { refused = nothingRefused } = answer;
    for (const kind of ['prefix', 'delegated'] as const) {
      const why = refused[kind];
      if (why !== undefined) out.push({ effect: 'notice', event: 'ppp', message: `${prefixNames[kind]}: ${why}` });
    }
    if (!this.awaitsKeys) this.startServer(now, out);
  }

  private startServer(now: Instant, out: PppEffect[]): void {
    const { ipv4, refused = nothingRefused } = this.assigned;
    if (this.spec.ipv6.enabled) this.startIpv6cp(now, out);
    if (ipv4 !== undefined) {
      this.startIpcp(this.spec.ipv4.local ?? this.localAddress, ipv4, now, out);
    } else {
      const reason = `no IPv4 address for the peer: ${refused.ipv4 ?? 'none was given'}`;
      this.without(ending(reason, 'peerAddressRefused', Protocol.ipcp), out);
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

  // ---------------------------------------------------------------- events

  get timerAt(): Instant {
    let earliest = earlier(this.router?.timerAt ?? 0, this.ipcp?.timerAt);
    earliest = earlier(earliest, this.ipv6cp?.timerAt);
    return earlier(earliest, this.ccp?.timerAt);
  }

  tick(now: Instant, out: PppEffect[]): void {
    const { ipcp, ipv6cp, ccp, router } = this;
    if (isDue(router, now)) router.tick(now, out);
    for (const ncp of [ipcp, ipv6cp, ccp]) if (isDue(ncp, now)) this.after(ncp, ncp.tick(now, out), now, out);
  }

  /** Takes the packet at bytes[at, end). Returns whether we speak its protocol. */
  receive(protocol: number, bytes: Uint8Array, at: number, end: number, now: Instant, out: PppEffect[]): boolean {
    if (protocol === Protocol.ipv6) {
      this.router?.receive(bytes, at, end, now, out);
      return true;
    }
    const ncp = this.speaking(protocol);
    if (ncp !== undefined) this.after(ncp, ncp.receive(bytes, at, end, now, out), now, out);
    // One that waits for addresses or keys is asked again.
    return ncp !== undefined || protocol === Protocol.ip || this.isToCome(protocol);
  }

  private speaking(protocol: number): Ncp | undefined {
    switch (protocol) {
      case Protocol.ipcp:
        return this.ipcp;
      case Protocol.ipv6cp:
        return this.ipv6cp;
      case Protocol.ccp:
        return this.ccp;
      default:
        return undefined;
    }
  }

  private isToCome(protocol: number): boolean {
    if (!this.allocating && !this.awaitsKeys) return false;
    return protocol === Protocol.ipcp || (protocol === Protocol.ipv6cp && this.spec.ipv6.enabled);
  }

  /** The peer does not speak a protocol (RFC 1661 5.7). */
  rejected(protocol: number, out: PppEffect[]): void {
    const ncp = this.speaking(protocol);
    if (ncp !== undefined) this.drop(ncp, ending(`the peer rejected ${ncp.name}`, 'noNcp', protocol), out);
  }

  private after(ncp: Ncp, signals: number, now: Instant, out: PppEffect[]): void {
    if (signals & Layer.up && ncp.flaw !== undefined) {
      this.after(ncp, ncp.close(ncp.flaw, now, out) & ~Layer.down, now, out);
      return;
    }
    if (signals & (Layer.up | Layer.down)) {
      if (ncp !== this.ccp) this.show(out);
      else if (signals & Layer.up) this.encrypt(now, out);
      else this.stopEncrypting(out);
      if (ncp === this.ipv6cp) this.route(now);
    }
    if (signals & Layer.finished) this.drop(ncp, ncp.failure ?? lost(ncp), out);
  }

  private drop(ncp: Ncp, why: Ending, out: PppEffect[]): void {
    const carried = isOpen(ncp);
    if (ncp === this.ipcp) this.ipcp = undefined;
    if (ncp === this.ipv6cp) {
      this.ipv6cp = undefined;
      this.router = undefined;
    }
    if (ncp === this.ccp) {
      this.ccp = undefined;
      if (carried) this.stopEncrypting(out);
    } else if (carried) this.show(out);
    this.without(why, out);
  }

  /** One protocol is lost: the link goes on as long as it has another, and what it requires. */
  private without(why: Ending, out: PppEffect[]): void {
    const carries = this.ipcp !== undefined || this.ipv6cp !== undefined || this.allocating;
    if (carries && (this.spec.mppe !== 'required' || this.ccp !== undefined)) {
      out.push({ effect: 'notice', event: 'ppp', message: why.reason });
    } else {
      this.failure ??= why;
    }
  }

  // ---------------------------------------------------------------- what is carried

  private encrypt(now: Instant, out: PppEffect[]): void {
    const waited = this.awaitsKeys;
    this.encrypting = true;
    out.push({ effect: 'encrypt', keys: this.keys });
    if (this.carries) this.show(out);
    if (!waited) return;
    if (this.spec.role === 'client') this.startClient(now, out);
    else if (!this.allocating) this.startServer(now, out);
  }

  /** CCP is negotiated anew, or lost. Where encryption is required nothing is carried until it is there again. */
  private stopEncrypting(out: PppEffect[]): void {
    if (this.spec.mppe === 'required') {
      this.end(out);
      return;
    }
    this.encrypting = false;
    out.push({ effect: 'encrypt', keys: undefined });
    if (this.carries) this.show(out);
  }

  private show(out: PppEffect[]): void {
    this.spoken ||= this.carries;
    out.push({ effect: 'network', network: this.network() });
  }

  /** What was carried no longer is. */
  end(out: PppEffect[]): void {
    const { carries, encrypting } = this;
    this.ipcp = undefined;
    this.ipv6cp = undefined;
    this.router = undefined;
    this.encrypting = false;
    if (carries) out.push({ effect: 'network', network: this.network() });
    if (encrypting) out.push({ effect: 'encrypt', keys: undefined });
  }

  /** As server: the peer's router begins and ends with IPV6CP. */
  private route(now: Instant): void {
    const { ipv6cp, spec, assigned, grant, mtu } = this;
    this.router = undefined;
    if (!isOpen(ipv6cp) || spec.role !== 'server') return;
    const { local: localInterfaceId, remote: remoteInterfaceId } = ipv6cp;
    const { prefix, delegated } = assigned;
    const dns = grant.dns6 ?? spec.ipv6.dns;
    this.router = new Ipv6Router({ localInterfaceId, remoteInterfaceId, mtu, prefix, delegated, dns }, this.random);
    this.router.start(now);
  }

  private get carries(): boolean {
    return isOpen(this.ipcp) || isOpen(this.ipv6cp);
  }

  /** The peer's. */
  get addresses(): Pick<AccountRecord, 'ipv4' | 'prefix' | 'delegated' | 'interfaceId'> {
    const { ipv4, prefix, delegated } = this.assigned;
    return { ipv4, prefix, delegated, interfaceId: isOpen(this.ipv6cp) ? this.ipv6cp.remote : undefined };
  }

  private get mtu(): number {
    const { spec, link, grant, encrypting } = this;
    const mtu = Math.min(spec.mtu, link.peerMru, grant.mtu ?? Number.POSITIVE_INFINITY);
    return encrypting ? mtu - mppeOctets : mtu;
  }

  network(): Network {
    const { link, ipcp, ipv6cp, mtu, grant, assigned } = this;
    const network: Network = { mtu, acfc: link.peerAcfc, pfc: link.peerPfc, routes: grant.routes ?? noRoutes };
    if (isOpen(ipcp)) network.ipv4 = { local: ipcp.local, remote: ipcp.remote, dns: ipcp.dns() };
    if (isOpen(ipv6cp)) {
      const { prefix, delegated } = assigned;
      network.ipv6 = { localInterfaceId: ipv6cp.local, remoteInterfaceId: ipv6cp.remote, prefix, delegated };
    }
    return network;
  }
}

function isOpen<Protocol extends Ncp>(protocol: Protocol | undefined): protocol is Protocol {
  return protocol?.state === State.opened;
}

function lost(ncp: Ncp): Ending {
  return ending(`${ncp.name} ended`, 'noNcp', ncp.protocol);
}

function wanted<Value>(
  enabled: boolean,
  fixed: Value | undefined,
  pool: string | undefined,
): Wanted<Value> | undefined {
  return enabled && (fixed !== undefined || pool !== undefined) ? { fixed, pool } : undefined;
}
