/**
 * What the engine's host needs from the world: sockets and a data plane. (Who knows the subscribers: `aaa.ts`.)
 * Callbacks answer at once or later; the host turns each answer into an event, so no state machine waits.
 */

import type { PlaneError } from './errors.ts';
import type {
  CircuitSpec,
  DataSequencing,
  DeviceSpec,
  Encapsulation,
  Endpoint,
  EthernetSpec,
  FilterRule,
  ListenSpec,
  PlaneDevice,
  Pseudowire,
  RateLimit,
  SessionCounters,
} from './spec.ts';
import type { AvpValues, CircuitStatus } from './wire/avp.ts';
import { dialects } from './wire/dialect.ts';
import type { Ipv4 } from './wire/ipv4.ts';
import type { Ipv6Prefix } from './wire/ipv6.ts';
import type { OtherAvp } from './wire/message.ts';
import type { Sublayer } from './wire/pseudowire.ts';
import { type SessionKey, sessionKeyText, sessionKeyV2, sessionKeyV3 } from './wire/session-key.ts';

export type SocketId = number;

export { type SessionKey, sessionKeyText, sessionKeyV2, sessionKeyV3 };

/** The key of a session in a view. */
export function sessionKeyOf(version: 2 | 3, localTunnelId: number, localSessionId: number): SessionKey {
  return dialects[version].sessionKey(localTunnelId, localSessionId);
}

// ---------------------------------------------------------------- transport

/** One received datagram. The object and its octets are reused: valid only during the call that hands it over. */
export interface Datagram {
  socket: SocketId;
  encapsulation: Encapsulation;
  from: Endpoint;
  /** The local address that it was sent to, for answers from a wildcard socket. */
  to: string | undefined;
  bytes: Uint8Array;
  start: number;
  end: number;
}

export interface Transport {
  /**
   * Opens a socket, or shares the open one with the same address and port (UDP port 0 never shares; over IP there is one
   * for each address). Each open needs one close.
   * @throws PlaneError
   */
  open(local: ListenSpec): SocketId;
  close(socket: SocketId): void;
  /**
   * An endpoint, written as datagrams from there show it.
   * @throws PlaneError EINVAL when the address is none
   */
  endpoint(address: string, port: number): Endpoint;
  /** The bound address and port. */
  local(socket: SocketId): Endpoint;
  /** Queues a copy of the octets; `from` picks the source address on a wildcard socket, `dscp` marks the packet. */
  send(socket: SocketId, to: Endpoint, from: string | undefined, bytes: Uint8Array, dscp?: number): void;
}

// ---------------------------------------------------------------- data plane

/** A point-to-point IP attachment of a PPP session. */
export interface IpAttachment {
  /** The device: of this session alone, or shared by all accepted sessions that name it (see the `device` op). */
  interface: { kind: 'own' /** absent: the plane chooses */; name?: string } | { kind: 'shared'; name: string };
  /** Whose it is, for the device's alias: `Session/NAME`. */
  owner: string;
  mtu: number;
  /** Lower the MSS that TCP's SYNs name, both ways, to what the MTU lets through. */
  mssClamp: boolean;
  /** `proxyArp`: answer for the peer's address on the networks beside us. */
  ipv4?: { local: Ipv4; remote: Ipv4; defaultRoute: boolean; proxyArp: boolean };
  ipv6?: {
    localInterfaceId: bigint;
    remoteInterfaceId: bigint;
    /** Networks of the peer: they are routed to it, and with its link-local address they are what it may send from. */
    prefixes: readonly Ipv6Prefix[];
    /** Hand router solicitations and DHCPv6 up as frames (PPP protocol 0x0057), instead of carrying them. */
    router: boolean;
  };
  /** CIDRs of either family that are behind the peer besides. */
  routes: readonly string[];
}

/** Data messages of an L2TPv3 session (RFC 3931 4.1, 4.6). Cookies have 0, 4 or 8 octets. */
export interface DataFormat {
  localSessionId: number;
  /** What comes must have this one. */
  localCookie: Uint8Array;
  /** What goes has this one. */
  remoteCookie: Uint8Array;
  rxSublayer: Sublayer;
  txSublayer: Sublayer;
  /** Whether we asked for sequence numbers: else those that come are ignored. */
  checksSequence: boolean;
}

export type { Sublayer };

export interface EthernetAttachment {
  /** Whose it is, for the device's alias: `Session/NAME`. */
  owner: string;
  ethernet: EthernetSpec;
}

export interface CircuitAttachment {
  owner: string;
  circuit: CircuitSpec;
}

export type PlaneOp =
  | {
      op: 'tunnelUp';
      localTunnelId: number;
      remoteTunnelId: number;
      version: 2 | 3;
      encapsulation: Encapsulation;
      socket: SocketId;
      remote: Endpoint;
      /** Our source address, on a wildcard socket. */
      from: string | undefined;
    }
  | { op: 'tunnelDown'; localTunnelId: number }
  | {
      op: 'sessionUp';
      session: SessionKey;
      localTunnelId: number;
      remoteSessionId: number;
      pseudowire: Pseudowire;
      /** Which data messages get sequence numbers. */
      sequencing: DataSequencing;
      /** L2TPv3: how its data messages look besides. */
      format?: DataFormat;
      /** As LAC without Sequencing Required: turn them on and off as the LNS does (RFC 2661 5.4). */
      followSequencing?: boolean;
      /** How long data messages that come too early wait for the missing ones. 0: late ones are dropped instead. */
      reorderTimeoutMs: number;
      dscp: number;
    }
  /** Listen for PPPoE on an Ethernet interface. */
  | { op: 'pppoeOpen'; interface: string }
  | { op: 'pppoeClose'; interface: string }
  /** A PPPoE session, under a key of the same kind as L2TP's; `sessionDown` ends it. `peer` is the client's MAC address. */
  | { op: 'pppoeUp'; session: SessionKey; interface: string; peer: Uint8Array; pppoeSessionId: number }
  /** Every PPP frame of one session goes out of the other, both ways, control protocols too, until either ends. */
  | { op: 'splice'; session: SessionKey; with: SessionKey }
  /** Without `sequencing` it stays as it is, which for one that follows is as the LNS has it. */
  | {
      op: 'sessionModify';
      session: SessionKey;
      sequencing: DataSequencing | undefined;
      reorderTimeoutMs: number;
      dscp: number;
    }
  | { op: 'sessionDown'; session: SessionKey }
  /** PPP is open: carry user packets. Again with other facts: change what differs. acfc and pfc: how to send. */
  | { op: 'attach'; session: SessionKey; attachment: IpAttachment; acfc: boolean; pfc: boolean }
  | { op: 'detach'; session: SessionKey }
  /** An `ethernet` or `vlan` session carries frames from now on; again with other facts: change what differs. */
  | { op: 'attachEthernet'; session: SessionKey; attachment: EthernetAttachment }
  /** An HDLC, Frame Relay or ATM session carries frames from now on. */
  | { op: 'attachCircuit'; session: SessionKey; attachment: CircuitAttachment }
  /** Whether the circuit at the peer is active: while it is not, nothing is sent there, and our own end shows it. */
  | { op: 'peerCircuit'; session: SessionKey; active: boolean }
  /** User packets, the router's too, are encrypted with stateless 128-bit MPPE (RFC 3078) from new start keys; undefined: not. */
  | { op: 'encrypt'; session: SessionKey; keys: { send: Uint8Array; receive: Uint8Array } | undefined }
  /** What user packets are held to, attached or not; again to change it. Undefined: nothing. `rx`: what comes from the peer. */
  | { op: 'limit'; session: SessionKey; rate: RateLimit | undefined; filter: readonly FilterRule[] | undefined }
  /** Create the shared device or change it until it matches. */
  | { op: 'device'; device: DeviceSpec }
  | { op: 'removeDevice'; name: string }
  /** Bring a device of ours back to what was applied last. */
  | { op: 'repair'; name: string };

export type PlaneFact =
  | { fact: 'done' }
  /** The device that carries the session, or the path of its socket. */
  | { fact: 'attached'; session: SessionKey; interface: string }
  | { fact: 'failed'; error: PlaneError };

export interface PlaneEvents {
  /** A PPP control protocol frame, or IPv6 for the router, came: its whole L2TP payload. The octets are valid only during the call. */
  frame(session: SessionKey, bytes: Uint8Array, start: number, end: number): void;
  /** A PPPoE discovery packet (RFC 2516 4), its header included, from the MAC address `peer`. Octets only borrowed. */
  discovery(interfaceName: string, peer: Uint8Array, bytes: Uint8Array, start: number, end: number): void;
  /** The session has lost frames here, so many since it began. Told some time later, and not for each. */
  framesDropped(session: SessionKey, frames: number): void;
  /** The state of the circuit that a session is attached to has changed since it was attached, which is as active. */
  circuit(session: SessionKey, status: CircuitStatus): void;
  /** An interface that was opened for PPPoE is gone, which `failure` tells, or is here again. */
  pppoeServed(interfaceName: string, failure: string | undefined): void;
  /** Somebody changed a device of ours. */
  drift(device: string, what: string): void;
}

export interface DataPlane {
  readonly name: 'userspace';
  readonly capabilities: { pseudowires: readonly Pseudowire[]; kernelModules: readonly string[] };
  /** Must take effect on session tables before it returns; devices may follow. `answer` is called exactly once. */
  apply(op: PlaneOp, answer: (fact: PlaneFact) => void): void;
  /** A data message that came on one of the transport's sockets. */
  deliver(datagram: Datagram): void;
  /** Sends one PPP control frame (address, control and protocol field included). */
  sendControl(session: SessionKey, frame: Uint8Array): void;
  /** Sends a PPPoE discovery packet to a MAC address. */
  sendDiscovery(interfaceName: string, peer: Uint8Array, packet: Uint8Array): void;
  counters(session: SessionKey): SessionCounters | undefined;
  /** Data messages that no session took, by reason. */
  dropped(): Readonly<Record<string, number>>;
  list(): Promise<PlaneDevice[]>;
  /** Removes every device and route of ours. */
  close(): Promise<void>;
}

// ---------------------------------------------------------------- tunnel switching

/** A call for which a plugin chooses the way. */
export interface ForwardRequest {
  session: SessionKey;
  plugin: string;
  user?: string;
  call: AvpValues;
  /** The AVPs of the call that the table does not know. */
  others?: readonly OtherAvp[];
}

/** Declared Tunnels in the order of preference; undefined: the rule's own. */
export type ForwardAnswer = readonly string[] | undefined;
