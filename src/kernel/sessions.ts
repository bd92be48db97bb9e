/** What the packet path knows of tunnels and sessions. */
import type { DataFormat, SessionKey, SocketId } from '../engine/ports.ts';
import type { DataSequencing, Encapsulation, Pseudowire, SessionCounters } from '../engine/spec.ts';
import type { DeviceRoute } from './devices.ts';
import type { RawEndpoint } from './endpoints.ts';
import type { PacketFilter } from './filter.ts';
import type { Mppe } from './mppe.ts';
import type { Network, NetworkTable } from './networks.ts';
import type { HeldMessages } from './reorder.ts';
import type { Shaper } from './shaping.ts';

export interface PlaneTunnel {
  localId: number;
  remoteId: number;
  version: 2 | 3;
  encapsulation: Encapsulation;
  /** -1 once the tunnel is down. */
  socket: SocketId;
  remote: RawEndpoint;
  from: string | undefined;
}

/** Carries frames of one user or circuit. Kept small: there may be a hundred thousand. */
abstract class FrameSession implements SessionCounters {
  readonly key: SessionKey;
  /** Where every frame goes. */
  spliced: PlaneSession | undefined = undefined;
  rxPackets = 0;
  rxOctets = 0;
  txPackets = 0;
  txOctets = 0;
  rxDropped = 0;
  txDropped = 0;
  rxOutOfOrder = 0;
  rxReordered = 0;
  rxLost = 0;

  constructor(key: SessionKey) {
    this.key = key;
  }
}

export interface L2tpSessionFacts {
  remoteId: number;
  pseudowire: Pseudowire;
  /** L2TPv3's; absent: L2TPv2. */
  format?: DataFormat;
  /** Which frames we send with sequence numbers. */
  sequencing: DataSequencing;
  /** As LAC: send sequence numbers as the LNS does (RFC 2661 5.4). */
  follows: boolean;
  reorderTimeoutMs: number;
  dscp: number;
}

export class L2tpSession extends FrameSession {
  readonly tunnel: PlaneTunnel;
  /** As a signed number. */
  readonly remoteId: number;
  readonly pseudowire: Pseudowire;
  readonly format: DataFormat | undefined;
  sequencing: DataSequencing;
  readonly follows: boolean;
  reorderTimeoutMs: number;
  dscp: number;
  ns = 0;
  /** The next Ns to be received. */
  expected = 0;
  /** How many late messages came in a row, in order among themselves, and the number of the last. */
  lateRun = 0;
  lastLate = 0;
  held: HeldMessages | undefined = undefined;
  /** While the circuit at the peer is not, nothing is sent. */
  peerActive = true;
  /** Of every pseudowire but PPP, once it is attached. */
  circuit: Circuit | undefined = undefined;
  carrier: Carrier | undefined = undefined;
  acfc = false;
  pfc = false;
  hasIpv4 = false;
  hasIpv6 = false;
  /** The peer's address, as a signed number. */
  ipv4 = 0;
  /** The peer's interface identifier. */
  interfaceIdHigh = 0;
  interfaceIdLow = 0;
  /** Whether router solicitations and DHCPv6 are for the engine. */
  router = false;
  /** The MTU that TCP's SYNs are made to fit; 0: they stay as they are. */
  clampMtu = 0;
  /** Encrypts and decrypts user packets. */
  mppe: Mppe | undefined = undefined;
  /** What user packets are held to, if anything. */
  limits: UserLimits | undefined = undefined;
  /** On a shared device: what the session may receive, and what it has there of its own. */
  mtu = 0;
  networks: readonly PeerNetwork[] | undefined = undefined;
  /** Undefined as well while another session has the peer's link-local address. */
  linkLocal: LinkLocal | undefined = undefined;

  constructor(key: SessionKey, tunnel: PlaneTunnel, facts: L2tpSessionFacts) {
    super(key);
    this.tunnel = tunnel;
    this.remoteId = facts.remoteId | 0;
    this.pseudowire = facts.pseudowire;
    this.format = facts.format;
    this.sequencing = facts.sequencing;
    this.follows = facts.follows;
    this.reorderTimeoutMs = facts.reorderTimeoutMs;
    this.dscp = facts.dscp;
  }
}

/** Where the frames of a session go that are not PPP. */
export interface Circuit {
  /**
   * A payload from the peer, behind cookie and sublayer; valid until the batch ends. `flags`: the first octet of the
   * sublayer, 0 without. It may be changed, and the four octets in front of it may be overwritten. Answers why it is
   * dropped; else it counts as received.
   */
  take(session: L2tpSession, bytes: Uint8Array, start: number, end: number, flags: number): string | undefined;
}

/** Each absent where there is none. */
export interface UserLimits {
  readonly filter: PacketFilter | undefined;
  readonly rx: Shaper | undefined;
  readonly tx: Shaper | undefined;
}

/** A network of the peer's, its own address among them, with the route that it has for itself. */
export interface PeerNetwork extends Network {
  route: DeviceRoute | undefined;
}

/** An Ethernet interface with PPPoE as packets see it. */
export interface PppoeLink {
  /** -1 while the interface is gone. */
  readonly sessionFd: number;
  readonly index: number;
}

/** A MAC address in two numbers: its first two octets, and its last four as a signed number. */
export interface Mac {
  readonly high: number;
  readonly low: number;
}

export class PppoeSession extends FrameSession {
  readonly link: PppoeLink;
  readonly peer: Mac;
  readonly pppoeSessionId: number;

  constructor(key: SessionKey, link: PppoeLink, peer: Mac, pppoeSessionId: number) {
    super(key);
    this.link = link;
    this.peer = peer;
    this.pppoeSessionId = pppoeSessionId;
  }
}

export type PlaneSession = L2tpSession | PppoeSession;

/** A TUN device as packets see it. */
export interface Carrier {
  readonly name: string;
  /** -1 while the device is gone. */
  readonly fd: number;
  /** The session that has the device for itself. */
  readonly sole: L2tpSession | undefined;
  /** A shared device's sessions by the peer's addresses and networks, and by its interface identifier. */
  readonly ipv4: NetworkTable<L2tpSession>;
  readonly ipv6: NetworkTable<L2tpSession>;
  readonly byInterfaceId: ReadonlyMap<bigint, L2tpSession>;
}

/** An address fe80::id/64 of ours on a shared device, and how many sessions use it. */
export interface LinkLocal {
  readonly interfaceId: bigint;
  users: number;
}

/** A copy of the counters alone. */
export function countersOf(session: PlaneSession): SessionCounters {
  const { rxPackets, rxOctets, txPackets, txOctets, rxDropped, txDropped, rxOutOfOrder, rxReordered, rxLost } = session;
  return { rxPackets, rxOctets, txPackets, txOctets, rxDropped, txDropped, rxOutOfOrder, rxReordered, rxLost };
}
