/** Whole datagrams from a stranger into an engine that listens: nobody has shown who it is yet. */
import { Engine } from '../../src/engine/engine.ts';
import { WireError } from '../../src/engine/errors.ts';
import { dialectV2 } from '../../src/engine/wire/dialect.ts';
import { newHeader } from '../../src/engine/wire/header.ts';
import type { MessageType } from '../../src/engine/wire/message.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { gatewaySpec, peerSpec, SeededRandom, tunnelParameters } from '../engine/world.ts';
import { concealMessage } from './conceal-message.ts';
import { demand, type FuzzInput, fuzzed } from './fuzz.ts';
import { controlHeaderOctets, fuzzSecret, openDatagrams } from './seeds.ts';

const listener = { address: '192.0.2.1', port: 1701 };
const stranger = { address: '192.0.2.99', port: 1701 };
const secret = new Secret(fuzzSecret);
const parameters = tunnelParameters({ secret, authMode: 'challenge', hideAvps: true });
const gateway = gatewaySpec({ peers: [peerSpec({ tunnel: parameters })] });

/** The type of a control message, undefined for all that is none. */
function typeOf(datagram: Uint8Array): MessageType | 'ZLB' | undefined {
  const header = newHeader();
  try {
    dialectV2.decodeHeader(datagram, 0, datagram.length, header);
    if (!header.control) return undefined;
    if (dialectV2.isAck(datagram, header)) return 'ZLB';
    const options = { secretFor: () => secret };
    return dialectV2.decodeMessage(datagram, header.payloadStart, header.payloadEnd, options).type;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function run(input: FuzzInput): void {
  const engine = new Engine({ random: new SeededRandom(5), epochMs: 0, counters: () => undefined }, gateway);
  let requests = 0;
  let now = 0;
  for (const packet of input) {
    now += 7;
    const datagram = concealMessage(packet, controlHeaderOctets, fuzzSecret);
    const type = typeOf(datagram);
    if (type === 'SCCRQ') requests++;
    const { tunnels } = engine.sizes();
    const bytes = new Uint8Array(datagram.length + 9).fill(0xc8);
    bytes.set(datagram, 4);
    const arrived = { socket: 1, from: stranger, to: undefined, bytes, start: 4, end: 4 + datagram.length };
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

fuzzed({
  name: 'the door',
  runs: 3_000,
  seeds: openDatagrams.map((datagram) => [datagram]),
  avpsAt: controlHeaderOctets,
  run,
});
