import { describe, expect, it } from 'vitest';
import { WireError } from '../../../src/engine/errors.ts';
import type { AvpValues } from '../../../src/engine/wire/avp.ts';
import { dialects } from '../../../src/engine/wire/dialect.ts';
import { decodeHeader, newHeader } from '../../../src/engine/wire/header.ts';
import { hideValue } from '../../../src/engine/wire/hidden.ts';
import type { DecodeOptions, EncodeOptions, Message, OutgoingMessage } from '../../../src/engine/wire/message.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import extensions from '../../vectors/v2-extensions.json' with { type: 'json' };
import handmade from '../../vectors/v2-messages.json' with { type: 'json' };
import quirks from '../../vectors/v2-quirks.json' with { type: 'json' };
import xl2tpd from '../../vectors/v2-xl2tpd.json' with { type: 'json' };
import { knownAvp, plain, rawAvp, rawMessage } from './arbitrary.ts';

interface Vector {
  name: string;
  source: string;
  hex: string;
  header: { tunnelId: number; sessionId: number; ns: number; nr: number };
  /** null: a ZLB. */
  type: string | null;
  avps: unknown;
  /** Whether our encoder writes the same octets. */
  encodesAlike: boolean;
  /** AVPs of vendors, their values in hexadecimal digits. */
  others?: { vendor: number; type: number; value: string }[];
  secret?: string;
  randomVector?: string;
}

const { decodeMessage } = dialects[2];

/** A message of L2TPv2 alone. */
type Written = Pick<OutgoingMessage, 'type' | 'others'> & { avps: AvpValues };

function encodeMessage(message: Written, options?: EncodeOptions): Uint8Array {
  return dialects[2].encodeMessage(message as OutgoingMessage, 0, options);
}

function decode(body: Uint8Array, options?: DecodeOptions): Message {
  return decodeMessage(body, 0, body.length, options);
}

function refusal(body: Uint8Array, options?: DecodeOptions): Pick<WireError, 'scope' | 'reason' | 'result'> {
  try {
    decode(body, options);
  } catch (error) {
    if (error instanceof WireError) return { scope: error.scope, reason: error.reason, result: error.result };
    throw error;
  }
  throw new Error('the message was taken');
}

for (const vector of [...handmade, ...extensions, ...quirks, ...xl2tpd] as Vector[]) {
  describe(`${vector.name} (${vector.source})`, () => {
    const datagram = Uint8Array.from(Buffer.from(vector.hex, 'hex'));
    const secret = vector.secret === undefined ? undefined : new Secret(vector.secret);
    const header = newHeader();
    decodeHeader(datagram, 0, datagram.length, header);

    it('is read', () => {
      expect(header).toMatchObject({ control: true, ...vector.header });
      expect(dialects[2].isAck(datagram, header)).toBe(vector.type === null);
      if (vector.type === null) return;
      const message = decodeMessage(datagram, header.payloadStart, header.payloadEnd, { secretFor: () => secret });
      expect(message.type).toBe(vector.type);
      const others = vector.others ?? [];
      expect(plain(message.others)).toEqual(others);
      expect(message.oddities).toMatchObject(others.map(({ vendor, type }) => ({ vendor, type, why: 'unknown' })));
      expect(plain(message.avps)).toEqual(vector.avps);
    });

    if (vector.encodesAlike) {
      it('is written', () => {
        const { tunnelId, sessionId, ns, nr } = vector.header;
        if (vector.type === null) {
          expect(dialects[2].encodeAck(tunnelId, ns, nr)).toEqual(datagram);
          return;
        }
        const message = decodeMessage(datagram, header.payloadStart, header.payloadEnd, { secretFor: () => secret });
        const randomVector = Buffer.from(vector.randomVector ?? '', 'hex');
        const body = encodeMessage(message as OutgoingMessage, { hide: secret && { secret, randomVector } });
        if (secret) {
          // We pad hidden values, so the octets differ.
          const again = decodeMessage(body, 0, body.length, { secretFor: () => secret });
          expect(again.avps).toEqual(message.avps);
          return;
        }
        expect(dialects[2].encodeControl(tunnelId, sessionId, ns, nr, body)).toEqual(datagram);
      });
    }
  });
}

const sessionId = knownAvp('assignedSessionId', Uint8Array.of(0, 5));
const serial = knownAvp('callSerialNumber', Uint8Array.of(0, 0, 0, 1));
const icrq = 10;
const icrp = 11;
const iccn = 12;
const scccn = 3;

describe('AVPs that we do not know (RFC 2661 4.1, 4.2)', () => {
  it('end the session with error 8 when mandatory', () => {
    const error = refusal(rawMessage(icrp, sessionId, rawAvp(99, new Uint8Array(1))));
    expect(error).toMatchObject({ scope: 'session', reason: 'unknownAvp', result: { result: 2, error: 8 } });
    expect(error.result.message).toContain('type 99');
  });
  it('end the tunnel in a message about the tunnel', () => {
    expect(refusal(rawMessage(scccn, rawAvp(99, new Uint8Array(1)))).scope).toBe('tunnel');
  });
  it('are ignored when not mandatory', () => {
    const message = decode(rawMessage(icrp, rawAvp(99, new Uint8Array(1), 0, 7), sessionId));
    expect(message).toEqual({
      type: 'ICRP',
      avps: { assignedSessionId: 5 },
      oddities: [{ vendor: 7, type: 99, message: 'ICRP', why: 'unknown', text: 'ICRP: AVP 7/99 is not known' }],
      others: [{ vendor: 7, type: 99, value: Uint8Array.of(0) }],
    });
  });
  it("are those of other vendors, even with the IETF's numbers", () => {
    const message = decode(rawMessage(icrp, rawAvp(14, Uint8Array.of(0, 66), 0, 9), sessionId));
    expect(message.avps.assignedSessionId).toBe(5);
    expect(refusal(rawMessage(icrp, sessionId, rawAvp(14, Uint8Array.of(0, 66), 0x8000, 9))).reason).toBe('unknownAvp');
  });
  it('are known ones with a reserved bit set', () => {
    const odd = rawAvp(14, Uint8Array.of(0, 66), 0x0400);
    expect(decode(rawMessage(icrp, odd, sessionId)).avps.assignedSessionId).toBe(5);
    expect(refusal(rawMessage(icrp, rawAvp(14, Uint8Array.of(0, 66), 0x8400), sessionId)).reason).toBe('unknownAvp');
  });
  it('are ignored even when hidden, without a secret', () => {
    expect(decode(rawMessage(icrp, sessionId, rawAvp(99, new Uint8Array(9), 0x4000))).type).toBe('ICRP');
  });
});

describe('malformed AVPs (RFC 2661 7.1)', () => {
  it('are passed over without the M bit, as in the example of the RFC', () => {
    const message = decode(rawMessage(iccn, knownAvp('rxConnectSpeedBps', Uint8Array.of(1, 2))));
    expect(message.avps).toEqual({});
    expect(message.oddities).toEqual([
      {
        vendor: 0,
        type: 38,
        name: 'rxConnectSpeedBps',
        message: 'ICCN',
        why: 'malformed',
        text: 'ICCN: AVP rxConnectSpeedBps has 2 octets, not 4',
      },
    ]);
  });
  it('end their session or tunnel with the M bit', () => {
    expect(refusal(rawMessage(icrp, knownAvp('assignedSessionId', new Uint8Array(3))))).toMatchObject({
      scope: 'session',
      reason: 'malformedAvp',
      result: { result: 2, error: 2 },
    });
    expect(refusal(rawMessage(scccn, knownAvp('challengeResponse', new Uint8Array(15))))).toMatchObject({
      scope: 'tunnel',
      reason: 'malformedAvp',
      result: { result: 2, error: 2 },
    });
  });
  it('are ids and windows of zero', () => {
    const error = refusal(rawMessage(icrp, knownAvp('assignedSessionId', new Uint8Array(2))));
    expect(error.result).toMatchObject({ result: 2, error: 3, message: 'ICRP: AVP assignedSessionId is zero' });
    expect(refusal(rawMessage(1, knownAvp('receiveWindowSize', new Uint8Array(2)))).result.error).toBe(3);
  });
  it('are names and challenges without an octet', () => {
    for (const name of ['hostName', 'challenge'] as const) {
      const error = refusal(rawMessage(1, knownAvp(name, new Uint8Array(0))));
      expect(error).toMatchObject({ scope: 'tunnel', reason: 'malformedAvp', result: { result: 2, error: 2 } });
    }
  });
  it('whose length leads nowhere end the message', () => {
    for (const length of [0, 5, 9, 1023]) {
      const broken = rawAvp(99, new Uint8Array(2), 0);
      broken[0] = length >>> 8;
      broken[1] = length;
      expect(refusal(rawMessage(icrp, sessionId, broken))).toMatchObject({ scope: 'session', reason: 'avpLength' });
    }
    expect(refusal(Buffer.concat([rawMessage(icrp, sessionId), Uint8Array.of(0x80, 6, 0, 0, 0)])).reason).toBe(
      'avpLength',
    );
  });
  it('may be too many', () => {
    const many = Array.from({ length: 300 }, () => rawAvp(99, new Uint8Array(0), 0));
    expect(refusal(rawMessage(icrp, sessionId, ...many)).reason).toBe('tooManyAvps');
  });
});

describe('the Message Type (RFC 2661 4.4.1)', () => {
  it('must come first', () => {
    expect(refusal(Buffer.concat([sessionId, rawMessage(icrp)]))).toMatchObject({
      scope: 'tunnel',
      reason: 'messageTypeFirst',
    });
  });
  it('must be clear, two octets long', () => {
    for (const first of [
      rawAvp(0, Uint8Array.of(0, 6), 0xc000),
      rawAvp(0, Uint8Array.of(0, 6), 0x8400),
      rawAvp(0, Uint8Array.of(6)),
      rawAvp(0, Uint8Array.of(0, 6, 0)),
    ]) {
      expect(refusal(first).reason).toBe('messageTypeFirst');
    }
  });
  it('of a vendor is unknown', () => {
    const hello = Uint8Array.of(0, 6);
    expect(refusal(rawAvp(0, hello, 0x8000, 9))).toMatchObject({ scope: 'tunnel', reason: 'unknownMessageType' });
    expect(refusal(rawAvp(0, hello, 0, 9))).toMatchObject({ scope: 'ignore', reason: 'unknownMessageType' });
  });
  it('when unknown, clears the tunnel or is ignored, by its M bit', () => {
    for (const code of [0, 5, 13, 17, 0xffff]) {
      const value = Uint8Array.of(code >>> 8, code);
      expect(refusal(rawAvp(0, value))).toMatchObject({ scope: 'tunnel', reason: 'unknownMessageType' });
      expect(refusal(rawAvp(0, value, 0))).toMatchObject({ scope: 'ignore', reason: 'unknownMessageType' });
    }
  });
});

describe('which AVPs a message holds (RFC 2661 6)', () => {
  it('a missing one is named', () => {
    const error = refusal(rawMessage(icrq, sessionId));
    expect(error).toMatchObject({ scope: 'session', reason: 'missingAvp' });
    expect(error.result.message).toBe('ICRQ: AVP callSerialNumber is missing');
    expect(refusal(rawMessage(1))).toMatchObject({ scope: 'tunnel', reason: 'missingAvp' });
  });
  it('one that does not belong there is kept and noted', () => {
    const message = decode(rawMessage(icrp, sessionId, serial));
    expect(message.avps).toEqual({ assignedSessionId: 5, callSerialNumber: 1 });
    expect(message.oddities).toMatchObject([{ vendor: 0, type: 15, name: 'callSerialNumber', why: 'unexpected' }]);
    expect(message.oddities[0].text).toBe('ICRP: AVP callSerialNumber does not belong there');
  });
  it('of two equal ones the first counts', () => {
    const message = decode(rawMessage(icrp, sessionId, knownAvp('assignedSessionId', Uint8Array.of(0, 6))));
    expect(message.avps.assignedSessionId).toBe(5);
    expect(message.oddities).toMatchObject([{ vendor: 0, type: 14, name: 'assignedSessionId', why: 'duplicate' }]);
  });
});

describe('hidden AVPs (RFC 2661 4.3)', () => {
  const secret = new Secret('secret');
  const vector = Uint8Array.of(1, 2, 3, 4);
  const hiddenId = rawAvp(14, hideValue(14, Uint8Array.of(0, 5), secret.reveal(), vector), 0xc000);
  const randomVector = rawAvp(36, vector);

  it('need a Random Vector before them', () => {
    const options = { secretFor: () => secret };
    expect(decode(rawMessage(icrp, randomVector, hiddenId), options).avps.assignedSessionId).toBe(5);
    expect(refusal(rawMessage(icrp, hiddenId, randomVector), options)).toMatchObject({ reason: 'malformedAvp' });
    const withNone = rawAvp(14, hideValue(14, Uint8Array.of(0, 5), secret.reveal(), new Uint8Array(0)), 0xc000);
    expect(refusal(rawMessage(icrp, withNone), options).result.message).toContain('without a Random Vector');
  });
  it('need a secret', () => {
    const error = refusal(rawMessage(icrp, randomVector, hiddenId));
    expect(error.result.message).toBe('ICRP: AVP assignedSessionId is hidden, but no secret is shared with this peer');
  });
  it('let the secret be chosen by the clear AVPs, also by those behind them', () => {
    const asked: unknown[] = [];
    const secretFor: DecodeOptions['secretFor'] = (clear) => {
      asked.push({ ...clear });
      return secret;
    };
    decode(rawMessage(icrq, randomVector, hiddenId, serial), { secretFor });
    expect(asked).toEqual([{ callSerialNumber: 1 }]);
    decode(rawMessage(icrq, sessionId, serial), { secretFor });
    expect(asked).toHaveLength(1);
  });
  it('whose inner length is hostile are malformed', () => {
    const value = hideValue(14, Uint8Array.of(0, 5), secret.reveal(), vector);
    value[0] ^= 0xff;
    expect(
      refusal(rawMessage(icrp, randomVector, rawAvp(14, value, 0xc000)), { secretFor: () => secret }),
    ).toMatchObject({
      scope: 'session',
      reason: 'malformedAvp',
    });
    for (const octets of [0, 1]) {
      const short = rawAvp(14, new Uint8Array(octets), 0xc000);
      expect(refusal(rawMessage(icrp, randomVector, short), { secretFor: () => secret }).reason).toBe('malformedAvp');
    }
  });
  it('are passed over when they are not mandatory and the secret is wrong', () => {
    const hiddenName = rawAvp(30, hideValue(30, Buffer.from('joe'), secret.reveal(), vector), 0x4000);
    const message = decode(rawMessage(iccn, randomVector, hiddenName), { secretFor: () => new Secret('other') });
    expect(message.avps).toEqual({});
    expect(message.oddities).toMatchObject([{ vendor: 0, type: 30, name: 'proxyAuthenName', why: 'malformed' }]);
  });
});

describe('our own messages', () => {
  it('hide nothing in an SCCRQ and nothing that must stay clear', () => {
    const hide = { secret: new Secret('secret'), randomVector: new Uint8Array(16) };
    const sccrq: Written = {
      type: 'SCCRQ',
      avps: {
        protocolVersion: dialects[2].protocolVersion,
        hostName: 'host',
        framingCapabilities: ['sync'],
        assignedTunnelId: 1,
        challenge: Uint8Array.of(1),
      },
    };
    expect(encodeMessage(sccrq, { hide })).toEqual(encodeMessage(sccrq));
    const hello: Written = { type: 'HELLO', avps: {} };
    expect(encodeMessage(hello, { hide })).toEqual(encodeMessage(hello));
    const sccrp = decode(encodeMessage({ type: 'SCCRP', avps: sccrq.avps }, { hide }), {
      secretFor: (clear) => {
        expect(Object.keys(clear)).toEqual(['protocolVersion', 'hostName']);
        return hide.secret;
      },
    });
    expect(sccrp.avps).toEqual(sccrq.avps);
  });
  it('cut an error message at a whole character', () => {
    const message = `${'x'.repeat(1012)}ä`;
    const body = encodeMessage({ type: 'StopCCN', avps: { resultCode: { result: 2, message }, assignedTunnelId: 1 } });
    expect(decode(body).avps.resultCode).toEqual({ result: 2, error: 0, message: 'x'.repeat(1012) });
  });
  it('leave out a value that does not fit into an AVP once it is hidden', () => {
    const hide = { secret: new Secret('secret'), randomVector: new Uint8Array(16) };
    const avps = {
      txConnectSpeedBps: 1,
      framingType: ['sync'],
      initialReceivedLcpConfReq: new Uint8Array(1_017),
    } as const;
    const iccn: Written = { type: 'ICCN', avps };
    expect(decode(encodeMessage(iccn)).avps).toEqual(avps);
    const { initialReceivedLcpConfReq: _, ...fitting } = avps;
    expect(decode(encodeMessage(iccn, { hide }), { secretFor: () => hide.secret }).avps).toEqual(fitting);
  });
  it('refuse values that the message needs and that do not fit into an AVP', () => {
    const hostName = 'x'.repeat(1018);
    const avps = { protocolVersion: dialects[2].protocolVersion, framingCapabilities: [], assignedTunnelId: 1 };
    expect(() => encodeMessage({ type: 'SCCRQ', avps: { ...avps, hostName } })).toThrow(RangeError);
    expect(encodeMessage({ type: 'SCCRQ', avps: { ...avps, hostName: hostName.slice(1) } }).length).toBe(
      8 + 8 + 1023 + 18,
    );
  });
});
