/** Control messages, in the clear and hidden under a secret that we share. */
import { isDeepStrictEqual } from 'node:util';
import { WireError } from '../../src/engine/errors.ts';
import { type AvpName, type AvpValues, avpRows } from '../../src/engine/wire/avp.ts';
import { describeAvps, describeOthers } from '../../src/engine/wire/avp-text.ts';
import { decodeMessage, encodeMessage, type Message, type OutgoingMessage } from '../../src/engine/wire/message.ts';
import { belongs } from '../../src/engine/wire/message-table.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { plain } from '../engine/wire/arbitrary.ts';
import { concealMessage } from './conceal-message.ts';
import { demand, type FuzzInput, fuzzed } from './fuzz.ts';
import { fuzzSecret, messageBodies } from './seeds.ts';

const secret = new Secret(fuzzSecret);

function decode(body: Uint8Array): Message | undefined {
  try {
    return decodeMessage(body, 0, body.length, { secretFor: () => secret });
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    demand(!error.message.includes(fuzzSecret), 'the secret stays out of errors');
    return undefined;
  }
}

function belonging({ type, avps }: Message): AvpValues {
  const names = Object.keys(avpRows) as AvpName[];
  const kept = names.filter((name) => avps[name] !== undefined && belongs(type, name));
  return Object.fromEntries(kept.map((name) => [name, avps[name]]));
}

function checkBody(body: Uint8Array): void {
  const message = decode(body);
  if (!message) return;
  describeAvps(message.avps);
  describeOthers(message.others);
  demand(message.oddities.length <= 256 && message.others.length <= 32, 'what is kept is bounded');
  let again: Uint8Array;
  try {
    again = encodeMessage(message as OutgoingMessage);
  } catch (error) {
    // Octets that are no UTF-8 are longer as text.
    if (error instanceof RangeError) return;
    throw error;
  }
  const twice = decode(again);
  demand(twice !== undefined, 'what we would send can be read');
  demand(isDeepStrictEqual(plain(belonging(twice)), plain(belonging(message))), 'what we would send says the same');
}

fuzzed({
  name: 'messages in the clear',
  runs: 6_000,
  seeds: messageBodies.map((body) => [body]),
  avpsAt: 0,
  run: (input: FuzzInput) => input.forEach(checkBody),
});
fuzzed({
  name: 'messages with hidden AVPs',
  runs: 6_000,
  seeds: messageBodies.map((body) => [body]),
  avpsAt: 0,
  run: (input: FuzzInput) => {
    for (const body of input) checkBody(concealMessage(body, 0, fuzzSecret));
  },
});
