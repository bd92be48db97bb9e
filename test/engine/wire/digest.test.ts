/** Message digests (RFC 3931 4.3, 5.4.1), beside those that openssl makes. */
import { execa } from 'execa';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dialects } from '../../../src/engine/wire/dialect.ts';
import {
  checkMessage,
  type DigestRoom,
  type DigestType,
  digestKey,
  type Nonces,
  nonceIn,
  signMessage,
} from '../../../src/engine/wire/digest.ts';
import { messageTypesOf } from '../../../src/engine/wire/message-table.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { knownAvp, rawAvp, rawMessage } from './arbitrary.ts';
import { sampleOf } from './samples.ts';

const nothing = new Uint8Array(0);
const noNonces: Nonces = { local: nothing, remote: nothing };
const nonces: Nonces = { local: Buffer.from('our nonce, of 24 octets.'), remote: Buffer.from('their nonce') };
/** The same from the other side. */
const reversed: Nonces = { local: nonces.remote, remote: nonces.local };
const [key, newKey, wrongKey] = ['old secret', 'new secret', 'other'].map((text) => digestKey(new Secret(text)));
const digestAt = 12 + 8 + 6 + 1;
const octetsOf: Record<DigestType, number> = { 'hmac-md5': 16, 'hmac-sha1': 20 };

function hello(digests: DigestRoom | undefined, version: 2 | 3 = 3): Uint8Array {
  const dialect = dialects[version];
  const body = dialect.encodeMessage({ type: 'HELLO', avps: {} }, 0, { digests });
  return dialect.encodeControl(0x12345678, 0, 7, 8, body);
}

function check(message: Uint8Array, keys: readonly Uint8Array[], seen: Nonces = reversed): string {
  return checkMessage(message, 0, message.length, keys, seen);
}

async function openssl(digest: 'md5' | 'sha1', hexKey: string, input: Uint8Array): Promise<string> {
  const { stdout } = await execa('openssl', ['dgst', `-${digest}`, '-mac', 'HMAC', '-macopt', `hexkey:${hexKey}`], {
    input,
  });
  return stdout.split('= ')[1];
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('the key', () => {
  it('is HMAC-MD5 of the secret over a 2', async () => {
    for (const secret of ['s', 'correct horse battery staple', 'x'.repeat(100)]) {
      const theirs = await openssl('md5', Buffer.from(secret).toString('hex'), Uint8Array.of(2));
      expect(hexOf(digestKey(new Secret(secret)))).toBe(theirs);
    }
  });
  it('is that of an empty secret without one', () => {
    expect(digestKey(undefined)).toEqual(digestKey(new Secret('')));
  });
});

describe.each(['hmac-md5', 'hmac-sha1'] as const)('%s', (type) => {
  const hash = type === 'hmac-md5' ? 'md5' : 'sha1';

  it('is what openssl makes of the nonces and the message with zeros in place of the digest', async () => {
    const message = hello({ type, count: 1 });
    expect(hexOf(message.subarray(20, 27))).toBe(type === 'hmac-md5' ? '80170000003b00' : '801b0000003b01');
    const input = Buffer.concat([nonces.local, nonces.remote, message]);
    const theirs = await openssl(hash, hexOf(key), input);
    signMessage(message, [key], nonces);
    expect(hexOf(message.subarray(digestAt, digestAt + octetsOf[type]))).toBe(theirs);
  });

  it('has all digests zero when there are two, each with its own key', async () => {
    const message = hello({ type, count: 2 });
    const input = Buffer.concat([nonces.local, nonces.remote, message]);
    const theirs = [await openssl(hash, hexOf(key), input), await openssl(hash, hexOf(newKey), input)];
    signMessage(message, [key, newKey], nonces);
    const second = digestAt + octetsOf[type] + 7;
    expect(hexOf(message.subarray(digestAt, digestAt + octetsOf[type]))).toBe(theirs[0]);
    expect(hexOf(message.subarray(second, second + octetsOf[type]))).toBe(theirs[1]);
  });

  it('stands behind the Message Type of every message, and can be checked there', () => {
    for (const messageType of messageTypesOf(3)) {
      const body = dialects[3].encodeMessage(sampleOf(3, messageType), 5, { digests: { type, count: 1 } });
      const message = dialects[3].encodeControl(1, 0, 0, 0, body);
      signMessage(message, [key], nonces);
      expect([messageType, check(message, [key])]).toEqual([messageType, 'valid']);
    }
  });

  it('stands in an ACK and in a request of L2TPv2 too', () => {
    const ack = dialects[3].encodeAck(1, 2, 3, { type, count: 1 });
    signMessage(ack, [key], nonces);
    expect(check(ack, [key])).toBe('valid');
    const request = dialects[2].encodeMessage(sampleOf(2, 'SCCRQ'), 0, { digests: { type, count: 1 } });
    const message = dialects[2].encodeControl(0, 0, 0, 0, request);
    signMessage(message, [key], noNonces);
    expect(check(message, [key], noNonces)).toBe('valid');
  });

  it('is wrong when any octet of the message is another, or a nonce or the key is', () => {
    const message = hello({ type, count: 1 });
    signMessage(message, [key], nonces);
    expect(check(message, [key])).toBe('valid');
    for (let at = 0; at < message.length; at++) {
      const changed = Uint8Array.from(message);
      changed[at] ^= 0x10;
      expect(check(changed, [key])).not.toBe('valid');
    }
    expect(check(message, [wrongKey])).toBe('invalid');
    expect(check(message, [key], nonces)).toBe('invalid');
    expect(check(message, [key], noNonces)).toBe('invalid');
  });

  it('is right again when a message that is sent again is signed again', () => {
    const message = hello({ type, count: 2 });
    signMessage(message, [key, newKey], nonces);
    dialects[3].patchNr(message, 99);
    expect(check(message, [key, newKey])).toBe('invalid');
    signMessage(message, [key, newKey], nonces);
    expect([[key], [newKey]].map((keys) => check(message, keys))).toEqual(['valid', 'valid']);
  });

  it('of the drafts is as good', () => {
    const message = hello({ type, count: 1, draft: true });
    expect(hexOf(message.subarray(20, 26))).toBe(type === 'hmac-md5' ? '80170009000c' : '801b0009000c');
    signMessage(message, [key], nonces);
    expect(check(message, [key])).toBe('valid');
    message[30] ^= 1;
    expect(check(message, [key])).toBe('invalid');
  });
});

describe('while secrets change', () => {
  it('one valid digest is enough, and so is one key (RFC 3931 5.4.1)', () => {
    const message = hello({ type: 'hmac-sha1', count: 2 });
    signMessage(message, [key, newKey], nonces);
    expect(check(message, [wrongKey, newKey])).toBe('valid');
    expect(check(message, [wrongKey])).toBe('invalid');
    message[digestAt] ^= 1;
    expect(check(message, [key])).toBe('invalid');
    expect(check(message, [newKey])).toBe('valid');
    expect(check(message, [])).toBe('invalid');
  });
  it('a digest of another kind may stand beside', () => {
    const both = rawMessage(6, rawAvp(59, new Uint8Array(17)), rawAvp(59, Uint8Array.of(1, ...new Uint8Array(20))));
    const message = dialects[3].encodeControl(1, 0, 0, 0, both);
    signMessage(message, [key, newKey], nonces);
    expect([[key], [newKey]].map((keys) => check(message, keys))).toEqual(['valid', 'valid']);
  });
  it('there is a key for each digest', () => {
    expect(() => signMessage(hello({ type: 'hmac-md5', count: 2 }), [key], nonces)).toThrow(RangeError);
  });
});

describe('a digest', () => {
  const at = (...avps: Uint8Array[]) => dialects[3].encodeControl(1, 0, 0, 0, rawMessage(6, ...avps));

  it('is absent when none stands behind the Message Type', () => {
    const md5 = rawAvp(59, new Uint8Array(17));
    const elsewhere = at(rawAvp(7, Uint8Array.of(0x61), 0), md5);
    const zlb = dialects[3].encodeControl(1, 0, 0, 0, nothing);
    const hidden = at(rawAvp(59, new Uint8Array(17), 0xc000));
    expect([hello(undefined), elsewhere, zlb, hidden].map((message) => check(message, [key]))).toEqual([
      'absent',
      'absent',
      'absent',
      'absent',
    ]);
  });
  it.each([
    ['of a kind that does not exist', rawAvp(59, Uint8Array.of(2, ...new Uint8Array(16)))],
    ['that is too short', rawAvp(59, new Uint8Array(16))],
    ['that is too long', rawAvp(59, new Uint8Array(18))],
    ['with the length of the other kind', rawAvp(59, Uint8Array.of(1, ...new Uint8Array(16)))],
  ])('%s is never valid', (_what, avp) => {
    expect(check(at(avp), [key])).toBe('invalid');
  });
  it('is one of two at most', () => {
    const md5 = rawAvp(59, new Uint8Array(17));
    const message = at(md5, md5, md5);
    signMessage(message, [key, key], nonces);
    expect(check(message, [key])).toBe('valid');
    const third = digestAt + 2 * 23;
    expect(hexOf(message.subarray(third, third + 16))).toBe('00'.repeat(16));
  });
  it('is looked for within the message, changes nothing, and never makes anybody throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 90 }), fc.nat(5), (tail, margin) => {
        const bytes = Uint8Array.from([...new Uint8Array(margin).fill(0xff), ...hello(undefined), ...tail]);
        const before = hexOf(bytes);
        const { length } = bytes;
        expect(['valid', 'invalid', 'absent']).toContain(checkMessage(bytes, margin, length, [key], nonces));
        expect(checkMessage(bytes, margin, margin + 20, [key], nonces)).toBe('absent');
        nonceIn(bytes, margin, length);
        expect(hexOf(bytes)).toBe(before);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the nonce of a message', () => {
  const nonce = knownAvp('messageNonce', Uint8Array.of(1, 2, 3), 3);
  const draft = rawAvp(13, Uint8Array.of(9), 0x8000, 9);
  const told = (...avps: Uint8Array[]) => {
    const message = dialects[3].encodeControl(1, 0, 0, 0, rawMessage(2, ...avps));
    return nonceIn(message, 0, message.length);
  };

  it('is the one that the decoder finds, before it is decoded', () => {
    expect(told(rawAvp(7, Uint8Array.of(0x61)), nonce, rawAvp(73, Uint8Array.of(4)))).toEqual(Uint8Array.of(1, 2, 3));
    expect(told(draft)).toEqual(Uint8Array.of(9));
    expect(told(draft, nonce)).toEqual(Uint8Array.of(1, 2, 3));
    expect(told(rawAvp(73, nothing))).toBeUndefined();
    expect(told(rawAvp(73, new Uint8Array(20), 0xc000))).toBeUndefined();
    expect(told()).toBeUndefined();
  });
  it('is a copy', () => {
    const message = dialects[3].encodeControl(1, 0, 0, 0, rawMessage(2, nonce));
    const told = nonceIn(message, 0, message.length);
    message.fill(0xff);
    expect(told).toEqual(Uint8Array.of(1, 2, 3));
  });
});
