/** Where fuzzing begins: what real peers sent, and all that we can say. */
import { dialectV2 } from '../../src/engine/wire/dialect.ts';
import { encodeMessage, messageTypes } from '../../src/engine/wire/message.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { samples } from '../engine/wire/samples.ts';
import extensions from '../vectors/v2-extensions.json' with { type: 'json' };
import handmade from '../vectors/v2-messages.json' with { type: 'json' };
import quirks from '../vectors/v2-quirks.json' with { type: 'json' };
import xl2tpd from '../vectors/v2-xl2tpd.json' with { type: 'json' };
import { revealMessage } from './conceal-message.ts';

/** What hidden AVPs are hidden under when they are fuzzed: a word that we never say ourselves. */
export const fuzzSecret = 'quince-71';
export const controlHeaderOctets = 12;

const hide = { secret: new Secret(fuzzSecret), randomVector: new Uint8Array(16).fill(0x77) };

interface Seed {
  datagram: Uint8Array;
  secret: string;
}

const seeds: readonly Seed[] = [
  ...[...handmade, ...extensions, ...quirks, ...xl2tpd].map((vector) => ({
    datagram: Uint8Array.from(Buffer.from(vector.hex, 'hex')),
    secret: ('secret' in vector ? vector.secret : undefined) ?? fuzzSecret,
  })),
  ...messageTypes.flatMap((type) =>
    [{}, { hide }].map((options) => ({
      datagram: dialectV2.encodeControl(0, 0, 0, 0, encodeMessage(samples[type], options)),
      secret: fuzzSecret,
    })),
  ),
];

/** Whole control datagrams. */
export const controlDatagrams: readonly Uint8Array[] = seeds.map(({ datagram }) => datagram);

/** The same with what is hidden standing open. */
export const openDatagrams: readonly Uint8Array[] = seeds.map(({ datagram, secret }) => {
  return revealMessage(datagram, controlHeaderOctets, secret);
});

/** Their AVPs alone. */
export const messageBodies: readonly Uint8Array[] = openDatagrams
  .map((datagram) => datagram.subarray(controlHeaderOctets))
  .filter((body) => body.length > 0);
