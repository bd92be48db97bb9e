/** Where fuzzing begins: what real peers sent, and all that we can say. */
import { dialects } from '../../src/engine/wire/dialect.ts';
import { messageTypesOf } from '../../src/engine/wire/message-table.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { hidingKeyV3 } from '../engine/wire/conceal.ts';
import { sampleOf } from '../engine/wire/samples.ts';
import extensions from '../vectors/v2-extensions.json' with { type: 'json' };
import handmade from '../vectors/v2-messages.json' with { type: 'json' };
import quirks from '../vectors/v2-quirks.json' with { type: 'json' };
import xl2tpd from '../vectors/v2-xl2tpd.json' with { type: 'json' };
import { revealMessage } from './conceal-message.ts';

/** What hidden AVPs are hidden under when they are fuzzed: a word that we never say ourselves. */
export const fuzzSecret = 'quince-71';
export const controlHeaderOctets = 12;

const hide = { secret: new Secret(fuzzSecret), randomVector: new Uint8Array(16).fill(0x77) };

/** The octets that hide it, in each version. */
export const fuzzKeys: Readonly<Record<2 | 3, Uint8Array>> = {
  2: Buffer.from(fuzzSecret),
  3: hidingKeyV3(fuzzSecret),
};

interface Seed {
  datagram: Uint8Array;
  key: Uint8Array;
}

/** All that we can say, in the clear, hidden, and as others said it before the RFC. */
function ourOwn(version: 2 | 3): Seed[] {
  const dialect = dialects[version];
  return messageTypesOf(version).flatMap((type) =>
    [{}, { hide }, { drafts: true, digests: { type: 'hmac-md5', count: 2 } as const }].map((options) => ({
      datagram: dialect.encodeControl(0, 0, 0, 0, dialect.encodeMessage(sampleOf(version, type), 0, options)),
      key: fuzzKeys[version],
    })),
  );
}

const seeds: Readonly<Record<2 | 3, readonly Seed[]>> = {
  2: [
    ...[...handmade, ...extensions, ...quirks, ...xl2tpd].map((vector) => ({
      datagram: Uint8Array.from(Buffer.from(vector.hex, 'hex')),
      key: Buffer.from(('secret' in vector ? vector.secret : undefined) ?? fuzzSecret),
    })),
    ...ourOwn(2),
  ],
  3: ourOwn(3),
};

/** Whole control datagrams of a version. */
export function controlDatagramsOf(version: 2 | 3): readonly Uint8Array[] {
  return seeds[version].map(({ datagram }) => datagram);
}

/** The same with what is hidden standing open. */
export function openDatagramsOf(version: 2 | 3): readonly Uint8Array[] {
  return seeds[version].map(({ datagram, key }) => revealMessage(datagram, controlHeaderOctets, key));
}

/** Their AVPs alone. */
export function messageBodiesOf(version: 2 | 3): readonly Uint8Array[] {
  return openDatagramsOf(version)
    .map((datagram) => datagram.subarray(controlHeaderOctets))
    .filter((body) => body.length > 0);
}
