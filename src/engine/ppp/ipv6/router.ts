/**
 * The router's side of IPv6 on a link that we serve: router advertisements (RFC 4861 6.2) and, beside them, DHCPv6. The
 * peer is the only other node. Its kernel-side neighbour, who answers echoes and neighbour solicitations, is the plane's.
 */
import type { Instant, Random } from '../../effects.ts';
import { readU16 } from '../../wire/bytes.ts';
import type { FrameSink } from '../events.ts';
import { answerDhcp, SERVER_PORT } from './dhcpv6.ts';
import {
  ALL_NODES,
  ALL_ROUTERS,
  isLinkLocal,
  linkLocal,
  NextHeader,
  packetWriter,
  type Received,
  readPacket,
  UNSPECIFIED,
} from './packet.ts';
import { LIFETIMES, MAX_DNS_SERVERS, MAX_INTERVAL_S, type RouterSpec } from './spec.ts';

/** RFC 4861 4.1, 4.2. */
const Icmpv6 = { routerSolicitation: 133, routerAdvertisement: 134 } as const;
/** RFC 4861 4.6, RFC 8106 5.1. */
const Option = { sourceLinkLayer: 1, prefix: 3, mtu: 5, dnsServers: 25 } as const;

/** RFC 4861 10. */
const MAX_INITIAL_ADVERTISEMENTS = 3;
const MAX_INITIAL_INTERVAL_MS = 16_000;
const MIN_INTERVAL_MS = 3_000;
const MAX_ANSWER_DELAY_MS = 500;

const MAX_INTERVAL_MS = MAX_INTERVAL_S * 1_000;
/** RFC 4861 6.2.1: as long as it may be, for many links. */
const LEAST_INTERVAL_MS = 0.75 * MAX_INTERVAL_MS;

const OTHER_CONFIGURATION = 0x40;
const AUTONOMOUS = 0x40;
const CURRENT_HOP_LIMIT = 64;
/** RFC 8200 5: nobody heeds less. */
const MIN_MTU = 1280;
/** DHCPv6 messages that a link has answered, in each second. Clients send one in a second, or less (RFC 8415 15). */
const MAX_ANSWERS = 8;
const ANSWERS_MS = 1_000;

export class Ipv6Router {
  timerAt: Instant = 0;
  private readonly spec: RouterSpec;
  private readonly random: Random;
  private initialLeft = MAX_INITIAL_ADVERTISEMENTS;
  /** When the last advertisement went out. */
  private advertisedAt: Instant = -MIN_INTERVAL_MS;
  /** DHCPv6 messages answered in the second that began with the first of them. */
  private answers = 0;
  private answersSince: Instant = 0;

  constructor(spec: RouterSpec, random: Random) {
    this.spec = spec;
    this.random = random;
  }

  /**
   * The peer's IPv6 is coming up. It asks when it is there, as most do, or else is told a little later: what is told at
   * once often comes too early, and would make the answer wait (MIN_DELAY_BETWEEN_RAS).
   */
  start(now: Instant): void {
    this.advertisedAt = now - MIN_INTERVAL_MS;
    this.timerAt = Math.ceil(now + MIN_INTERVAL_MS);
  }

  /** Takes the IPv6 packet at bytes[at, end). What is not for a router, or cannot be right, is dropped. */
  receive(bytes: Uint8Array, at: number, end: number, now: Instant, out: FrameSink): void {
    const packet = readPacket(bytes, at, end);
    if (packet === undefined || packet.source === linkLocal(this.spec.localInterfaceId)) return;
    if (packet.nextHeader === NextHeader.icmpv6) {
      if (this.isSolicitation(packet, bytes)) this.solicited(now);
    } else if (readU16(bytes, packet.at + 2) === SERVER_PORT && isLinkLocal(packet.source) && this.mayAnswer(now)) {
      if (answerDhcp(this.spec, packet, bytes, out)) this.answers++;
    }
  }

  tick(now: Instant, out: FrameSink): void {
    if (this.timerAt === 0 || this.timerAt > now) return;
    this.advertise(out);
    this.advertisedAt = now;
    if (this.initialLeft > 0) this.initialLeft--;
    const interval = LEAST_INTERVAL_MS + this.random.below(MAX_INTERVAL_MS - LEAST_INTERVAL_MS);
    this.timerAt = Math.ceil(now + (this.initialLeft > 0 ? MAX_INITIAL_INTERVAL_MS : interval));
  }

  /** RFC 4861 6.1.1. */
  private isSolicitation({ source, destination, hopLimit, at, end }: Received, bytes: Uint8Array): boolean {
    if (bytes[at] !== Icmpv6.routerSolicitation || bytes[at + 1] !== 0 || hopLimit !== 255) return false;
    if (destination !== ALL_ROUTERS && destination !== linkLocal(this.spec.localInterfaceId)) return false;
    for (let option = at + 8; option < end; option += 8 * bytes[option + 1]) {
      if (option + 2 > end || bytes[option + 1] === 0 || option + 8 * bytes[option + 1] > end) return false;
      if (bytes[option] === Option.sourceLinkLayer && source === UNSPECIFIED) return false;
    }
    return true;
  }

  /** RFC 4861 6.2.6: the answer is the next advertisement, sooner. */
  private solicited(now: Instant): void {
    const earliest = Math.max(now, this.advertisedAt + MIN_INTERVAL_MS);
    const answerAt = Math.ceil(earliest + this.random.below(MAX_ANSWER_DELAY_MS));
    if (answerAt < this.timerAt) this.timerAt = answerAt;
  }

  /** RFC 4861 4.2. Without a Source Link-Layer Address: PPP has none. */
  private advertise(out: FrameSink): void {
    const { localInterfaceId, mtu, prefix, delegated, dns } = this.spec;
    const packet = packetWriter.icmpv6(Icmpv6.routerAdvertisement, linkLocal(localInterfaceId), ALL_NODES);
    const other = dns.length > 0 || delegated !== undefined;
    packet
      .u8(CURRENT_HOP_LIMIT)
      .u8(other ? OTHER_CONFIGURATION : 0)
      .u16(LIFETIMES.routerS);
    // Reachable Time and Retrans Timer: unspecified.
    packet.u32(0).u32(0);
    if (mtu >= MIN_MTU) packet.u8(Option.mtu).u8(1).u16(0).u32(mtu);
    if (prefix !== undefined) {
      // Not on-link (L): the prefix is the peer's alone, no address in it is another neighbour's, and it may move it to
      // a network behind itself. Of a shorter prefix its first /64: addresses form in no other length (RFC 4862 5.5.3).
      packet.u8(Option.prefix).u8(4).u8(64).u8(AUTONOMOUS);
      packet.u32(LIFETIMES.validS).u32(LIFETIMES.preferredS).u32(0).u64(prefix.high).u64(0n);
    }
    const servers = dns.slice(0, MAX_DNS_SERVERS);
    if (servers.length > 0) {
      packet
        .u8(Option.dnsServers)
        .u8(1 + 2 * servers.length)
        .u16(0)
        .u32(LIFETIMES.routerS);
      for (const server of servers) packet.address(server);
    }
    out.push({ effect: 'frame', frame: packet.finish() });
  }

  private mayAnswer(now: Instant): boolean {
    if (now - this.answersSince >= ANSWERS_MS) {
      this.answersSince = now;
      this.answers = 0;
    }
    return this.answers < MAX_ANSWERS;
  }
}
