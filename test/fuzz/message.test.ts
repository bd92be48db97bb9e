/** Control messages of both versions, in the clear and hidden under a secret that we share. */
import { isDeepStrictEqual } from 'node:util';
import { WireError } from '../../src/engine/errors.ts';
import { type AvpValues, avpNames } from '../../src/engine/wire/avp.ts';
import { describeAvps, describeOthers } from '../../src/engine/wire/avp-text.ts';
import { hiddenAvps } from '../../src/engine/wire/avp-walk.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import type { Message, OutgoingMessage } from '../../src/engine/wire/message.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { vocabularies } from '../../src/engine/wire/vocabulary.ts';
import { plain } from '../engine/wire/arbitrary.ts';
import { concealMessage } from './conceal-message.ts';
import { demand, type FuzzInput, fuzzed } from './fuzz.ts';
import { fuzzKeys, fuzzSecret, messageBodiesOf } from './seeds.ts';

const secret = new Secret(fuzzSecret);

function decode(version: 2 | 3, body: Uint8Array): Message | undefined {
  try {
    return dialects[version].decodeMessage(body, 0, body.length, { secretFor: () => secret });
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    demand(!error.message.includes(fuzzSecret), 'the secret stays out of errors');
    return undefined;
  }
}

/** What is sent of a message again: what an offer of L2TPv3 would tell, only with the id there. */
function belonging(version: 2 | 3, { type, avps }: Message): AvpValues {
  const { forms, offers } = vocabularies[version];
  const isOffer = avps.assignedControlConnectionId !== undefined;
  const kept = avpNames.filter(
    (name) => avps[name] !== undefined && forms.get(type)?.allowed.has(name) && (isOffer || !offers.has(name)),
  );
  return Object.fromEntries(kept.map((name) => [name, avps[name]]));
}

function checkBody(version: 2 | 3, body: Uint8Array): void {
  hiddenAvps(version, body, 0, body.length);
  const message = decode(version, body);
  if (!message) return;
  describeAvps(message.avps);
  describeOthers(message.others);
  demand(message.oddities.length <= 256 && message.others.length <= 32, 'what is kept is bounded');
  const remoteSessionId = dialects[version].sessionIdOf(0, message.avps);
  let again: Uint8Array;
  try {
    again = dialects[version].encodeMessage(message as OutgoingMessage, remoteSessionId);
  } catch (error) {
    // Octets that are no UTF-8 are longer as text.
    if (error instanceof RangeError) return;
    throw error;
  }
  const twice = decode(version, again);
  demand(twice !== undefined, 'what we would send can be read');
  if (message.avps.remoteSessionId === undefined) delete twice.avps.remoteSessionId;
  const [said, says] = [message, twice].map((each) => plain(belonging(version, each)));
  demand(isDeepStrictEqual(says, said), 'what we would send says the same');
}

for (const version of [2, 3] as const) {
  const bodies = messageBodiesOf(version);
  fuzzed({
    name: `messages of L2TPv${version} in the clear`,
    runs: 6_000,
    seeds: bodies.map((body) => [body]),
    avpsAt: 0,
    run: (input: FuzzInput) => {
      for (const body of input) checkBody(version, body);
    },
  });
  fuzzed({
    name: `messages of L2TPv${version} with hidden AVPs`,
    runs: 6_000,
    seeds: bodies.map((body) => [body]),
    avpsAt: 0,
    run: (input: FuzzInput) => {
      for (const body of input) checkBody(version, concealMessage(body, 0, fuzzKeys[version]));
    },
  });
}
