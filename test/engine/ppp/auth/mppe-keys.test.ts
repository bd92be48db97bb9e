import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { firstSessionKey, mschapv1Key, mschapv2Keys } from '../../../../src/engine/ppp/auth/mppe-keys.ts';
import { lmPasswordHash } from '../../../../src/engine/ppp/auth/ms-chap-digests.ts';
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

  // RFC 3079 2.5. Of the 128-bit start key as step 4 has it: step 3 differs in a digit, and does not lead to step 5.
  it.each([
    [40, '76a152936096d783', 'd1269e538cec4a08'],
    [56, '76a152936096d783', 'd10801538cec4a08'],
    [128, 'a8947850cfc0acc1d1789fb62ddcddb0', '59d159bc09f76f1da2a86a28ffec0b1e'],
  ] as const)('of %i bits', (bits, start, session) => {
    const key = mschapv1Key(password, challenge, bits);
    expect(hex(key)).toBe(start);
    expect(hex(firstSessionKey(key, bits))).toBe(session);
  });

  it("begin with LAN Manager's hash", () => {
    expect(hex(lmPasswordHash(password))).toBe('76a152936096d7830e2390227404afd2');
    expect(lmPasswordHash(new Secret('CLIENTPASS'))).toEqual(lmPasswordHash(password));
    expect(lmPasswordHash(new Secret(`${'a'.repeat(14)}b`))).toEqual(lmPasswordHash(new Secret('a'.repeat(14))));
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
  it.each([
    [40, 'd1269ec49fa62e3e'],
    [56, 'd15c00c49fa62e3e'],
    [128, '405cb2247a7956e6e211007ae27b22d4'],
  ] as const)('of %i bits', (bits, session) => {
    expect(hex(server.send)).toBe('8b7cdc149b993a1ba118cb153f56dccb');
    expect(hex(firstSessionKey(server.send, bits))).toBe(session);
  });

  it('come from the master key of RFC 3079 3.5', () => {
    const master = octets('fdece3717a8c838cb388e527ae3cdd31');
    const magic = 'On the client side, this is the send key; on the server side, it is the receive key.';
    const hash = createHash('sha1').update(master).update(new Uint8Array(40)).update(magic);
    const digest = hash.update(new Uint8Array(40).fill(0xf2)).digest();
    expect(hex(server.receive)).toBe(hex(digest.subarray(0, 16)));
  });
});
