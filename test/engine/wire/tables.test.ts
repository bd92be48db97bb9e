import { describe, expect, it } from 'vitest';
import { sessionKeyV2 } from '../../../src/engine/ports.ts';
import { type AvpName, avpNameOf, avpRows, avpTable } from '../../../src/engine/wire/avp.ts';
import { dialectV2 } from '../../../src/engine/wire/dialect.ts';
import { messageRows, messageTypeOf, messageTypes } from '../../../src/engine/wire/message-table.ts';

/** Read from the texts: type, M, may be hidden. */
const rfcAvps = {
  // RFC 2661 4.4
  0: `0 M -, 1 M -, 2 M -, 3 M H, 4 M H, 5 - -, 6 - H, 7 M -, 8 - H, 9 M H, 10 M -, 11 M H, 12 M -, 13 M H, 14 M H,
15 M H, 16 M H, 17 M H, 18 M H, 19 M H, 21 M H, 22 M H, 23 M H, 24 M H, 25 - H, 26 - H, 27 - H, 28 - H, 29 - H,
30 - H, 31 - H, 32 - H, 33 - H, 34 M H, 35 M H, 36 M -, 37 - H, 38 - H, 39 M -,
40 - H, 41 - H, 42 - H, 43 - H, 44 - H, 45 - H, 46 - H, 47 - H, 48 - H, 49 - H, 50 - H, 51 - H, 52 - H,
97 - H, 98 - H`,
  // RFC 5515 7.1
  3561: `1 - H, 2 - H, 129 - H, 130 - H, 131 - H, 132 - H, 133 - H, 134 - H, 135 - H, 136 - H, 137 - H, 138 - H,
139 - H, 140 - H, 141 - H, 142 - H, 144 - H, 145 - H, 254 - H`,
};

describe('the AVP table', () => {
  it.each(Object.entries(rfcAvps))('has the types and flags of vendor %s, all of them', (vendor, rows) => {
    const ours = Object.values(avpTable)
      .filter((row) => row.vendor === Number(vendor))
      .toSorted((a, b) => a.type - b.type)
      .map((row) => `${row.type} ${row.mandatory ? 'M' : '-'} ${row.hideable ? 'H' : '-'}`);
    expect(ours).toEqual(rows.trim().split(/,\s+/));
  });
  it('has no other vendors', () => {
    expect(new Set(Object.values(avpTable).map(({ vendor }) => vendor))).toEqual(new Set([0, 3561]));
  });
  it('finds every AVP by its number, and none by the number of another vendor', () => {
    for (const [name, row] of Object.entries(avpRows)) {
      const content = name !== 'messageType' && name !== 'randomVector';
      expect(avpNameOf(row.vendor, row.type)).toBe(content ? name : undefined);
      expect(avpNameOf(9, row.type)).toBeUndefined();
    }
  });
});

/** RFC 2661 6, read from the text: what MUST be there, then what MAY. The Message Type is everywhere. */
const rfc2661Messages: Record<string, [must: string, may: string]> = {
  SCCRQ: ['2 3 7 9', '4 5 6 8 10 11'],
  SCCRP: ['2 3 7 9', '4 6 8 10 11 13'],
  SCCCN: ['', '13'],
  StopCCN: ['1 9', ''],
  HELLO: ['', ''],
  ICRQ: ['14 15', '18 21 22 23 25'],
  ICRP: ['14', ''],
  ICCN: ['19 24', '26 27 28 29 30 31 32 33 37 38 39'],
  OCRQ: ['14 15 16 17 18 19 21', '23'],
  OCRP: ['14', '25'],
  OCCN: ['19 24', '38 39'],
  CDN: ['1 14', '12'],
  WEN: ['34', ''],
  SLI: ['35', ''],
};

/** The same for what later RFCs add; `v` stands before a Broadband Forum type. */
const addedLater: Record<string, [must: string, may: string]> = {
  SCCRQ: ['', '47'], // RFC 3308 3.1
  SCCRP: ['', '47'],
  // RFC 3301 5.1, RFC 3308 4 and 4.1, RFC 5515 5 and 6.2
  ICRQ: [
    '',
    '30 42 43 44 45 48 98 v1 v2 v129 v130 v131 v132 v133 v134 v135 v136 v137 v138 v139 v140 v141 v142 v144 v145 v254',
  ],
  ICRP: ['', '48'],
  ICCN: ['', '49 50'], // RFC 3437 2.1, 2.2
  OCRQ: ['', '30 40 41 42 43 48'],
  OCRP: ['', '45 48'],
  OCCN: ['', '49 50'],
  CDN: ['', '46'], // RFC 3145 2
  SLI: ['', '51 52'], // RFC 3437 2.3
  CSUN: ['97', ''], // RFC 5515 4.1, 4.2
  CSURQ: ['97', ''],
};

describe('the message table', () => {
  it('has the codes of RFC 2661 3.2 and RFC 5515 8.1', () => {
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
      [28, 'CSUN'],
      [29, 'CSURQ'],
    ]);
    for (const type of messageTypes) expect(messageTypeOf(messageRows[type].code)).toBe(type);
  });
  it('ends tunnels for control connection messages and sessions for the others', () => {
    const tunnel = messageTypes.filter((type) => messageRows[type].scope === 'tunnel');
    expect(tunnel).toEqual(['SCCRQ', 'SCCRP', 'SCCCN', 'StopCCN', 'HELLO']);
  });
  it.each(messageTypes)('has the AVPs of the RFCs in %s', (type) => {
    const { required, expected, optional } = messageRows[type];
    const numbers = (names: readonly AvpName[]) =>
      names.map((name) => `${avpRows[name].vendor === 0 ? '' : 'v'}${avpRows[name].type}`).toSorted();
    const told = (part: 0 | 1) =>
      `${rfc2661Messages[type]?.[part] ?? ''} ${addedLater[type]?.[part] ?? ''}`.split(' ').filter(Boolean).toSorted();
    expect(numbers([...required, ...expected])).toEqual(told(0));
    expect(numbers(optional)).toEqual(told(1));
  });
  it('lets only CSUN and CSURQ be ignored by who does not know them', () => {
    expect(messageTypes.filter((type) => messageRows[type].ignorable)).toEqual(['CSUN', 'CSURQ']);
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
