/** The peer's side of one tunnel of an engine. */
import type { EngineEffect } from '../../src/engine/effects.ts';
import { Engine } from '../../src/engine/engine.ts';
import { type GatewaySpec, pseudowires, type TunnelParameters } from '../../src/engine/spec.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { decodeHeader, newHeader } from '../../src/engine/wire/header.ts';
import type { Message, OutgoingMessage } from '../../src/engine/wire/message.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { samples } from '../engine/wire/samples.ts';
import { gatewaySpec, SeededRandom, tunnelParameters, tunnelSpec } from '../engine/world.ts';
import { fuzzSecret } from './seeds.ts';

const listener = { address: '192.0.2.1', port: 1701 };
const peer = { address: '192.0.2.99', port: 1701 };
const secret = new Secret(fuzzSecret);
const peersTunnelId = 77;

/** The peer cannot sign what it says, so that L2TPv3's messages go without digests. */
export const scriptParameters: Readonly<Record<2 | 3, TunnelParameters>> = {
  2: tunnelParameters({ secret, hideAvps: true }),
  3: tunnelParameters({ version: 'v3', secret, hideAvps: true, digest: 'none' }),
};

/** What the peer leaves out of its request or reply: that would ask for more than it can give. */
const beyondIt = {
  challenge: undefined,
  challengeResponse: undefined,
  assignedControlConnectionId: undefined,
  messageNonce: undefined,
} as const;

export class Script {
  readonly engine: Engine;
  now = 0;
  /** The sessions that the engine has told ids of. */
  readonly sessionIds: number[] = [0];
  private tunnelId = 0;
  private ns = 0;
  private nr = 0;
  private readonly header = newHeader();

  private readonly version: 2 | 3;

  constructor(gateway: Partial<GatewaySpec> = {}, version: 2 | 3 = 2) {
    this.version = version;
    this.engine = new Engine(
      { random: new SeededRandom(5), epochMs: 0, counters: () => undefined, pseudowires },
      gatewaySpec(gateway),
    );
  }

  /** The peer opens the tunnel. */
  request(): void {
    this.say({ type: 'SCCRQ', avps: { ...samples.SCCRQ.avps, ...beyondIt, assignedTunnelId: peersTunnelId } });
    this.say({ type: 'SCCCN', avps: {} });
  }

  /** We open the tunnel, `to-peer`, and the peer takes it. */
  dialled(): void {
    const path = { socket: 1, encapsulation: 'udp' as const, local: listener, remote: peer };
    const spec = tunnelSpec(peer.address, { parameters: scriptParameters[this.version] });
    this.take(this.engine.openTunnel(spec, path, this.now));
    this.say({ type: 'SCCRP', avps: { ...samples.SCCRP.avps, ...beyondIt, assignedTunnelId: peersTunnelId } });
  }

  private say(message: OutgoingMessage): void {
    this.send(dialects[this.version].encodeMessage(message, 0));
  }

  /** The next message in sequence, in which sessions are chosen by their place. */
  send(body: Uint8Array, session = 0): void {
    this.sendTo(this.sessionIds[session % this.sessionIds.length], body);
  }

  sendTo(sessionId: number, body: Uint8Array): void {
    this.now += 7;
    const bytes = dialects[this.version].encodeControl(this.tunnelId, sessionId, this.ns, this.nr, body);
    this.ns = (this.ns + 1) & 0xffff;
    const datagram = {
      socket: 1,
      encapsulation: 'udp' as const,
      from: peer,
      to: undefined,
      bytes,
      start: 0,
      end: bytes.length,
    };
    this.take(this.engine.datagram(datagram, listener, this.now));
  }

  /** The messages among the effects, each of which a peer can read. */
  take(effects: EngineEffect[]): Message[] {
    const { header } = this;
    const messages: Message[] = [];
    for (const effect of effects) {
      if (effect.effect !== 'send') continue;
      const { datagram } = effect;
      decodeHeader(datagram, 0, datagram.length, header);
      if (dialects[this.version].isAck(datagram, header)) continue;
      const options = { secretFor: () => secret };
      const message = dialects[this.version].decodeMessage(datagram, header.payloadStart, header.payloadEnd, options);
      const { avps } = message;
      if (header.ns === this.nr) this.nr = (this.nr + 1) & 0xffff;
      if (avps.assignedTunnelId !== undefined) this.tunnelId ||= avps.assignedTunnelId;
      if (avps.assignedSessionId !== undefined) this.sessionIds.push(avps.assignedSessionId);
      messages.push(message);
    }
    return messages;
  }
}
