import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { mschapv1Key, mschapv2Keys } from '../../../../src/engine/ppp/auth/mppe-keys.ts';
import { Secret } from '../../../../src/engine/wire/secret.ts';

const password = new Secret('clientPass');

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}

function octets(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

describe("MPPE's keys after MS-CHAPv1", () => {
  const challenge = octets('102db5df085d3041');

  // RFC 3079 2.5, as step 4 has it: step 3 differs in a digit, and does not lead to step 5.
  it('are those of the RFC', () => {
    expect(hex(mschapv1Key(password, challenge))).toBe('a8947850cfc0acc1d1789fb62ddcddb0');
  });
});

describe("MPPE's keys after MS-CHAPv2", () => {
  const ntResponse = octets('82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df');
  const server = mschapv2Keys(password, ntResponse, true);

  it('are the same at both ends', () => {
    const client = mschapv2Keys(password, ntResponse, false);
    expect(client).toEqual({ send: server.receive, receive: server.send });
    expect(client.send).not.toEqual(client.receive);
  });

  // RFC 3079 3.5.
  it('are those of the RFC', () => {
    expect(hex(server.send)).toBe('8b7cdc149b993a1ba118cb153f56dccb');
  });

  it('come from the master key of RFC 3079 3.5', () => {
    const master = octets('fdece3717a8c838cb388e527ae3cdd31');
    const magic = 'On the client side, this is the send key; on the server side, it is the receive key.';
    const hash = createHash('sha1').update(master).update(new Uint8Array(40)).update(magic);
    const digest = hash.update(new Uint8Array(40).fill(0xf2)).digest();
    expect(hex(server.receive)).toBe(hex(digest.subarray(0, 16)));
  });
});
