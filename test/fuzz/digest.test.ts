/** Message digests of anybody's, before anything of the message is believed (RFC 3931 5.4.1). */
import { checkMessage, digestKey, nonceIn, signMessage } from '../../src/engine/wire/digest.ts';
import { controlHeaderOctets } from '../../src/engine/wire/header.ts';
import { Secret } from '../../src/engine/wire/secret.ts';
import { demand, type FuzzInput, fuzzed } from './fuzz.ts';
import { controlDatagramsOf, fuzzSecret } from './seeds.ts';

const keys = [digestKey(new Secret(fuzzSecret)), digestKey(undefined)];
const nonces = { local: Uint8Array.of(1, 2, 3), remote: Uint8Array.of(4, 5) };
const reversed = { local: nonces.remote, remote: nonces.local };

function checkPacket(packet: Uint8Array): void {
  const before = Buffer.from(packet).toString('hex');
  const verdict = checkMessage(packet, 0, packet.length, keys, reversed);
  demand(verdict !== 'valid', 'nobody guesses a digest');
  const nonce = nonceIn(packet, 0, packet.length);
  demand(nonce === undefined || (nonce.length > 0 && nonce.length < packet.length), 'a nonce is part of the message');
  demand(Buffer.from(packet).toString('hex') === before, 'looking changes nothing');

  const signed = Uint8Array.from(packet);
  try {
    signMessage(signed, keys, nonces);
  } catch (error) {
    // Of a kind that nobody can make.
    if (!(error instanceof RangeError)) throw error;
    return;
  }
  const outcome = checkMessage(signed, 0, signed.length, keys, reversed);
  demand(outcome === (verdict === 'absent' ? 'absent' : 'valid'), 'what is signed is valid');
  signed[controlHeaderOctets - 1] ^= 1;
  if (signed.length >= controlHeaderOctets) {
    demand(checkMessage(signed, 0, signed.length, keys, reversed) !== 'valid', 'until it changes');
  }
}

fuzzed({
  name: 'digests',
  runs: 6_000,
  seeds: [...controlDatagramsOf(3), ...controlDatagramsOf(2)].map((packet) => [packet]),
  avpsAt: controlHeaderOctets,
  run: (input: FuzzInput) => input.forEach(checkPacket),
});
