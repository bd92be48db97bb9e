/**
 * A peer without a mind of its own: the test says what it sends, it keeps what it gets, and counts Ns and Nr.
 */

import type { TunnelRegistry } from '../../src/engine/registry.ts';
import type { Encapsulation, Endpoint, Secret, TunnelView } from '../../src/engine/spec.ts';
import { overIp } from '../../src/engine/tunnel-messages.ts';
import type { AvpValues } from '../../src/engine/wire/avp.ts';
import { type Dialect, dialects } from '../../src/engine/wire/dialect.ts';
import { checkMessage, type DigestRoom, digestKey, signMessage } from '../../src/engine/wire/digest.ts';
import { controlStart, decodeHeader, type Header, messageCodeAt, newHeader } from '../../src/engine/wire/header.ts';
import {
  type MessageType,
  messageTypes,
  type OutgoingAvp,
  type OutgoingMessage,
} from '../../src/engine/wire/message.ts';
import { messageRows } from '../../src/engine/wire/message-table.ts';
import { type Node, World } from './world.ts';

/** What the peer got: a message, or an acknowledgement without one. */
export interface Got {
  type: MessageType | 'ZLB';
  avps: AvpValues;
  header: Header;
  /** What its digests are worth. */
  digest: ReturnType<typeof checkMessage>;
  /** The octets of the message. */
  bytes: Uint8Array;
  /** The engine's end, and the peer's. */
  from: Endpoint;
  to: Endpoint;
}

/** What a peer says, as it likes. */
export interface PeerMessage<Type extends MessageType = MessageType> {
  type: Type;
  avps: AvpValues;
  others?: readonly OutgoingAvp[];
}

/** What L2TPv2 has. */
export type MessageTypeV2 = Exclude<MessageType, 'ACK'>;

export const messageTypesV2 = messageTypes.filter((type): type is MessageTypeV2 => type !== 'ACK');

/** The octets of a message of L2TPv2. */
export function encode(message: PeerMessage): Uint8Array {
  return dialects[2].encodeMessage(message as OutgoingMessage, 0);
}

/** How a peer speaks. */
export interface Manner {
  version: 2 | 3;
  encapsulation: Encapsulation;
  /** With which its messages are signed; those of one that authenticates them bear its nonce. */
  digests?: DigestRoom & { secrets: readonly (Secret | undefined)[]; nonce?: Uint8Array };
}

const mannerV2: Manner = { version: 2, encapsulation: 'udp' };
const noNonce = new Uint8Array(0);

/** What a datagram says otherwise than it should. */
interface Twist {
  /** v2: in its header; v3: its Remote Session ID. */
  sessionId?: number;
  /** Signed with these, or not at all. */
  secrets?: readonly (Secret | undefined)[] | 'none';
  /** Nonces that are not those of the tunnel. */
  nonces?: { local: Uint8Array; remote: Uint8Array };
  digest?: DigestRoom;

  tunnelId?: number;
  ns?: number;
  nr?: number;
  /** Where it comes from, if not from the peer's own endpoint. */
  from?: Endpoint;
}

export class ScriptedPeer {
  readonly endpoint: Endpoint;
  readonly dialect: Dialect;
  /** May be changed on the way. */
  manner: Manner;
  /** The id that this peer gives to its tunnel. */
  tunnelId: number;
  /** The id that it gives to its calls, one at a time. */
  readonly callId: number;
  /** The engine's nonce. */
  remoteNonce: Uint8Array = noNonce;
  /** The engine's id of the tunnel, 0 until it is known. */
  remoteId = 0;
  /** The engine's end of the tunnel. */
  remote: Endpoint;
  ns = 0;
  nr = 0;
  /** Everything that it got, in order. */
  readonly log: Got[] = [];
  private readonly world: World;
  private readonly node: Node;
  private read = 0;

  constructor(
    world: World,
    node: Node,
    endpoint: Endpoint = { address: '10.0.0.9', port: 1701 },
    manner: Manner = mannerV2,
  ) {
    this.world = world;
    this.node = node;
    this.manner = manner;
    this.dialect = dialects[manner.version];
    // Ids of L2TPv3 have all 32 bits.
    [this.tunnelId, this.callId] = manner.version === 2 ? [77, 5] : [0xfedc_ba98, 0xf000_0005];
    this.endpoint = manner.encapsulation === 'ip' ? { ...endpoint, port: 0 } : endpoint;
    this.remote = this.listener;
    const before = world.onDatagram;
    world.onDatagram = (from, to, datagram) => {
      before(from, to, datagram);
      if (to.address === this.endpoint.address && to.port === this.endpoint.port) this.got(from, to, datagram);
    };
  }

  private get listener(): Endpoint {
    return { address: this.node.address, port: this.endpoint.port === 0 ? 0 : 1701 };
  }

  /** Begins another tunnel: nothing is known of the old one. */
  restart(tunnelId = this.tunnelId): void {
    this.tunnelId = tunnelId;
    this.remoteId = this.ns = this.nr = 0;
    this.remoteNonce = noNonce;
    this.remote = this.listener;
  }

  /** Sends a message with the next Ns, and gives what comes back at once. */
  send(message: PeerMessage, twist: Twist = {}): Got[] {
    return this.sendBody(this.encode(message, twist), twist);
  }

  /** The octets of a message behind its header, with room for digests. */
  encode(message: PeerMessage, { sessionId = 0, digest, secrets }: Twist = {}): Uint8Array {
    const digests = secrets === 'none' ? undefined : (digest ?? this.manner.digests);
    return this.dialect.encodeMessage(message as OutgoingMessage, sessionId, { digests });
  }

  /** The same with AVPs that no table has looked at. */
  sendBody(body: Uint8Array, twist: Twist = {}): Got[] {
    return this.sendOctets(this.datagram(body, twist), twist.from);
  }

  /** A whole datagram with the next Ns, signed. */
  datagram(body: Uint8Array, twist: Twist = {}): Uint8Array {
    const { tunnelId = this.remoteId, sessionId = 0, ns = this.ns, nr = this.nr } = twist;
    const message = this.dialect.encodeControl(tunnelId, sessionId, ns, nr, body);
    const header = newHeader();
    decodeHeader(message, 0, message.length, header);
    if (twist.ns === undefined && !this.dialect.isAck(message, header)) this.ns = (this.ns + 1) & 0xffff;
    const { secrets = this.manner.digests?.secrets, nonces = this.noncesOf(message) } = twist;
    if (secrets && secrets !== 'none') signMessage(message, secrets.map(digestKey), nonces);
    return this.manner.encapsulation === 'ip' ? overIp(message) : message;
  }

  /** An SCCRQ is signed without nonces (RFC 3931 5.4.1). */
  private noncesOf(message: Uint8Array) {
    const isRequest = this.dialect.version === 3 && messageCodeAt(message, 0) === messageRows.SCCRQ.code;
    const { nonce: local = noNonce } = this.manner.digests ?? {};
    return isRequest ? { local: noNonce, remote: noNonce } : { local, remote: this.remoteNonce };
  }

  /** Says that it has all that it got. */
  ack(twist: Twist = {}): Got[] {
    return this.sendBody(this.acknowledgement, twist);
  }

  private get acknowledgement(): Uint8Array {
    return this.dialect.version === 2 ? noNonce : this.encode({ type: 'ACK', avps: {} });
  }

  /** Lets time pass, and acknowledges every half second what came. */
  liveFor(durationMs: number): void {
    for (let left = durationMs; left > 0; left -= 500) {
      this.world.runFor(Math.min(500, left));
      this.ack();
    }
  }

  sendOctets(datagram: Uint8Array, from: Endpoint = this.endpoint): Got[] {
    this.unread();
    this.node.arrive(this.remote, from, datagram);
    return this.unread();
  }

  sccrq(avps: AvpValues = {}, twist: Twist = {}): Got[] {
    return this.send({ type: 'SCCRQ', avps: { ...this.introduction, ...avps } }, twist);
  }

  sccrp(avps: AvpValues = {}, twist: Twist = {}): Got[] {
    return this.send({ type: 'SCCRP', avps: { ...this.introduction, ...avps } }, twist);
  }

  sccn(avps: AvpValues = {}, twist: Twist = {}): Got[] {
    return this.send({ type: 'SCCCN', avps }, twist);
  }

  stopCcn(twist: Twist = {}): Got[] {
    return this.send({ type: 'StopCCN', avps: { assignedTunnelId: this.tunnelId, resultCode: { result: 1 } } }, twist);
  }

  /** Opens a tunnel as its initiator. */
  connect(): void {
    this.sccrq();
    this.sccn();
  }

  /** Answers the engine's SCCRQ, and acknowledges its SCCCN. */
  accept(avps: AvpValues = {}): void {
    this.sccrp(avps);
    this.ack();
  }

  /** What came since it last looked. */
  unread(): Got[] {
    const news = this.log.slice(this.read);
    this.read = this.log.length;
    return news;
  }

  get introduction() {
    return {
      protocolVersion: { version: 1, revision: 0 },
      hostName: 'peer.example',
      framingCapabilities: ['sync', 'async'] as const,
      assignedTunnelId: this.tunnelId,
      receiveWindowSize: 100,
      // L2TPv3's.
      routerId: 9,
      pseudowireCapabilities: ['ppp', 'ethernet', 'vlan'] as const,
      messageNonce: this.manner.digests?.nonce,
    };
  }

  private got(from: Endpoint, to: Endpoint, datagram: Uint8Array): void {
    const start = controlStart(this.manner.encapsulation, datagram, 0, datagram.length);
    const bytes = datagram.slice(start);
    const header = newHeader();
    decodeHeader(bytes, 0, bytes.length, header);
    const { payloadStart, payloadEnd, version } = header;
    const dialect = dialects[version];
    if (payloadStart === payloadEnd) {
      this.log.push({ type: 'ZLB', avps: {}, header, digest: 'absent', bytes, from, to });
      return;
    }
    const { secrets = [] } = this.manner.digests ?? {};
    const { type, avps } = dialect.decodeMessage(bytes, payloadStart, payloadEnd, { secretFor: () => secrets[0] });
    if (type === 'SCCRQ' || type === 'SCCRP') {
      this.remoteId =
        (this.dialect === dialect ? undefined : avps.assignedControlConnectionId) ?? avps.assignedTunnelId ?? 0;
      this.remoteNonce = avps.messageNonce ?? noNonce;
      this.remote = from;
    }
    const isAuthenticated = this.manner.digests?.nonce !== undefined && this.remoteNonce.length > 0;
    const keys = isAuthenticated ? secrets.map(digestKey) : [digestKey(undefined)];
    const nonces = type === 'SCCRQ' || !isAuthenticated ? { local: noNonce, remote: noNonce } : this.noncesOf(bytes);
    const digest = checkMessage(bytes, 0, payloadEnd, keys, nonces);
    this.log.push({ type, avps, header, digest, bytes, from, to });
    if (header.ns === this.nr && !dialect.isAck(bytes, header)) this.nr = (this.nr + 1) & 0xffff;
  }
}

/** A good message of every type, as this peer would send it. */
export function sample({ introduction, tunnelId, callId: assignedSessionId }: ScriptedPeer): {
  [Type in MessageType]: PeerMessage<Type>;
} {
  const result = { result: 1 };
  const errors = { crcErrors: 0, framingErrors: 0, hardwareOverruns: 0, bufferOverruns: 0 };
  const speeds = [{ remoteSessionId: 1, txConnectSpeedBps: 0, rxConnectSpeedBps: 0 }];
  // Each version takes its own.
  const wire = { assignedSessionId, circuitStatus: { active: true, isNew: true } };
  const request = { ...wire, callSerialNumber: 1, pseudowireType: 'ppp', remoteEndId: 'peer 1' } as const;
  const line = { assignedSessionId, txConnectSpeedBps: 1_000, framingType: ['sync'] } as const;
  return {
    SCCRQ: { type: 'SCCRQ', avps: introduction },
    SCCRP: { type: 'SCCRP', avps: introduction },
    SCCCN: { type: 'SCCCN', avps: {} },
    StopCCN: { type: 'StopCCN', avps: { assignedTunnelId: tunnelId, resultCode: result } },
    HELLO: { type: 'HELLO', avps: {} },
    ICRQ: { type: 'ICRQ', avps: request },
    ICRP: { type: 'ICRP', avps: wire },
    ICCN: { type: 'ICCN', avps: line },
    OCRQ: {
      type: 'OCRQ',
      avps: {
        ...request,
        minimumBps: 1,
        maximumBps: 2,
        bearerType: ['digital'],
        framingType: ['sync'],
        calledNumber: '1',
      },
    },
    OCRP: { type: 'OCRP', avps: wire },
    OCCN: { type: 'OCCN', avps: line },
    CDN: { type: 'CDN', avps: { assignedSessionId, resultCode: result } },
    WEN: {
      type: 'WEN',
      avps: { assignedSessionId, callErrors: { ...errors, timeoutErrors: 0, alignmentErrors: 0 } },
    },
    SLI: { type: 'SLI', avps: { assignedSessionId, accm: { send: 0, receive: 0 } } },
    ACK: { type: 'ACK', avps: {} },
    CSUN: { type: 'CSUN', avps: { connectSpeedUpdates: speeds } },
    CSURQ: { type: 'CSURQ', avps: { connectSpeedUpdates: speeds } },
  };
}

export function types(got: readonly Got[]): string[] {
  return got.map(({ type }) => type);
}

/** The states of all tunnels of a node, oldest first: closing and closed ones too, which the engine's views leave out. */
export function tunnelStates(node: Node): TunnelView['state'][] {
  const registry: TunnelRegistry = Reflect.get(node.engine, 'registry');
  return registry.all().map(({ state }) => state);
}

/** A world with one engine and one scripted peer. */
export function bench(gateway: Parameters<World['node']>[1], address = '10.0.0.1', manner: Manner = mannerV2) {
  const world = new World(1);
  const node = world.node(address, gateway);
  return { world, node, peer: new ScriptedPeer(world, node, undefined, manner) };
}
