/** Whole datagrams from a stranger into an engine that listens: nobody has shown who it is yet. */
import { Engine } from '../../src/engine/engine.ts';
import { WireError } from '../../src/engine/errors.ts';
import { pseudowires } from '../../src/engine/spec.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { decodeHeader, newHeader } from '../../src/engine/wire/header.ts';
import type { MessageType } from '../../src/engine/wire/message.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { gatewaySpec, peerSpec, SeededRandom, tunnelParameters } from '../engine/world.ts';
import { concealMessage } from './conceal-message.ts';
import { demand, type FuzzInput, fuzzed } from './fuzz.ts';
import { controlHeaderOctets, fuzzKeys, fuzzSecret, openDatagramsOf } from './seeds.ts';

const listener = { address: '192.0.2.1', port: 1701 };
const stranger = { address: '192.0.2.99', port: 1701 };
const secret = new Secret(fuzzSecret);
/** L2TPv3's strangers cannot sign: theirs are the messages of a peer that has no need to. */
const parameters = {
  2: tunnelParameters({ secret, authMode: 'challenge', hideAvps: true }),
  3: tunnelParameters({ version: 'auto', secret, authMode: 'simple', digest: 'none', hideAvps: true }),
};

/** The type of a control message, undefined for all that is none. */
function typeOf(datagram: Uint8Array): MessageType | 'ZLB' | undefined {
  const header = newHeader();
  try {
    decodeHeader(datagram, 0, datagram.length, header);
    if (!header.control) return undefined;
    if (dialects[header.version].isAck(datagram, header)) return 'ZLB';
    const options = { secretFor: () => secret };
    return dialects[header.version].decodeMessage(datagram, header.payloadStart, header.payloadEnd, options).type;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function run(version: 2 | 3, input: FuzzInput): void {
  const gateway = gatewaySpec({ peers: [peerSpec({ tunnel: parameters[version] })] });
  const options = { random: new SeededRandom(5), epochMs: 0, counters: () => undefined, pseudowires };
  const engine = new Engine(options, gateway);
  let requests = 0;
  let now = 0;
  for (const packet of input) {
    now += 7;
    const datagram = concealMessage(packet, controlHeaderOctets, fuzzKeys[version]);
    const type = typeOf(datagram);
    if (type === 'SCCRQ') requests++;
    const { tunnels } = engine.sizes();
    const bytes = new Uint8Array(datagram.length + 9).fill(0xc8);
    bytes.set(datagram, 4);
    const arrived = {
      socket: 1,
      encapsulation: 'udp' as const,
      from: stranger,
      to: undefined,
      bytes,
      start: 4,
      end: 4 + datagram.length,
    };
    const effects = engine.datagram(arrived, listener, now);
    bytes.fill(0x55);
    for (const effect of effects) {
      if (effect.effect === 'notice') continue;
      demand(effect.effect === 'send' || tunnels > 0, `a stranger brings about ${effect.effect}`);
      if (effect.effect !== 'send') continue;
      demand(effect.to === stranger && effect.socket === 1, 'the answer goes where the question came from');
      const answer = typeOf(effect.datagram);
      demand(answer !== undefined, 'an answer is proper');
      if (tunnels > 0) continue;
      demand(type === 'SCCRQ', `${type ?? 'garbage'} is not answered`);
      demand(answer === 'SCCRP' || answer === 'StopCCN' || answer === 'ZLB', `${answer} answers no request`);
    }
    const sizes = engine.sizes();
    demand(sizes.tunnels <= requests && sizes.sessions === 0, 'only requests make tunnels, and nothing makes calls');
  }
  for (let due = engine.deadline(); due !== undefined && due < 600_000; due = engine.deadline()) {
    demand(now <= 600_000, 'the engine comes to rest');
    now = Math.max(now, due);
    engine.tick(now);
  }
  demand(engine.sizes().tunnels === 0, 'half-open tunnels go away');
}

for (const version of [2, 3] as const) {
  fuzzed({
    name: `the door for L2TPv${version}`,
    runs: 3_000,
    seeds: openDatagramsOf(version).map((datagram) => [datagram]),
    avpsAt: controlHeaderOctets,
    run: (input) => run(version, input),
  });
}
