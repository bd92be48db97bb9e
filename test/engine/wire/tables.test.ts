import { describe, expect, it } from 'vitest';
import { sessionKeyV2 } from '../../../src/engine/ports.ts';
import { avpNameOf, avpRows, avpTable } from '../../../src/engine/wire/avp.ts';
import { dialectV2 } from '../../../src/engine/wire/dialect.ts';
import { messageRows, messageTypeOf, messageTypes } from '../../../src/engine/wire/message-table.ts';

/** RFC 2661 4.4, read from the text: type, M, may be hidden. */
const rfcAvps = `
0 M -, 1 M -, 2 M -, 3 M H, 4 M H, 5 - -, 6 - H, 7 M -, 8 - H, 9 M H, 10 M -, 11 M H, 12 M -, 13 M H, 14 M H, 15 M H,
16 M H, 17 M H, 18 M H, 19 M H, 21 M H, 22 M H, 23 M H, 24 M H, 25 - H, 26 - H, 27 - H, 28 - H, 29 - H, 30 - H, 31 - H,
32 - H, 33 - H, 34 M H, 35 M H, 36 M -, 37 - H, 38 - H, 39 M -`;

describe('the AVP table', () => {
  it('has the types and flags of RFC 2661 4.4, all of them', () => {
    const ours = Object.values(avpTable)
      .toSorted((a, b) => a.type - b.type)
      .map((row) => `${row.type} ${row.mandatory ? 'M' : '-'} ${row.hideable ? 'H' : '-'}`);
    expect(ours).toEqual(rfcAvps.trim().split(/,\s+/));
  });
  it('finds every AVP by its number, and none by the number of another vendor', () => {
    for (const [name, row] of Object.entries(avpRows)) {
      const content = name !== 'messageType' && name !== 'randomVector';
      expect(avpNameOf(0, row.type)).toBe(content ? name : undefined);
      expect(avpNameOf(9, row.type)).toBeUndefined();
    }
  });
});

describe('the message table', () => {
  it('has the codes of RFC 2661 3.2', () => {
    const codes = messageTypes.map((type) => [messageRows[type].code, type]);
    expect(codes).toEqual([
      [1, 'SCCRQ'],
      [2, 'SCCRP'],
      [3, 'SCCCN'],
      [4, 'StopCCN'],
      [6, 'HELLO'],
      [7, 'OCRQ'],
      [8, 'OCRP'],
      [9, 'OCCN'],
      [10, 'ICRQ'],
      [11, 'ICRP'],
      [12, 'ICCN'],
      [14, 'CDN'],
      [15, 'WEN'],
      [16, 'SLI'],
    ]);
    for (const type of messageTypes) expect(messageTypeOf(messageRows[type].code)).toBe(type);
  });
  it('ends tunnels for control connection messages and sessions for the others', () => {
    const tunnel = messageTypes.filter((type) => messageRows[type].scope === 'tunnel');
    expect(tunnel).toEqual(['SCCRQ', 'SCCRP', 'SCCCN', 'StopCCN', 'HELLO']);
  });
  it('names no AVP twice in a message', () => {
    for (const type of messageTypes) {
      const { required, expected, optional } = messageRows[type];
      const names = [...required, ...expected, ...optional];
      expect(new Set(names).size).toBe(names.length);
    }
  });
});

describe('the dialect', () => {
  it('keys sessions as the data plane does', () => {
    for (const [tunnelId, sessionId] of [
      [1, 1],
      [0xffff, 0xffff],
      [0x8000, 3],
    ]) {
      expect(dialectV2.sessionKey(tunnelId, sessionId)).toBe(sessionKeyV2(tunnelId, sessionId));
    }
  });
  it('acknowledges with an empty control message', () => {
    expect(Buffer.from(dialectV2.encodeAck(0x0102, 5, 6)).toString('hex')).toBe('c802000c0102000000050006');
  });
});
