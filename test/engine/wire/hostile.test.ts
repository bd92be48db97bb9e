/** What a stranger may put into a message before anybody knows who it is. */
import { describe, expect, it } from 'vitest';
import { WireError } from '../../../src/engine/errors.ts';
import type { AvpValues } from '../../../src/engine/wire/avp.ts';
import { dialects } from '../../../src/engine/wire/dialect.ts';
import type { DecodeOptions, EncodeOptions, Message, OutgoingMessage } from '../../../src/engine/wire/message.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { knownAvp, rawAvp, rawMessage } from './arbitrary.ts';
import { conceal } from './conceal.ts';

const icrq = 10;
const icrp = 11;
const iccn = 12;
const cdn = 14;
const sharedSecret = 'secret';
const vector = Uint8Array.from({ length: 16 }, (_, i) => i);
const randomVector = rawAvp(36, vector);
const sessionId = knownAvp('assignedSessionId', Uint8Array.of(0, 5));
const serial = knownAvp('callSerialNumber', Uint8Array.of(0, 0, 0, 1));
const withSecret: DecodeOptions = { secretFor: () => new Secret(sharedSecret) };

const { decodeMessage } = dialects[2];

/** A message of L2TPv2 alone. */
type Written = Pick<OutgoingMessage, 'type' | 'others'> & { avps: AvpValues };

function encodeMessage(message: Written, options?: EncodeOptions): Uint8Array {
  return dialects[2].encodeMessage(message as OutgoingMessage, 0, options);
}

function decode(body: Uint8Array, options: DecodeOptions = withSecret): Message {
  return decodeMessage(body, 0, body.length, options);
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

/** A hidden AVP whose inner length says `inner`. */
function hidden(type: number, inner: number, value: Uint8Array, flags = 0xc000, vendor = 0): Uint8Array {
  const clear = Uint8Array.of(inner >> 8, inner, ...value);
  return rawAvp(type, conceal(type, clear, sharedSecret, vector), flags, vendor);
}

describe('the inner length of a hidden AVP', () => {
  const id = Uint8Array.of(0, 5, 0xaa, 0xaa);

  it('governs, whatever follows it', () => {
    expect(decode(rawMessage(icrp, randomVector, hidden(14, 2, id))).avps).toEqual({ assignedSessionId: 5 });
    const padded = new Uint8Array(1_000).fill(0xaa);
    padded.set([0, 5]);
    expect(decode(rawMessage(icrp, randomVector, hidden(14, 2, padded))).avps).toEqual({ assignedSessionId: 5 });
  });

  it.each([0, 1, 3, 4])('of %i makes an id malformed', (inner) => {
    const error = refusal(rawMessage(icrp, randomVector, hidden(14, inner, id)));
    expect(error).toMatchObject({ scope: 'session', reason: 'malformedAvp', result: { result: 2, error: 2 } });
  });

  it.each([5, 6, 1023, 32768, 65535])('of %i, more than there is, is told from a value', (inner) => {
    const error = refusal(rawMessage(icrp, randomVector, hidden(14, inner, id)));
    expect(error).toMatchObject({ reason: 'malformedAvp', result: { result: 2, error: 2 } });
    expect(error.message).toContain('do the secrets differ');
  });

  it.each([0, 1, 65535])('of %i does not reach into the next AVP', (inner) => {
    const name = hidden(30, inner, Buffer.from('joe'), 0x4000);
    const { avps } = decode(rawMessage(iccn, randomVector, name, knownAvp('privateGroupId', Buffer.from('blue'))));
    expect(avps.privateGroupId).toBe('blue');
    expect(avps.proxyAuthenName).toBe({ 0: '', 1: 'j', 65535: undefined }[inner]);
  });

  it('needs its two octets', () => {
    for (const octets of [0, 1]) {
      const error = refusal(rawMessage(icrp, randomVector, rawAvp(14, new Uint8Array(octets), 0xc000)));
      expect(error).toMatchObject({ reason: 'malformedAvp', result: { result: 2, error: 2 } });
      const passedOver = decode(rawMessage(iccn, randomVector, rawAvp(30, new Uint8Array(octets), 0x4000)));
      expect(passedOver.oddities).toMatchObject([{ name: 'proxyAuthenName', why: 'malformed' }]);
    }
  });
});

describe('a Random Vector', () => {
  it('may be empty', () => {
    const value = conceal(14, Uint8Array.of(0, 2, 0, 5), sharedSecret, new Uint8Array(0));
    const message = decode(rawMessage(icrp, rawAvp(36, new Uint8Array(0)), rawAvp(14, value, 0xc000)));
    expect(message.avps).toEqual({ assignedSessionId: 5 });
  });

  it('is the last one before what is hidden', () => {
    const other = Uint8Array.of(9);
    const value = conceal(14, Uint8Array.of(0, 2, 0, 5), sharedSecret, other);
    const message = decode(
      rawMessage(
        icrq,
        randomVector,
        hidden(15, 4, Uint8Array.of(0, 0, 0, 7)),
        rawAvp(36, other),
        rawAvp(14, value, 0xc000),
      ),
    );
    expect(message.avps).toEqual({ callSerialNumber: 7, assignedSessionId: 5 });
  });

  it('that is hidden itself is malformed, and so is a second Message Type', () => {
    for (const odd of [
      rawAvp(36, vector, 0xc000),
      hidden(36, 16, vector),
      hidden(0, 2, Uint8Array.of(0, 4)),
      rawAvp(0, Uint8Array.of(0, 4)),
    ]) {
      const error = refusal(rawMessage(icrp, randomVector, sessionId, odd));
      expect(error).toMatchObject({ reason: 'malformedAvp', result: { result: 2, error: 3 } });
    }
    const harmless = decode(rawMessage(icrp, sessionId, rawAvp(0, Uint8Array.of(0, 4), 0)));
    expect(harmless).toMatchObject({ type: 'ICRP', oddities: [{ why: 'malformed' }], others: [] });
  });
});

describe('the secret', () => {
  it('is found by the clear host name when the Challenge is hidden', () => {
    const challenge = hidden(11, 16, vector);
    const sccrq = rawMessage(
      1,
      knownAvp('protocolVersion', Uint8Array.of(1, 0)),
      randomVector,
      challenge,
      knownAvp('framingCapabilities', new Uint8Array(4)),
      knownAvp('assignedTunnelId', Uint8Array.of(0, 9)),
      knownAvp('hostName', Buffer.from('rtbrick')),
    );
    const secretFor: DecodeOptions['secretFor'] = ({ hostName }) =>
      hostName === 'rtbrick' ? new Secret(sharedSecret) : undefined;
    expect(decode(sccrq, { secretFor }).avps.challenge).toEqual(vector);
  });

  it('is not asked for when there is too much to unhide', () => {
    let asked = 0;
    const secretFor = () => {
      asked++;
      return new Secret(sharedSecret);
    };
    const large = Array.from({ length: 5 }, () => rawAvp(30, new Uint8Array(1_000), 0x4000));
    expect(refusal(rawMessage(iccn, randomVector, ...large), { secretFor }).reason).toBe('tooMuchHidden');
    expect(asked).toBe(0);
    expect(decode(rawMessage(iccn, randomVector, ...large.slice(1)), { secretFor }).type).toBe('ICCN');
  });

  it('is no use to a second AVP of a name that is there', () => {
    const message = decode(rawMessage(icrp, randomVector, sessionId, hidden(14, 65535, new Uint8Array(2))));
    expect(message).toMatchObject({ avps: { assignedSessionId: 5 }, oddities: [{ why: 'duplicate' }] });
  });
});

describe('AVPs that the table does not know', () => {
  const vendor = 311;
  const knows: DecodeOptions['knows'] = (vendorId) => vendorId === vendor;

  it('are kept as they came', () => {
    const value = Uint8Array.of(1, 2, 3);
    const body = Uint8Array.from(rawMessage(icrp, sessionId, rawAvp(4, value, 0, vendor), rawAvp(200, value, 0)));
    const { others } = decode(body);
    body.fill(0xff);
    expect(others).toEqual([
      { vendor, type: 4, value },
      { vendor: 0, type: 200, value },
    ]);
  });

  it('with the M bit are a defect unless somebody takes them', () => {
    const body = rawMessage(icrp, sessionId, rawAvp(4, vector, 0x8000, vendor));
    expect(refusal(body)).toMatchObject({ scope: 'session', reason: 'unknownAvp', result: { result: 2, error: 8 } });
    expect(decode(body, { knows })).toMatchObject({ oddities: [], others: [{ vendor, type: 4, value: vector }] });
  });

  it('never stand for those of the IETF with the same number', () => {
    const theirs = rawAvp(14, Uint8Array.of(0, 66), 0x8000, vendor);
    const message = decode(rawMessage(icrp, theirs, sessionId), { knows });
    expect(message).toMatchObject({ avps: { assignedSessionId: 5 }, others: [{ vendor, type: 14 }] });
    expect(refusal(rawMessage(icrp, theirs), { knows }).reason).toBe('missingAvp');
    const hiddenTheirs = hidden(14, 2, Uint8Array.of(0, 66), 0x4000, vendor);
    expect(decode(rawMessage(icrp, randomVector, hiddenTheirs, sessionId)).avps.assignedSessionId).toBe(5);
  });

  it('are unhidden, and marked as what should not be shown', () => {
    const body = rawMessage(icrp, sessionId, randomVector, hidden(4, 2, Uint8Array.of(7, 8, 9), 0x4000, vendor));
    expect(decode(body).others).toEqual([{ vendor, type: 4, value: Uint8Array.of(7, 8), hidden: true }]);
    expect(decode(body, {}).others).toEqual([]);
    expect(decode(body, {}).oddities).toMatchObject([{ vendor, type: 4, why: 'unknown' }]);
  });

  it('are not kept without bound', () => {
    const many = Array.from({ length: 200 }, (_, type) => rawAvp(type, new Uint8Array(1), 0, vendor));
    expect(decode(rawMessage(icrp, sessionId, ...many)).others.length).toBe(32);
    const large = Array.from({ length: 5 }, (_, type) => rawAvp(type, new Uint8Array(1_000), 0, vendor));
    const { others, oddities } = decode(rawMessage(icrp, sessionId, ...large), { knows });
    expect(others.map(({ type }) => type)).toEqual([0, 1]);
    expect(oddities.map(({ text }) => text)).toEqual(
      [2, 3, 4].map((type) => `ICRP: AVP 311/${type} is not kept, there are too many`),
    );
    const needed = rawAvp(9, new Uint8Array(1_000), 0x8000, vendor);
    expect(refusal(rawMessage(icrp, sessionId, ...large, needed), { knows }).reason).toBe('tooManyAvps');
  });

  it('with a reserved bit set are kept by nobody', () => {
    const { others, oddities } = decode(rawMessage(icrp, sessionId, rawAvp(14, Uint8Array.of(0, 66), 0x0400)));
    expect([others, oddities]).toMatchObject([[], [{ type: 14, why: 'unknown' }]]);
  });

  it('are one and the same nothing where there are none', () => {
    const [one, two] = [decode(rawMessage(icrp, sessionId)), decode(rawMessage(icrq, sessionId, serial))];
    expect(one.others).toBe(two.others);
    expect(one.oddities).toBe(two.oddities);
  });

  it('are sent behind ours, hidden where they may be', () => {
    const message: Written = {
      type: 'ICRP',
      avps: { assignedSessionId: 5 },
      others: [
        { vendor, type: 1, value: Uint8Array.of(1), mandatory: true },
        { vendor, type: 2, value: Uint8Array.of(2), hideable: true },
      ],
    };
    expect(Buffer.from(encodeMessage(message)).toString('hex')).toBe(
      Buffer.concat([
        rawMessage(icrp, sessionId),
        rawAvp(1, Uint8Array.of(1), 0x8000, vendor),
        rawAvp(2, Uint8Array.of(2), 0, vendor),
      ]).toString('hex'),
    );
    const hide = { secret: new Secret(sharedSecret), randomVector: vector };
    const { others } = decode(encodeMessage(message, { hide }), { ...withSecret, knows });
    expect(others).toEqual([
      { vendor, type: 1, value: Uint8Array.of(1) },
      { vendor, type: 2, value: Uint8Array.of(2), hidden: true },
    ]);
  });

  it('are refused when they do not fit', () => {
    const others = [{ vendor, type: 1, value: new Uint8Array(1_018) }];
    expect(() => encodeMessage({ type: 'HELLO', avps: {}, others })).toThrow(RangeError);
  });
});

describe('values that no peer should send', () => {
  it('do not end a session by what it can do without', () => {
    for (const [type, value] of [
      [129, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]], // a rate beyond any line
      [129, [0, 0, 0, 1]],
      [254, [0, 0, 0, 2]],
      [144, [1, 2]],
      [1, []],
    ] as const) {
      const message = decode(rawMessage(icrq, sessionId, serial, rawAvp(type, Uint8Array.from(value), 0, 3561)));
      expect(Object.keys(message.avps)).toEqual(['assignedSessionId', 'callSerialNumber']);
      expect(message.oddities).toMatchObject([{ vendor: 3561, type, why: 'malformed' }]);
    }
  });

  it.each([
    [0xb804, 'DSCP'],
    [0x1235, 'id'],
  ])('are PHB codes with reserved bits: %i by %s', (code) => {
    const message = decode(rawMessage(icrp, sessionId, rawAvp(48, Uint8Array.of(code >> 8, code), 0)));
    expect(message).toMatchObject({ avps: { assignedSessionId: 5 }, oddities: [{ name: 'sessionDs' }] });
    expect(message.avps.sessionDs).toBeUndefined();
  });

  it('are disconnect causes that say too little', () => {
    const result = knownAvp('resultCode', Uint8Array.of(0, 3));
    const message = decode(rawMessage(cdn, result, rawAvp(46, new Uint8Array(4), 0), rawAvp(46, new Uint8Array(5), 0)));
    expect(message.avps.pppDisconnectCauses).toEqual([{ code: 0, protocol: 0, direction: 0 }]);
    expect(message.oddities).toMatchObject([{ name: 'pppDisconnectCauses', why: 'malformed' }]);
  });
});
