import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { desEncrypt } from '../../../../src/engine/ppp/auth/des.ts';
import { md4 } from '../../../../src/engine/ppp/auth/md4.ts';
import { challengeResponse, ntPasswordHash } from '../../../../src/engine/ppp/auth/ms-chap-digests.ts';
import { authenticatorResponse, ntResponse } from '../../../../src/engine/ppp/auth/mschapv2.ts';
import { Secret } from '../../../../src/engine/wire/secret.ts';

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString('hex');
}

function octets(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

describe('MD4', () => {
  // RFC 1320 A.5.
  it.each([
    ['', '31d6cfe0d16ae931b73c59d7e0c089c0'],
    ['a', 'bde52cb31de33e46245e05fbdbd6fb24'],
    ['abc', 'a448017aaf21d8525fc10ae87aa6729d'],
    ['message digest', 'd9130a8164549fe818874806e1c7014b'],
    ['abcdefghijklmnopqrstuvwxyz', 'd79e1c308aa5bbcdeea8ed63df412da9'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', '043f8582f241db351ce627e153e7f0e4'],
    ['1234567890'.repeat(8), 'e33b4ddc9c38f2199c3e7b164fcc0536'],
  ])('of %j', (message, digest) => {
    expect(hex(md4(new TextEncoder().encode(message)))).toBe(digest);
  });
});

describe('DES', () => {
  it('equals triple DES with one key three times', () => {
    const eight = fc.uint8Array({ minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(eight, fc.uint8Array({ minLength: 7, maxLength: 7 }), (clear, key) => {
        const bits = BigInt(`0x${hex(key)}`);
        const withParity = Uint8Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(49 - 7 * i)) & 127n) << 1);
        const cipher = createCipheriv('des-ede3', Buffer.concat([withParity, withParity, withParity]), null);
        cipher.setAutoPadding(false);
        expect(hex(desEncrypt(clear, key))).toBe(hex(cipher.update(clear)));
      }),
    );
  });
});

describe('MS-CHAPv2', () => {
  // RFC 2759 9.2.
  const exchange = {
    authenticatorChallenge: octets('5b5d7c7d7b3f2f3e3c2c602132262628'),
    peerChallenge: octets('21402324255e262a28295f2b3a337c7e'),
    user: 'User',
    password: new Secret('clientPass'),
  };
  const response = '82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df';

  it('gives the values of RFC 2759 9.2', () => {
    expect(hex(ntPasswordHash(exchange.password))).toBe('44ebba8d5312b8d611474411f56989ae');
    expect(hex(md4(ntPasswordHash(exchange.password)))).toBe('41c00c584bd2d91c4017a2a12fa59f3f');
    expect(hex(ntResponse(exchange))).toBe(response);
    expect(authenticatorResponse(exchange, octets(response))).toBe('S=407A5589115FD0D6209F510FE9C04566932CDA56');
  });

  it('leaves a Windows domain out of the digest', () => {
    expect(hex(ntResponse({ ...exchange, user: 'BIGCO\\User' }))).toBe(response);
  });

  it('hashes the password as RFC 2759 9.3 does', () => {
    expect(hex(ntPasswordHash(new Secret('MyPw')))).toBe('fc156af7edcd6c0edde3337d427f4eac');
  });
});

describe('MS-CHAPv1', () => {
  it('gives the values of RFC 2433 B.2', () => {
    const hash = ntPasswordHash(new Secret('MyPw'));
    expect(hex(hash)).toBe('fc156af7edcd6c0edde3337d427f4eac');
    const response = challengeResponse(octets('102db5df085d3041'), hash);
    expect(hex(response)).toBe('4e9d3c8f9cfd385d5bf4d3246791956ca4c351ab409a3d61');
  });
});
