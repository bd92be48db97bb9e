import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedValue } from '../../../src/engine/wire/codec.ts';
import { challengeResponse, hideValue, unhideValue } from '../../../src/engine/wire/hidden.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import vectors from '../../vectors/v2-secrets.json' with { type: 'json' };

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

describe('hidden values (RFC 2661 4.3)', () => {
  for (const vector of vectors.hidden) {
    const secret = Buffer.from(vector.secret);
    it(vector.name, () => {
      const clear = unhideValue(vector.avpType, bytes(vector.hidden), secret, bytes(vector.randomVector));
      expect(clear).toEqual(bytes(vector.value));
      // Which octets pad is free: what counts stands before them.
      const octets = 2 + vector.value.length / 2;
      const hidden = hideValue(vector.avpType, bytes(vector.value), secret, bytes(vector.randomVector));
      expect(hidden.subarray(0, octets)).toEqual(bytes(vector.hidden).subarray(0, octets));
    });
  }

  it('unhiding undoes hiding, and leaves its input alone', () => {
    const anything = fc.uint8Array({ maxLength: 100 });
    fc.assert(
      fc.property(fc.nat(0xffff), anything, anything, anything, (type, value, secret, randomVector) => {
        const hidden = Buffer.from(hideValue(type, value, secret, randomVector));
        const before = hidden.toString('hex');
        expect(unhideValue(type, hidden, secret, randomVector)).toEqual(value);
        expect(hidden.toString('hex')).toBe(before);
      }),
    );
  });

  it.each([
    { value: 0, hidden: 16 },
    { value: 14, hidden: 16 },
    { value: 15, hidden: 32 },
    { value: 1006, hidden: 1008 },
    { value: 1007, hidden: 1017 },
    { value: 1015, hidden: 1017 },
  ])('a value of $value octets is hidden in $hidden: whole blocks, but no longer than an AVP', ({ value, hidden }) => {
    const secret = Buffer.from('right');
    expect(hideValue(7, new Uint8Array(value), secret, new Uint8Array(16)).length).toBe(hidden);
  });

  it('whatever is unhidden is a value inside what came, or a MalformedValue', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.uint8Array({ maxLength: 40 }), (hidden, secret) => {
        try {
          expect(unhideValue(7, hidden, secret, new Uint8Array(16)).length).toBeLessThanOrEqual(hidden.length - 2);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedValue);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('a wrong secret is noticed by its length', () => {
    const hidden = hideValue(11, new Uint8Array(16), Buffer.from('right'), new Uint8Array(16));
    expect(() => unhideValue(11, hidden, Buffer.from('wrong'), new Uint8Array(16))).toThrow('do the secrets differ');
  });
});

describe('challenge responses (RFC 2661 5.1.1)', () => {
  for (const { name, chapId, secret, challenge, response } of vectors.challenges) {
    it(name, () => {
      expect(challengeResponse(chapId, new Secret(secret), bytes(challenge))).toEqual(bytes(response));
    });
  }
});
