/** The peer's side of one tunnel of an engine. */
import type { EngineEffect } from '../../src/engine/effects.ts';
import { Engine } from '../../src/engine/engine.ts';
import { type GatewaySpec, pseudowires } from '../../src/engine/spec.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { decodeHeader, newHeader } from '../../src/engine/wire/header.ts';
import type { Message } from '../../src/engine/wire/message.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { samples } from '../engine/wire/samples.ts';
import { gatewaySpec, SeededRandom, tunnelParameters, tunnelSpec } from '../engine/world.ts';
import { fuzzSecret } from './seeds.ts';

const listener = { address: '192.0.2.1', port: 1701 };
const peer = { address: '192.0.2.99', port: 1701 };
const secret = new Secret(fuzzSecret);
const peersTunnelId = 77;

export const scriptParameters = tunnelParameters({ secret, hideAvps: true });

export class Script {
  readonly engine: Engine;
  now = 0;
  /** The sessions that the engine has told ids of. */
  readonly sessionIds: number[] = [0];
  private tunnelId = 0;
  private ns = 0;
  private nr = 0;
  private readonly header = newHeader();

  constructor(gateway: Partial<GatewaySpec> = {}) {
    this.engine = new Engine(
      { random: new SeededRandom(5), epochMs: 0, counters: () => undefined, pseudowires },
      gatewaySpec(gateway),
    );
  }

  /** The peer opens the tunnel. */
  request(): void {
    const avps = {
      ...samples.SCCRQ.avps,
      assignedTunnelId: peersTunnelId,
      challenge: undefined,
      assignedControlConnectionId: undefined,
    };
    this.send(dialects[2].encodeMessage({ type: 'SCCRQ', avps }, 0));
    this.send(dialects[2].encodeMessage({ type: 'SCCCN', avps: {} }, 0));
  }

  /** We open the tunnel, `to-peer`, and the peer takes it. */
  dialled(): void {
    const path = { socket: 1, encapsulation: 'udp', local: listener, remote: peer };
    const spec = tunnelSpec(peer.address, { parameters: scriptParameters });
    this.take(this.engine.openTunnel(spec, path, this.now));
    const avps = { ...samples.SCCRP.avps, assignedTunnelId: peersTunnelId, challenge: undefined };
    this.send(dialects[2].encodeMessage({ type: 'SCCRP', avps: { ...avps, challengeResponse: undefined } }, 0));
  }

  /** The next message in sequence, in which sessions are chosen by their place. */
  send(body: Uint8Array, session = 0): void {
    this.sendTo(this.sessionIds[session % this.sessionIds.length], body);
  }

  sendTo(sessionId: number, body: Uint8Array): void {
    this.now += 7;
    const bytes = dialects[2].encodeControl(this.tunnelId, sessionId, this.ns, this.nr, body);
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
      if (dialects[2].isAck(datagram, header)) continue;
      const options = { secretFor: () => secret };
      const message = dialects[2].decodeMessage(datagram, header.payloadStart, header.payloadEnd, options);
      const { avps } = message;
      if (header.ns === this.nr) this.nr = (this.nr + 1) & 0xffff;
      if (avps.assignedTunnelId !== undefined) this.tunnelId ||= avps.assignedTunnelId;
      if (avps.assignedSessionId !== undefined) this.sessionIds.push(avps.assignedSessionId);
      messages.push(message);
    }
    return messages;
  }
}
