import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeAnswer, decodeRequest, identifierOf } from '../../../src/aaa/radius/decoding.ts';
import { attributeNameOf, attributeNames, attributeRows } from '../../../src/aaa/radius/dictionary.ts';
import { authenticatorOf, encodeAnswer, encodeRequest } from '../../../src/aaa/radius/encoding.ts';
import { hidePassword, hideSalted, revealPassword, revealSalted } from '../../../src/aaa/radius/hiding.ts';
import { BadPacket, isAnswer, type PacketType, packetRows, packetTable } from '../../../src/aaa/radius/packet.ts';
import { Secret } from '../../../src/engine/spec.ts';
import { anyAttributes, anySecret, plain, sixteen } from './arbitrary.ts';

const types = Object.keys(packetTable) as PacketType[];
const octet = fc.integer({ min: 0, max: 255 });
const hex = (text: string) => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));

function encoded(type: PacketType, identifier: number, attributes: object, secret: Secret, authenticator: Uint8Array) {
  return isAnswer(type)
    ? encodeAnswer({ type, identifier, attributes }, secret, authenticator)
    : encodeRequest({ type, identifier, attributes }, secret, authenticator);
}

function decoded(type: PacketType, bytes: Uint8Array, secret: Secret, authenticator: Uint8Array) {
  return isAnswer(type) ? decodeAnswer(bytes, secret, authenticator) : decodeRequest(bytes, secret);
}

/** Why it is dropped. */
function dropped(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof BadPacket) return error.reason;
    throw error;
  }
  return 'taken';
}

describe('packets', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...types),
        octet,
        anyAttributes,
        anySecret,
        sixteen,
        (type, identifier, attributes, secret, authenticator) => {
          let bytes: Uint8Array;
          try {
            bytes = encoded(type, identifier, attributes, secret, authenticator);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
            return;
          }
          expect(identifierOf(bytes)).toBe(identifier);
          const read = decoded(type, bytes, secret, authenticator);
          expect(plain(read)).toMatchObject({ type, identifier, attributes: plain(attributes) as object });
          expect(Object.keys(read.attributes).length).toBe(Object.keys(attributes).length);
          expect(read.others).toBeUndefined();
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('are dropped when one bit is wrong, whichever', () => {
    fc.assert(
      fc.property(fc.constantFrom(...types), anySecret, sixteen, fc.nat(), octet, (type, secret, random, at, bit) => {
        const attributes = { userName: 'nemo', framedRoute: ['10.0.0.0/8', '10.1.0.0/16'] };
        const bytes = encoded(type, 7, attributes, secret, random);
        const wrong = at % bytes.length;
        bytes[wrong] ^= 1 << (bit % 8);
        expect(dropped(() => decoded(type, bytes, secret, random))).not.toBe('taken');
      }),
      { numRuns: 1000 },
    );
  });

  it('crash nobody, whatever they are', () => {
    const attribute = fc
      .tuple(fc.oneof(octet, fc.constant(26)), fc.uint8Array({ maxLength: 60 }), fc.integer({ min: -2, max: 2 }))
      .map(([type, value, wrong]) => [type, value.length + 2 + (wrong === 1 ? 1 : 0), ...value]);
    const body = fc.array(attribute, { maxLength: 8 }).map((list) => list.flat());
    fc.assert(
      fc.property(fc.constantFrom(...types), body, anySecret, sixteen, (type, attributes, secret, random) => {
        const bytes = signed(type, attributes, secret, random);
        const reason = dropped(() => decoded(type, bytes, secret, random));
        expect(['taken', 'attributeLength', 'attributeValue', 'messageAuthenticator']).toContain(reason);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(dropped(() => decodeAnswer(bytes, new Secret('x'), bytes))).not.toBe('taken');
      }),
    );
  });
});

/** A packet whose digests are right, whatever its attributes are. */
function signed(type: PacketType, attributes: readonly number[], secret: Secret, random: Uint8Array): Uint8Array {
  const row = packetRows[type];
  const bytes = Buffer.alloc(38 + attributes.length);
  const authenticator = row.authenticator === 'digest' ? new Uint8Array(16) : random;
  bytes[0] = row.code;
  bytes.writeUInt16BE(bytes.length, 2);
  bytes.set(authenticator, 4);
  bytes.set([80, 18], 20);
  bytes.set(attributes, 38);
  bytes.set(createHmac('md5', secret.reveal()).update(bytes).digest(), 22);
  if (row.authenticator !== 'random') {
    bytes.set(createHash('md5').update(bytes).update(secret.reveal()).digest(), 4);
  }
  return bytes;
}

describe('the dictionary', () => {
  it.each(attributeNames)('%s is found by its number', (name) => {
    const { vendor, type, section } = attributeRows[name];
    expect(attributeNameOf(vendor, type)).toBe(name);
    expect(section).not.toBe('');
  });
});

describe('RFC 2865 7.1', () => {
  const secret = new Secret('xyzzy5461');
  const authenticator = hex('0f403f94 73978057 bd83d5cb 98f4227a');

  it('hides the password as the example does', () => {
    const room = Buffer.alloc(128);
    const octets = hidePassword(room, room.write('arctangent'), { secret, authenticator });
    expect(room.toString('hex', 0, octets)).toBe('0dbe708d93d413ce3196e43f782a0aee');
    expect(revealPassword(room.subarray(0, octets), { secret, authenticator })?.toString()).toBe('arctangent');
  });

  it('knows the answer as one by who has the secret, and takes it no longer', () => {
    const accept = hex(`02 00 0026 86fe220e7624ba2a1005f6bf9b55e0b2 06060000 00010f06 00000000 0e06c0a8 0103`);
    expect(dropped(() => decodeAnswer(accept, secret, authenticator))).toBe('unsigned');
    expect(dropped(() => decodeAnswer(accept, new Secret('another'), authenticator))).toBe('authenticator');
  });

  it('asks with the values of the example, signed', () => {
    const attributes = {
      userName: 'nemo',
      userPassword: new Secret('arctangent'),
      nasIpAddress: 0xc0a80110,
      nasPort: 3,
    };
    const bytes = encodeRequest({ type: 'accessRequest', identifier: 0, attributes }, secret, authenticator);
    const example = `01066e656d6f 02120dbe708d93d413ce3196e43f782a0aee 0406c0a80110 050600000003`;
    expect(Buffer.from(bytes.subarray(38)).toString('hex')).toBe(example.replaceAll(' ', ''));
    expect([bytes[20], bytes[21]]).toEqual([80, 18]);
    expect(authenticatorOf(bytes)).toEqual(authenticator);
  });
});

describe('hidden values', () => {
  const key = { secret: new Secret('s'), authenticator: new Uint8Array(16).fill(3) };

  it('with a salt are never the same twice in a row', () => {
    const [a, b] = [Buffer.alloc(40), Buffer.alloc(40)];
    a.write('key');
    b.write('key');
    expect(hideSalted(a, 3, key)).toBe(18);
    while (a.equals(b) || b[0] === 0x6b || a.readUInt16BE() === b.readUInt16BE()) {
      b.write('key');
      hideSalted(b, 3, key);
    }
    expect(a[0] & 0x80).toBe(0x80);
    expect(revealSalted(a.subarray(0, 18), key)?.toString()).toBe('key');
    expect(revealSalted(b.subarray(0, 18), key)?.toString()).toBe('key');
  });

  it('that are none are not read', () => {
    expect(revealSalted(Buffer.alloc(2), key)).toBeUndefined();
    expect(revealSalted(Buffer.alloc(17), key)).toBeUndefined();
    expect(revealPassword(Buffer.alloc(0), key)).toBeUndefined();
    expect(revealPassword(Buffer.alloc(17), key)).toBeUndefined();
    expect(revealPassword(Buffer.alloc(144), key)).toBeUndefined();
  });

  it('do not fit when they are too long', () => {
    const attributes = { userPassword: new Secret('x'.repeat(129)) };
    const packet = { type: 'accessRequest', identifier: 0, attributes } as const;
    expect(() => encodeRequest(packet, key.secret, key.authenticator)).toThrow(RangeError);
    const empty = { ...packet, attributes: { userPassword: new Secret('') } };
    const bytes = encodeRequest(empty, key.secret, key.authenticator);
    expect(decodeRequest(bytes, key.secret).attributes.userPassword?.octets).toBe(0);
  });
});

describe('attributes', () => {
  const secret = new Secret('s');
  const random = new Uint8Array(16).fill(9);
  const accept = (attributes: readonly number[]) => signed('accessAccept', attributes, secret, random);
  const read = (attributes: readonly number[]) => decodeAnswer(accept(attributes), secret, random);
  const reason = (attributes: readonly number[]) => dropped(() => decodeAnswer(accept(attributes), secret, random));

  it('that nobody knows are kept raw, those of vendors too', () => {
    expect(read([222, 3, 1, 26, 9, 0, 0, 0, 99, 5, 3, 7, 26, 9, 0, 0, 0, 98, 5, 7, 1]).others).toEqual([
      { vendor: 0, type: 222, value: Uint8Array.of(1) },
      { vendor: 99, type: 5, value: Uint8Array.of(7) },
      { vendor: 98, type: 26, value: Uint8Array.of(5, 7, 1) },
    ]);
  });

  it('of a vendor may share one', () => {
    const two = [26, 18, 0, 0, 1, 55, 28, 6, 192, 0, 2, 1, 29, 6, 192, 0, 2, 2];
    expect(read(two).attributes).toEqual({ msPrimaryDnsServer: 0xc0000201, msSecondaryDnsServer: 0xc0000202 });
  });

  it('without a tag have tag 0', () => {
    expect(read([67, 5, 0x31, 0x2e, 0x31]).attributes.tunnelServerEndpoint).toEqual([{ tag: 0, value: '1.1' }]);
    expect(read([67, 5, 0x02, 0x2e, 0x31]).attributes.tunnelServerEndpoint).toEqual([{ tag: 2, value: '.1' }]);
    expect(read([64, 6, 0x20, 0, 0, 3]).attributes.tunnelType).toEqual([{ tag: 0, value: 3 }]);
  });

  it('that are empty are none, of several the first counts, and a NUL ends no text', () => {
    expect(read([1, 2]).attributes).toEqual({});
    expect(read([27, 6, 0, 0, 0, 5, 27, 6, 0, 0, 0, 6]).attributes).toEqual({ sessionTimeout: 5 });
    expect(read([18, 5, 0x68, 0x69, 0]).attributes).toEqual({ replyMessage: ['hi'] });
  });

  it('with prefixes may leave out octets that are 0, and bits beyond the prefix count for nothing', () => {
    const wanted = [{ address: 0x20010db8n << 96n, length: 32 }];
    expect(read([97, 8, 0, 32, 0x20, 0x01, 0x0d, 0xb8]).attributes.framedIpv6Prefix).toEqual(wanted);
    expect(read([97, 9, 0, 32, 0x20, 0x01, 0x0d, 0xb8, 1]).attributes.framedIpv6Prefix).toEqual(wanted);
    expect(reason([97, 7, 0, 32, 0x20, 0x01, 0x0d])).toBe('attributeValue');
    expect(reason([97, 4, 0, 129])).toBe('attributeValue');
  });

  it.each([
    ['header', Uint8Array.of(2, 0, 0, 20)],
    ['header', hex(`02000013${'00'.repeat(16)}`)],
    ['header', hex(`02000100${'00'.repeat(16)}`)],
    ['type', hex(`63000014${'00'.repeat(16)}`)],
    ['type', hex(`01000014${'00'.repeat(16)}`)],
    ['attributeLength', hex(`02000015${'00'.repeat(16)}01`)],
    ['attributeLength', hex(`02000016${'00'.repeat(16)}0101`)],
    ['attributeLength', hex(`02000016${'00'.repeat(16)}0103`)],
    ['messageAuthenticator', hex(`02000016${'00'.repeat(16)}5002`)],
  ])('%s', (wanted, bytes) => {
    expect(dropped(() => decodeAnswer(bytes, secret, random))).toBe(wanted);
  });

  it('that are malformed make the packet one to drop', () => {
    expect(reason([27, 5, 0, 0, 5])).toBe('attributeValue');
    expect(reason([26, 5, 0, 0, 1])).toBe('attributeValue');
    expect(reason([69, 5, 1, 0x80, 0])).toBe('attributeValue');
    expect(reason([80, 18, ...new Array<number>(16).fill(0)])).toBe('messageAuthenticator');
  });

  it('behind the end of the packet are padding', () => {
    const padded = Buffer.concat([accept([27, 6, 0, 0, 0, 5]), Uint8Array.of(1, 2, 3)]);
    expect(decodeAnswer(padded, secret, random).attributes).toEqual({ sessionTimeout: 5 });
  });
});
