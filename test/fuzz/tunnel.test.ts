/** Messages of a peer whose tunnel is up, so that they are in sequence and reach the calls. */

import { expect, it } from 'vitest';
import { describeAvps } from '../../src/engine/wire/avp-text.ts';
import { writeU32 } from '../../src/engine/wire/bytes.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import type { MessageType, OutgoingMessage } from '../../src/engine/wire/message.ts';
import { sampleOf } from '../engine/wire/samples.ts';
import { peerSpec, sessionSpec } from '../engine/world.ts';
import { concealMessage } from './conceal-message.ts';
import { demand, type FuzzInput, type FuzzTarget, fuzzed } from './fuzz.ts';
import { Script, scriptParameters } from './script.ts';
import { fuzzKeys, fuzzSecret, messageBodiesOf } from './seeds.ts';

function accepted(version: 2 | 3): Script {
  const script = new Script({ peers: [peerSpec({ tunnel: scriptParameters[version] })] }, version);
  script.request();
  return script;
}

/** A tunnel of ours that the peer has taken, with a call that it is asked for. */
function dialled(version: 2 | 3): Script {
  const script = new Script({}, version);
  script.dialled();
  const spec = sessionSpec('call', { tunnel: 'to-peer', remoteEndId: 'line 7' });
  script.take(script.engine.openSession(spec, script.now));
  return script;
}

/** PPP has none of these. */
const ofOtherCircuits = { oamEmulationRequired: undefined, frameRelayHeaderOctets: undefined, interfaceMtu: undefined };

/** The first octet says which session the message names: 0 none, 1 the first. */
function conversation(version: 2 | 3, ...steps: [session: number, type: MessageType][]): FuzzInput {
  return steps.map(([session, type]) => {
    const { avps, ...rest } = sampleOf(version, type);
    const kind = 'pseudowireType' in avps ? { pseudowireType: 'ppp' } : {};
    const message = { ...rest, avps: { ...avps, ...kind, ...ofOtherCircuits } } as OutgoingMessage;
    return Uint8Array.of(session, ...dialects[version].encodeMessage(message, 0));
  });
}

/** L2TPv3 names the session in an AVP of the message (RFC 3931 5.4.4, Remote Session ID). */
function addressed(body: Uint8Array, sessionId: number): Uint8Array {
  const at = Buffer.from(body).indexOf(remoteSessionAvp);
  if (at >= 0 && at + 10 <= body.length) writeU32(body, at + 6, sessionId);
  return body;
}

const remoteSessionAvp = Buffer.from('800a00000040', 'hex');

function target(name: string, version: 2 | 3, begin: (version: 2 | 3) => Script): FuzzTarget {
  const { engine } = begin(version);
  const [tunnel] = [...engine.acceptedTunnels(), ...engine.declaredTunnels()];
  demand(tunnel?.state === 'established' && tunnel.version === version, 'the tunnel is up');
  return {
    name: `${name}, L2TPv${version}`,
    runs: 1_500,
    avpsAt: 1,
    seeds: [
      ...messageBodiesOf(version).flatMap((body) => [0, 1].map((session) => [Uint8Array.of(session, ...body)])),
      conversation(version, [0, 'ICRQ'], [1, 'ICCN'], [1, 'SLI'], [1, 'WEN'], [0, 'CSUN'], [1, 'CDN']),
      conversation(version, [1, 'ICRP'], [1, 'SLI'], [1, 'CSURQ'], [1, 'CDN']),
      conversation(version, [0, 'OCRQ'], [1, 'OCCN'], [1, 'CDN']),
    ],
    run(input) {
      const script = begin(version);
      for (const packet of input) {
        if (packet.length === 0) continue;
        const body = concealMessage(packet.subarray(1), 0, fuzzKeys[version]);
        const { sessionIds } = script;
        script.send(addressed(body, sessionIds[packet[0] % sessionIds.length]), packet[0]);
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

for (const version of [2, 3] as const) {
  fuzzed(target('a tunnel of a peer', version, accepted));
  fuzzed(target('a tunnel of ours', version, dialled));
}

it('the conversations that fuzzing begins with make a call', () => {
  for (const version of [2, 3] as const) {
    const script = accepted(version);
    const [request, connected] = conversation(version, [0, 'ICRQ'], [1, 'ICCN']);
    script.send(request.subarray(1));
    script.send(addressed(connected.subarray(1), script.sessionIds[1]), 1);
    expect([...script.engine.acceptedSessions()].map(({ state }) => state)).toEqual(['established']);
  }
});
