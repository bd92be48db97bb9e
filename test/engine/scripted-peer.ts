/**
 * A peer without a mind of its own: the test says what it sends, it keeps what it gets, and counts Ns and Nr.
 */

import type { TunnelRegistry } from '../../src/engine/registry.ts';
import type { Endpoint, TunnelView } from '../../src/engine/spec.ts';
import type { AvpValues } from '../../src/engine/wire/avp.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { decodeHeader, type Header, newHeader } from '../../src/engine/wire/header.ts';
import {
  type MessageType,
  messageTypes,
  type OutgoingAvp,
  type OutgoingMessage,
} from '../../src/engine/wire/message.ts';
import { type Node, World } from './world.ts';

/** What the peer got: a message, or an acknowledgement without one. */
export interface Got {
  type: MessageType | 'ZLB';
  avps: AvpValues;
  header: Header;
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

/** What a datagram says otherwise than it should. */
interface Twist {
  tunnelId?: number;
  sessionId?: number;
  ns?: number;
  nr?: number;
  /** Where it comes from, if not from the peer's own endpoint. */
  from?: Endpoint;
}

export class ScriptedPeer {
  readonly endpoint: Endpoint;
  /** The id that this peer gives to its tunnel. */
  tunnelId = 77;
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

  constructor(world: World, node: Node, endpoint: Endpoint = { address: '10.0.0.9', port: 1701 }) {
    this.world = world;
    this.node = node;
    this.endpoint = endpoint;
    this.remote = { address: node.address, port: 1701 };
    const before = world.onDatagram;
    world.onDatagram = (from, to, datagram) => {
      before(from, to, datagram);
      if (to.address === endpoint.address && to.port === endpoint.port) this.got(from, to, datagram);
    };
  }

  /** Begins another tunnel: nothing is known of the old one. */
  restart(tunnelId = this.tunnelId): void {
    this.tunnelId = tunnelId;
    this.remoteId = this.ns = this.nr = 0;
    this.remote = { address: this.node.address, port: 1701 };
  }

  /** Sends a message with the next Ns, and gives what comes back at once. */
  send(message: PeerMessage, twist: Twist = {}): Got[] {
    return this.sendBody(encode(message), twist);
  }

  /** The same with AVPs that no table has looked at. */
  sendBody(body: Uint8Array, twist: Twist = {}): Got[] {
    const { tunnelId = this.remoteId, sessionId = 0, ns = this.ns, nr = this.nr, from } = twist;
    if (twist.ns === undefined && body.length > 0) this.ns = (this.ns + 1) & 0xffff;
    return this.sendOctets(dialects[2].encodeControl(tunnelId, sessionId, ns, nr, body), from);
  }

  /** Says that it has all that it got. */
  ack(twist: Twist = {}): Got[] {
    return this.sendBody(new Uint8Array(0), twist);
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
    };
  }

  private got(from: Endpoint, to: Endpoint, datagram: Uint8Array): void {
    const header = newHeader();
    decodeHeader(datagram, 0, datagram.length, header);
    if (header.payloadStart === header.payloadEnd) {
      this.log.push({ type: 'ZLB', avps: {}, header, from, to });
      return;
    }
    const { type, avps } = dialects[2].decodeMessage(datagram.slice(), header.payloadStart, header.payloadEnd);
    this.log.push({ type, avps, header, from, to });
    if (header.ns === this.nr) this.nr = (this.nr + 1) & 0xffff;
    if (type === 'SCCRQ' || type === 'SCCRP') {
      this.remoteId = avps.assignedTunnelId ?? 0;
      this.remote = from;
    }
  }
}

/** A good message of every type, as this peer would send it. */
export function sample(peer: ScriptedPeer): { [Type in MessageTypeV2]: PeerMessage<Type> } {
  const assignedSessionId = 5;
  const result = { result: 1 };
  const errors = { crcErrors: 0, framingErrors: 0, hardwareOverruns: 0, bufferOverruns: 0 };
  const speeds = [{ remoteSessionId: 1, txConnectSpeedBps: 0, rxConnectSpeedBps: 0 }];
  return {
    SCCRQ: { type: 'SCCRQ', avps: peer.introduction },
    SCCRP: { type: 'SCCRP', avps: peer.introduction },
    SCCCN: { type: 'SCCCN', avps: {} },
    StopCCN: { type: 'StopCCN', avps: { assignedTunnelId: peer.tunnelId, resultCode: result } },
    HELLO: { type: 'HELLO', avps: {} },
    ICRQ: { type: 'ICRQ', avps: { assignedSessionId, callSerialNumber: 1 } },
    ICRP: { type: 'ICRP', avps: { assignedSessionId } },
    ICCN: { type: 'ICCN', avps: { txConnectSpeedBps: 1_000, framingType: ['sync'] } },
    OCRQ: {
      type: 'OCRQ',
      avps: {
        assignedSessionId,
        callSerialNumber: 1,
        minimumBps: 1,
        maximumBps: 2,
        bearerType: ['digital'],
        framingType: ['sync'],
        calledNumber: '1',
      },
    },
    OCRP: { type: 'OCRP', avps: { assignedSessionId } },
    OCCN: { type: 'OCCN', avps: { txConnectSpeedBps: 1_000, framingType: ['sync'] } },
    CDN: { type: 'CDN', avps: { assignedSessionId, resultCode: result } },
    WEN: { type: 'WEN', avps: { callErrors: { ...errors, timeoutErrors: 0, alignmentErrors: 0 } } },
    SLI: { type: 'SLI', avps: { accm: { send: 0, receive: 0 } } },
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
export function bench(gateway: Parameters<World['node']>[1], address = '10.0.0.1') {
  const world = new World(1);
  const node = world.node(address, gateway);
  return { world, node, peer: new ScriptedPeer(world, node) };
}
