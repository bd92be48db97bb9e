/** What L2TPv3's messages have of their own (RFC 3931 5 and 6). */
import { describe, expect, it } from 'vitest';
import { WireError } from '../../../src/engine/errors.ts';
import type { AvpValues } from '../../../src/engine/wire/avp.ts';
import { dialects } from '../../../src/engine/wire/dialect.ts';
import type { DecodeOptions, EncodeOptions, Message, OutgoingMessage } from '../../../src/engine/wire/message.ts';
import type { MessageType } from '../../../src/engine/wire/message-table.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { canonicalEndId } from '../../../src/engine/wire/values.ts';
import { knownAvp, rawAvp, rawMessage } from './arbitrary.ts';
import { conceal, hidingKeyV3, reveal } from './conceal.ts';

const v3 = dialects[3];
const icrq = 10;
const icrp = 11;
const iccn = 12;
const scccn = 3;
const sccrq = 1;
const localId = knownAvp('assignedSessionId', Uint8Array.of(0, 0, 1, 0), 3);
const remoteId = knownAvp('remoteSessionId', Uint8Array.of(0, 0, 2, 0), 3);

function decode(body: Uint8Array, options?: DecodeOptions): Message {
  return v3.decodeMessage(body, 0, body.length, options);
}

function refusal(body: Uint8Array, options?: DecodeOptions): WireError {
  try {
    decode(body, options);
  } catch (error) {
    if (error instanceof WireError) return error;
    throw error;
  }
  throw new Error('the message was taken');
}

/** A message that may lack what it would need in L2TPv2. */
function encode(type: MessageType, avps: AvpValues, options?: EncodeOptions, remoteSessionId = 0): Uint8Array {
  return v3.encodeMessage({ type, avps } as OutgoingMessage, remoteSessionId, options);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** One value of 16 bits or octets as it is read. */
function read(type: number, value: readonly number[], flags = 0): AvpValues {
  return decode(rawMessage(icrp, localId, rawAvp(type, Uint8Array.from(value), flags))).avps;
}

describe('the octets of AVPs', () => {
  it.each([
    [{ assignedTunnelId: 0x89abcdef }, 'StopCCN', '800a0000003d89abcdef'],
    [{ routerId: 0xc0000201 }, 'SCCRP', '800a0000003cc0000201'],
    [{ pseudowireCapabilities: ['ethernet', 'ppp', 0x1234] }, 'SCCRP', '800c0000003e000500071234'],
    [{ preferredLanguage: 'de' }, 'SCCRP', '00080000004864' + '65'],
    [{ messageNonce: Uint8Array.of(7, 8) }, 'SCCRP', '8008000000490708'],
    [{ tieBreaker: 1n }, 'SCCRQ', '800e000000050000000000000001'],
    [{ hostName: 'a' }, 'SCCRP', '80070000000761'],
    [{ resultCode: { result: 3 } }, 'StopCCN', '8008000000010003'],
  ] as [AvpValues, MessageType, string][])('%o of an %s are %s', (avps, type, octets) => {
    expect(hex(encode(type, avps).subarray(8))).toBe(octets);
  });

  it.each([
    [{ assignedSessionId: 0x89abcdef }, '800a0000003f89abcdef'],
    [{ assignedCookie: Uint8Array.of(1, 2, 3, 4) }, '800a0000004101020304'],
    [{ assignedCookie: new Uint8Array(0) }, '800600000041'],
    [{ remoteEndId: 'ab' }, '8008000000426162'],
    [{ remoteEndId: '0x0061' }, '8008000000420061'],
    [{ pseudowireType: 'vlan' }, '8008000000440004'],
    [{ pseudowireType: 0x8001 }, '8008000000448001'],
    [{ l2SpecificSublayer: 'default' }, '8008000000450001'],
    [{ l2SpecificSublayer: 'atm' }, '8008000000450002'],
    [{ dataSequencing: 'all' }, '8008000000460002'],
    [{ circuitStatus: { active: true, isNew: true } }, '8008000000470003'],
    [{ circuitStatus: { active: false, isNew: false, circuitRxFault: true, standby: true } }, '8008000000470044'],
    [{ circuitStatus: { active: false, isNew: false, circuitTxFault: true } }, '8008000000470008'],
    [{ circuitStatus: { active: false, isNew: false, pseudowireRxFault: true } }, '8008000000470010'],
    [{ circuitStatus: { active: false, isNew: false, pseudowireTxFault: true } }, '8008000000470020'],
    [{ txConnectSpeedBps: 10_000_000_000 }, '000e0000004a00000002540be400'],
    [{ rxConnectSpeedBps: 1 }, '000e0000004b0000000000000001'],
    [{ frameRelayHeaderOctets: 2 }, '0008000000550002'],
    [{ atmMaxConcatenatedCells: 28 }, '000800000056001c'],
    [{ oamEmulationRequired: true }, '000600000057'],
    [{ attachmentGroupId: '' }, '000600000059'],
    [{ localEndId: 'z' }, '00070000005a7a'],
    [{ interfaceMtu: 1500 }, '00080000005b05dc'],
    [{ callingNumber: '12' }, '0008000000163132'],
  ] as [AvpValues, string][])('%o of an ICRQ are %s, behind the peer’s session id', (avps, octets) => {
    expect(hex(encode('ICRQ', avps, {}, 5).subarray(8))).toBe(`800a0000004000000005${octets}`);
  });

  it.each([
    [85, [0, 4], { frameRelayHeaderOctets: 4 }],
    [68, [0, 7], { pseudowireType: 'ppp' }],
    [68, [0, 8], { pseudowireType: 8 }],
    [69, [0, 9], { l2SpecificSublayer: 9 }],
    [70, [0, 1], { dataSequencing: 'nonIp' }],
    [71, [0xff, 0x80], { circuitStatus: { active: false, isNew: false } }],
    [74, [0xff, 0, 0, 0, 0, 0, 0, 0], { txConnectSpeedBps: Number.MAX_SAFE_INTEGER }],
    [62, [0, 5, 0, 9, 0, 99], { pseudowireCapabilities: ['ethernet', 'atmCellVcc', 99] }],
    [65, [], { assignedCookie: new Uint8Array(0) }],
    [65, [1, 2, 3, 4], { assignedCookie: Uint8Array.of(1, 2, 3, 4) }],
    [66, [], { remoteEndId: '' }],
  ] as [number, number[], AvpValues][])('AVP %i with %o reads as %o', (type, value, avps) => {
    expect(read(type, value)).toMatchObject(avps);
  });

  it.each([
    [65, [1], 2],
    [65, [1, 2, 3, 4, 5], 2],
    [70, [0, 3], 3],
    [62, [], 2],
    [62, [0, 5, 0], 2],
    [61, [0, 0, 0, 0], 3],
    [68, [5], 2],
    [71, [0, 0, 1], 2],
    [74, [0, 0, 0, 1], 2],
    [73, [], 2],
  ] as [number, number[], number][])('AVP %i with %o is malformed', (type, value, error) => {
    expect(read(type, value)).toEqual({ assignedSessionId: 0x100 });
    const mandatory = rawMessage(icrp, localId, rawAvp(type, Uint8Array.from(value)));
    expect(refusal(mandatory)).toMatchObject({
      scope: 'session',
      reason: 'malformedAvp',
      result: { result: 2, error },
    });
  });
});

describe('end ids', () => {
  it.each([
    ['circuit 7', 'circuit 7'],
    ['', ''],
    ['0x', ''],
    ['0x41', 'A'],
    ['0x4A', 'J'],
    ['0X41', '0X41'],
    ['0x3078', '0x3078'],
    ['0xzz', '0x30787a7a'],
    ['0x123', '0x3078313233'],
    ['Köln', '0x4bc3b66c6e'],
    ['a\n', '0x610a'],
    ['0x0102', '0x0102'],
  ])('%o is canonically %o', (text, canonical) => {
    expect(canonicalEndId(text)).toBe(canonical);
    expect(canonicalEndId(canonical)).toBe(canonical);
  });
});

describe('what L2TPv3 does otherwise than L2TPv2', () => {
  it('ignores reserved bits of an AVP (RFC 3931 5.1)', () => {
    const odd = rawAvp(63, Uint8Array.of(0, 0, 1, 0), 0xbc00);
    expect(decode(rawMessage(icrp, odd))).toMatchObject({ avps: { assignedSessionId: 0x100 }, oddities: [] });
  });

  it('still ends a session for an AVP that nobody knows, and a tunnel in its own messages (RFC 3931 5.2)', () => {
    const unknown = rawAvp(999, new Uint8Array(1));
    expect(refusal(rawMessage(icrp, localId, unknown))).toMatchObject({
      scope: 'session',
      reason: 'unknownAvp',
      result: { result: 2, error: 8 },
    });
    expect(refusal(rawMessage(scccn, unknown)).scope).toBe('tunnel');
  });

  it('passes over what only L2TPv2 has, M bit or not, hidden or not (RFC 3931 4.7.3)', () => {
    const ofV2 = [
      rawAvp(2, Uint8Array.of(1, 0)),
      rawAvp(3, new Uint8Array(4)),
      rawAvp(9, Uint8Array.of(0, 7)),
      rawAvp(11, new Uint8Array(20), 0xc000),
    ];
    const body = rawMessage(
      sccrq,
      knownAvp('hostName', Buffer.from('lac'), 3),
      knownAvp('assignedTunnelId', Uint8Array.of(1, 0, 0, 0), 3),
      ...ofV2,
    );
    const message = decode(body);
    expect(message.avps).toEqual({ hostName: 'lac', assignedTunnelId: 0x100_0000 });
    expect(message.oddities.map(({ type, why }) => [type, why])).toEqual([2, 3, 9, 11].map((t) => [t, 'unexpected']));
    expect(message.others).toEqual([]);
  });

  it('tells whom a refusal is for: both ids of the session', () => {
    const error = refusal(rawMessage(icrp, localId, remoteId, rawAvp(999, new Uint8Array(1))));
    expect([error.assignedSessionId, error.sessionId]).toEqual([0x100, 0x200]);
    const short = Buffer.concat([rawMessage(icrp, remoteId), Uint8Array.of(0x80)]);
    expect([refusal(short).assignedSessionId, refusal(short).sessionId]).toEqual([undefined, 0x200]);
  });

  it('refuses a request without what its session needs', () => {
    const serial = knownAvp('callSerialNumber', new Uint8Array(4), 3);
    expect(refusal(rawMessage(icrq, localId, serial))).toMatchObject({ scope: 'session', reason: 'missingAvp' });
    const type = knownAvp('pseudowireType', Uint8Array.of(0, 5), 3);
    expect(decode(rawMessage(icrq, localId, serial, type)).type).toBe('ICRQ');
  });

  it('does not know the messages that L2TPv2 does not have either, and knows the ACK', () => {
    expect(refusal(rawMessage(17))).toMatchObject({ scope: 'tunnel', reason: 'unknownMessageType' });
    expect(decode(rawMessage(20)).type).toBe('ACK');
    const ack = rawMessage(20);
    expect(() => dialects[2].decodeMessage(ack, 0, ack.length)).toThrow('unknown message type 20');
    expect(() => dialects[2].encodeMessage({ type: 'ACK', avps: {} }, 0)).toThrow(RangeError);
  });

  it('leaves out what belongs to L2TPv2 only, and caps what does not fit there', () => {
    const avps = {
      accm: { send: 1, receive: 2 },
      circuitStatus: { active: true, isNew: false },
      assignedSessionId: 256,
    };
    expect(decode(encode('SLI', avps, {}, 0x200)).avps).toEqual({
      remoteSessionId: 0x200,
      circuitStatus: avps.circuitStatus,
      assignedSessionId: 256,
    });
    const speeds = { txConnectSpeedBps: 10_000_000_000, framingType: ['sync'], assignedSessionId: 256 } as const;
    const body = dialects[2].encodeMessage({ type: 'ICCN', avps: speeds }, 7);
    expect(dialects[2].decodeMessage(body, 0, body.length).avps).toEqual({
      txConnectSpeedBps: 0xffffffff,
      framingType: ['sync'],
    });
  });

  it('writes the session id of the peer itself, whatever the values say', () => {
    const body = encode('CDN', { resultCode: { result: 3 }, remoteSessionId: 9 }, {}, 8);
    expect(decode(body).avps.remoteSessionId).toBe(8);
    expect(decode(encode('HELLO', {}, {}, 8)).avps).toEqual({});
  });
});

describe('hiding (RFC 3931 5.3)', () => {
  const secret = 'shared secret';
  const randomVector = Uint8Array.from({ length: 16 }, (_, i) => i);
  const hide = { secret: new Secret(secret), randomVector };

  it('reads what was hidden with the key that the RFC makes of the secret', () => {
    const hidden = conceal(66, Buffer.from('\0\x02ab???????'), hidingKeyV3(secret), randomVector);
    const body = rawMessage(iccn, localId, rawAvp(36, randomVector), rawAvp(66, hidden, 0xc000));
    expect(decode(body, { secretFor: () => hide.secret }).avps.remoteEndId).toBe('ab');
    expect(refusal(body).message).toContain('no secret is shared');
  });

  it('hides so itself, ids and cookies too', () => {
    const avps = {
      assignedSessionId: 0x1234_5678,
      assignedCookie: Uint8Array.of(0xa1, 0xb2, 0xc3, 0xd4),
      circuitStatus: circuit,
    };
    const body = encode('ICRP', avps, { hide }, 7);
    expect(hex(body)).not.toMatch(/12345678|a1b2c3d4/);
    expect(decode(body, { secretFor: () => hide.secret }).avps).toEqual({ ...avps, remoteSessionId: 7 });
    const first = 8 + 6 + randomVector.length;
    expect(hex(body.subarray(first, first + 6))).toBe('c01600000040');
    const clear = reveal(64, body.subarray(first + 6, first + 22), hidingKeyV3(secret), randomVector);
    expect(hex(clear.subarray(0, 6))).toBe('000400000007');
  });

  const circuit = { active: true, isNew: true };
});

describe('AVPs of vendors with numbers of 32 bits (RFC 3931 5.1)', () => {
  const value = Uint8Array.of(1, 2, 3);
  const other = { vendor: 0x1234_5678, type: 9, value };

  it('stand in an AVP of their own kind, without the M bit', () => {
    const body = v3.encodeMessage({ type: 'HELLO', avps: {}, others: [{ ...other, mandatory: true }] }, 0);
    expect(hex(body.subarray(8))).toBe('000f0000003a123456780009010203');
    expect(decode(body).others).toEqual([other]);
  });
  it('are hidden as such', () => {
    const hide = { secret: new Secret('x'), randomVector: new Uint8Array(16) };
    const body = v3.encodeMessage({ type: 'HELLO', avps: {}, others: [{ ...other, hideable: true }] }, 0, { hide });
    expect(decode(body, { secretFor: () => hide.secret }).others).toEqual([{ ...other, hidden: true }]);
  });
  it('are asked for by their own number, and may be several', () => {
    const knows: DecodeOptions['knows'] = (vendor, type) => vendor === other.vendor && type === 9;
    const wrapped = rawAvp(58, Uint8Array.of(0x12, 0x34, 0x56, 0x78, 0, 9, 5), 0);
    const message = decode(rawMessage(6, wrapped, wrapped), { knows });
    expect(message).toMatchObject({
      oddities: [],
      others: [other, other].map((each) => ({ ...each, value: Uint8Array.of(5) })),
    });
  });
  it('are malformed without a type', () => {
    const message = decode(rawMessage(6, rawAvp(58, new Uint8Array(5), 0)));
    expect(message).toMatchObject({ oddities: [{ type: 58, why: 'malformed' }], others: [] });
  });
});

describe('the drafts of L2TPv3', () => {
  const draft = (type: number, ...value: number[]) => rawAvp(type, Uint8Array.from(value), 0x8000, 9);

  it('are read as the RFC would have it', () => {
    const body = rawMessage(
      icrq,
      draft(10, 0, 1),
      draft(3, 0, 0, 1, 0),
      draft(4, 0, 0, 0, 0),
      draft(5, 1, 2, 3, 4),
      draft(6, 0x61),
      draft(7, 0, 5),
      draft(8, 0, 3),
      draft(9, 0, 0, 0, 0, 0, 0, 0, 1),
      draft(14, 5, 0xdc),
      knownAvp('callSerialNumber', new Uint8Array(4), 3),
    );
    expect(decode(body)).toMatchObject({
      avps: {
        assignedSessionId: 256,
        remoteSessionId: 0,
        assignedCookie: Uint8Array.of(1, 2, 3, 4),
        remoteEndId: 'a',
        pseudowireType: 'ethernet',
        circuitStatus: { active: true, isNew: true },
        tieBreaker: 1n,
        interfaceMtu: 1500,
      },
      oddities: [],
      others: [],
    });
  });

  it.each(['before', 'behind'])('give way to the RFC, %s it', (where) => {
    const theirs = draft(3, 0, 0, 0, 9);
    const avps = where === 'before' ? [theirs, localId] : [localId, theirs];
    const message = decode(rawMessage(icrp, ...avps));
    expect(message).toMatchObject({ avps: { assignedSessionId: 256 }, oddities: [] });
  });

  it('of two the first counts, as of the RFC’s', () => {
    const message = decode(rawMessage(icrp, draft(3, 0, 0, 0, 9), draft(3, 0, 0, 0, 8)));
    expect(message.avps.assignedSessionId).toBe(9);
    const twice = decode(rawMessage(icrp, draft(3, 0, 0, 0, 9), localId, localId));
    expect(twice.oddities).toMatchObject([{ name: 'assignedSessionId', why: 'duplicate' }]);
  });

  it('are sent beside the RFC’s where they are wanted, and neither with the M bit', () => {
    const avps = { resultCode: { result: 1 }, assignedTunnelId: 0x10000 };
    const body = encode('StopCCN', avps, { drafts: true });
    expect(hex(body.subarray(8))).toBe('8008000000010001' + '000a0000003d00010000' + '000a0009000100010000');
    expect(decode(body)).toMatchObject({ avps, oddities: [] });
  });

  it('are none in L2TPv2, where vendor 9 is a vendor', () => {
    const avps = { resultCode: { result: 1 }, assignedTunnelId: 7 };
    const message: OutgoingMessage = { type: 'StopCCN', avps };
    expect(dialects[2].encodeMessage(message, 0, { drafts: true })).toEqual(dialects[2].encodeMessage(message, 0));
    const body = rawMessage(4, knownAvp('resultCode', Uint8Array.of(0, 1)), rawAvp(1, new Uint8Array(4), 0, 9));
    expect(dialects[2].decodeMessage(body, 0, body.length).others).toMatchObject([{ vendor: 9, type: 1 }]);
  });
});

describe('a request that both versions can read (RFC 3931 4.7.3)', () => {
  const avps = {
    protocolVersion: { version: 1, revision: 0 },
    hostName: 'lac',
    framingCapabilities: ['sync'],
    assignedTunnelId: 7,
    routerId: 1,
    pseudowireCapabilities: ['ppp'],
    messageNonce: Uint8Array.of(1, 2, 3),
    preferredLanguage: 'en',
  } as const;
  const offer = { ...avps, assignedControlConnectionId: 0x10001 };

  it('has the AVPs of both, those of L2TPv3 without the M bit', () => {
    const body = dialects[2].encodeMessage({ type: 'SCCRQ', avps: offer }, 0, {
      digests: { type: 'hmac-md5', count: 1 },
    });
    expect(dialects[2].decodeMessage(body, 0, body.length)).toMatchObject({ avps: offer, oddities: [], others: [] });
    const flags = new Map<number, boolean>();
    for (let at = 0; at < body.length; at += ((body[at] & 3) << 8) | body[at + 1]) {
      flags.set((body[at + 4] << 8) | body[at + 5], (body[at] & 0x80) !== 0);
    }
    const mandatory = [...flags].filter(([, isMandatory]) => isMandatory).map(([type]) => type);
    expect(mandatory).toEqual([0, 2, 7, 3, 9]);
    expect([...flags.keys()].toSorted((a, b) => a - b)).toEqual([0, 2, 3, 7, 9, 59, 60, 61, 62, 72, 73]);
  });

  it('offers nothing without an id for L2TPv3', () => {
    const body = dialects[2].encodeMessage({ type: 'SCCRQ', avps }, 0);
    expect(Object.keys(dialects[2].decodeMessage(body, 0, body.length).avps)).toEqual(Object.keys(avps).slice(0, 4));
  });
});
