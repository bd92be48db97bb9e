/** Messages of a peer whose tunnel is up, so that they are in sequence and reach the calls. */

import { describeAvps } from '../../src/engine/wire/avp-text.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import type { MessageType } from '../../src/engine/wire/message.ts';
import { sampleOf } from '../engine/wire/samples.ts';
import { peerSpec, sessionSpec } from '../engine/world.ts';
import { concealMessage } from './conceal-message.ts';
import { demand, type FuzzInput, type FuzzTarget, fuzzed } from './fuzz.ts';
import { Script, scriptParameters } from './script.ts';
import { fuzzSecret, messageBodiesOf } from './seeds.ts';

function accepted(): Script {
  const script = new Script({ peers: [peerSpec({ tunnel: scriptParameters })] });
  script.request();
  return script;
}

/** A tunnel of ours that the peer has taken, with a call that it is asked for. */
function dialled(): Script {
  const script = new Script();
  script.dialled();
  script.take(script.engine.openSession(sessionSpec('call', { tunnel: 'to-peer' }), script.now));
  return script;
}

/** The first octet says which session the header names: 0 none, 1 the first. */
function conversation(...steps: [session: number, type: MessageType][]): FuzzInput {
  return steps.map(([session, type]) => Uint8Array.of(session, ...dialects[2].encodeMessage(sampleOf(2, type), 0)));
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
      ...messageBodiesOf(2).flatMap((body) => [0, 1].map((session) => [Uint8Array.of(session, ...body)])),
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
