/** Messages of a peer whose tunnel is up, so that they are in sequence and reach the calls. */

import type { EngineEffect } from '../../src/engine/effects.ts';
import { Engine } from '../../src/engine/engine.ts';
import { describeAvps } from '../../src/engine/wire/avp-text.ts';
import { dialectV2 } from '../../src/engine/wire/dialect.ts';
import { newHeader } from '../../src/engine/wire/header.ts';
import { encodeMessage, type MessageType } from '../../src/engine/wire/message.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { samples } from '../engine/wire/samples.ts';
import { gatewaySpec, peerSpec, SeededRandom, sessionSpec, tunnelParameters, tunnelSpec } from '../engine/world.ts';
import { concealMessage } from './conceal-message.ts';
import { demand, type FuzzInput, type FuzzTarget, fuzzed } from './fuzz.ts';
import { fuzzSecret, messageBodies } from './seeds.ts';

const listener = { address: '192.0.2.1', port: 1701 };
const peer = { address: '192.0.2.99', port: 1701 };
const secret = new Secret(fuzzSecret);
const parameters = tunnelParameters({ secret, hideAvps: true });
const peersTunnelId = 77;

/** The peer's side of one tunnel. */
class Script {
  readonly engine = new Engine(
    { random: new SeededRandom(5), epochMs: 0 },
    gatewaySpec({ peers: [peerSpec({ tunnel: parameters })] }),
  );
  now = 0;
  private tunnelId = 0;
  private ns = 0;
  private nr = 0;
  private readonly header = newHeader();
  /** The sessions that the engine has told ids of. */
  readonly sessionIds: number[] = [0];

  /** The next message in sequence, in which sessions are chosen by their place. */
  send(body: Uint8Array, session = 0): void {
    this.now += 7;
    const sessionId = this.sessionIds[session % this.sessionIds.length];
    const bytes = dialectV2.encodeControl(this.tunnelId, sessionId, this.ns, this.nr, body);
    this.ns = (this.ns + 1) & 0xffff;
    const datagram = { socket: 1, from: peer, to: undefined, bytes, start: 0, end: bytes.length };
    this.take(this.engine.datagram(datagram, listener, this.now));
  }

  take(effects: EngineEffect[]): void {
    const { header } = this;
    for (const effect of effects) {
      if (effect.effect !== 'send') continue;
      const { datagram } = effect;
      dialectV2.decodeHeader(datagram, 0, datagram.length, header);
      if (dialectV2.isAck(datagram, header)) continue;
      const options = { secretFor: () => secret };
      const { avps } = dialectV2.decodeMessage(datagram, header.payloadStart, header.payloadEnd, options);
      if (header.ns === this.nr) this.nr = (this.nr + 1) & 0xffff;
      if (avps.assignedTunnelId !== undefined) this.tunnelId ||= avps.assignedTunnelId;
      if (avps.assignedSessionId !== undefined) this.sessionIds.push(avps.assignedSessionId);
    }
  }
}

function accepted(): Script {
  const script = new Script();
  const sccrq = { ...samples.SCCRQ.avps, assignedTunnelId: peersTunnelId, challenge: undefined };
  script.send(encodeMessage({ type: 'SCCRQ', avps: sccrq }));
  script.send(encodeMessage({ type: 'SCCCN', avps: {} }));
  return script;
}

/** A tunnel of ours that the peer has taken, with a call that it is asked for. */
function dialled(): Script {
  const script = new Script();
  const path = { socket: 1, local: listener, remote: peer };
  script.take(script.engine.openTunnel(tunnelSpec(peer.address, { parameters }), path, script.now));
  const avps = { ...samples.SCCRP.avps, assignedTunnelId: peersTunnelId, challenge: undefined };
  script.send(encodeMessage({ type: 'SCCRP', avps: { ...avps, challengeResponse: undefined } }));
  script.take(script.engine.openSession(sessionSpec('call', { tunnel: 'to-peer' }), script.now));
  return script;
}

/** The first octet says which session the header names: 0 none, 1 the first. */
function conversation(...steps: [session: number, type: MessageType][]): FuzzInput {
  return steps.map(([session, type]) => Uint8Array.of(session, ...encodeMessage(samples[type])));
}

function target(name: string, begin: () => Script): FuzzTarget {
  const { engine } = begin();
  const [tunnel] = [...engine.acceptedTunnels(), ...engine.declaredTunnels()];
  demand(tunnel?.state === 'established', 'the tunnel is up');
  return {
    name,
    runs: 1_500,
    avpsAt: 1,
    seeds: [
      ...messageBodies.flatMap((body) => [0, 1].map((session) => [Uint8Array.of(session, ...body)])),
      conversation([0, 'ICRQ'], [1, 'ICCN'], [1, 'SLI'], [1, 'WEN'], [0, 'CSUN'], [1, 'CDN']),
      conversation([1, 'ICRP'], [1, 'SLI'], [1, 'CSURQ'], [1, 'CDN']),
      conversation([0, 'OCRQ'], [1, 'OCCN'], [1, 'CDN']),
    ],
    run(input) {
      const script = begin();
      for (const packet of input) {
        if (packet.length === 0) continue;
        script.send(concealMessage(packet.subarray(1), 0, fuzzSecret), packet[0]);
        const { engine } = script;
        const sizes = engine.sizes();
        demand(sizes.sessions <= input.length + 1 && sizes.tunnels <= 1, 'only requests make calls');
        for (const view of [...engine.acceptedSessions(), ...engine.declaredSessions()]) describeAvps(view.call);
      }
      for (const view of [...script.engine.acceptedTunnels(), ...script.engine.declaredTunnels()]) {
        demand(!JSON.stringify(view).includes(fuzzSecret), 'the secret stays inside');
      }
    },
  };
}

fuzzed(target('a tunnel of a peer', accepted));
fuzzed(target('a tunnel of ours', dialled));
