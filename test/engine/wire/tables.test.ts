import { describe, expect, it } from 'vitest';
import { sessionKeyV2, sessionKeyV3 } from '../../../src/engine/ports.ts';
import { type AvpName, avpIn, avpNames, avpTable } from '../../../src/engine/wire/avp.ts';
import { dialects } from '../../../src/engine/wire/dialect.ts';
import { decodeHeader, newHeader } from '../../../src/engine/wire/header.ts';
import {
  avpsIn,
  type MessageType,
  messageRows,
  messageTypes,
  messageTypesOf,
} from '../../../src/engine/wire/message-table.ts';
import { vocabularies } from '../../../src/engine/wire/vocabulary.ts';

/** Read from the texts: type, M, may be hidden. 0, 36, 58 and 59 are about the encoding. */
const rfcAvps: Record<2 | 3, Record<string, string>> = {
  2: {
    // RFC 2661 4.4; 60 to 62, 72 and 73 are RFC 3931 4.7.3's.
    0: `1 M -, 2 M -, 3 M H, 4 M H, 5 - -, 6 - H, 7 M -, 8 - H, 9 M H, 10 M -, 11 M H, 12 M -, 13 M H, 14 M H,
15 M H, 16 M H, 17 M H, 18 M H, 19 M H, 21 M H, 22 M H, 23 M H, 24 M H, 25 - H, 26 - H, 27 - H, 28 - H, 29 - H,
30 - H, 31 - H, 32 - H, 33 - H, 34 M H, 35 M H, 37 - H, 38 - H, 39 M -,
40 - H, 41 - H, 42 - H, 43 - H, 44 - H, 45 - H, 46 - H, 47 - H, 48 - H, 49 - H, 50 - H, 51 - H, 52 - H,
60 - -, 61 - H, 62 - H, 72 - H, 73 - -, 97 - H, 98 - H`,
    // RFC 5515 7.1
    3561: `1 - H, 2 - H, 129 - H, 130 - H, 131 - H, 132 - H, 133 - H, 134 - H, 135 - H, 136 - H, 137 - H, 138 - H,
139 - H, 140 - H, 141 - H, 142 - H, 144 - H, 145 - H, 254 - H`,
  },
  3: {
    // RFC 3931 5.4; 85 RFC 4591 3.5, 86 to 88 RFC 4454, 89 to 91 RFC 4667 4.3. What L2TPv2 has beside, for calls with PPP,
    // is there without the M bit.
    0: `1 M -, 5 M -, 7 M -, 8 - H, 10 M -, 12 - -, 15 - H, 16 - H, 17 - H, 18 - H, 19 - H, 21 - H, 22 - H, 23 - H,
25 - H, 26 - H, 27 - H, 28 - H, 29 - H, 30 - H, 31 - H, 32 - H, 33 - H, 34 - H, 37 - H,
40 - H, 41 - H, 42 - H, 43 - H, 44 - H, 45 - H, 46 - H, 47 - H, 48 - H, 49 - H, 50 - H, 51 - H, 52 - H,
60 M -, 61 M H, 62 M H, 63 M H, 64 M H, 65 M H, 66 M H, 68 M H, 69 M H, 70 M H, 71 M H, 72 - H, 73 M -, 74 - H, 75 - H,
85 - H, 86 - H, 87 - H, 88 - H, 89 - H, 90 - H, 91 - H, 97 - H, 98 - H`,
    3561: `1 - H, 2 - H, 129 - H, 130 - H, 131 - H, 132 - H, 133 - H, 134 - H, 135 - H, 136 - H, 137 - H, 138 - H,
139 - H, 140 - H, 141 - H, 142 - H, 144 - H, 145 - H, 254 - H`,
  },
};

const versions = [2, 3] as const;

describe.each(versions)('the AVPs of L2TPv%i', (version) => {
  const known = avpNames.flatMap((name) => avpIn(version, name) ?? []);

  it.each(Object.entries(rfcAvps[version]))('have the types and flags of vendor %s, all of them', (vendor, rows) => {
    const ours = known
      .filter((row) => row.vendor === Number(vendor))
      .toSorted((a, b) => a.type - b.type)
      .map((row) => `${row.type} ${row.mandatory ? 'M' : '-'} ${row.hideable ? 'H' : '-'}`);
    expect(ours).toEqual(rows.trim().split(/,\s+/));
  });
  it('are of no other vendors', () => {
    expect(new Set(known.map(({ vendor }) => vendor))).toEqual(new Set([0, 3561]));
  });
  it('are found by their numbers, and none by the number of another vendor', () => {
    const { names } = vocabularies[version];
    expect(names.size).toBe(known.length);
    for (const name of avpNames) {
      const row = avpIn(version, name);
      if (!row) continue;
      expect(names.get(row.vendor * 0x1_0000 + row.type)).toBe(name);
      expect(names.get(311 * 0x1_0000 + row.type)).toBeUndefined();
    }
  });
});

describe("the AVPs of L2TPv3's drafts", () => {
  it('are those that Cisco had in their place', () => {
    const drafts = [...vocabularies[3].draftNames].map(([number, name]) => `${number - 9 * 0x1_0000} ${name}`);
    expect(drafts.toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))).toEqual([
      '1 assignedTunnelId',
      '2 pseudowireCapabilities',
      '3 assignedSessionId',
      '4 remoteSessionId',
      '5 assignedCookie',
      '6 remoteEndId',
      '7 pseudowireType',
      '8 circuitStatus',
      '9 tieBreaker',
      '13 messageNonce',
      '14 interfaceMtu',
    ]);
    expect(vocabularies[2].draftNames.size).toBe(0);
  });
});

describe("L2TPv2's own AVPs", () => {
  it('are known to L2TPv3, which passes over them (RFC 3931 4.7.3)', () => {
    expect([...vocabularies[3].foreign].toSorted((a, b) => a - b)).toEqual([2, 3, 4, 6, 9, 11, 13, 14, 24, 35, 38, 39]);
    expect(vocabularies[2].foreign.size).toBe(0);
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

/** RFC 3931 6, but for Message Digest and Random Vector. */
const rfc3931Messages: Record<string, [must: string, may: string]> = {
  SCCRQ: ['7 60 61 62', '5 8 10 72 73'],
  SCCRP: ['7 60 61 62', '8 10 72 73'],
  SCCCN: ['', ''],
  StopCCN: ['1 61', ''],
  HELLO: ['', ''],
  ICRQ: ['63 64 15 68 66 71', '65 5 69 70 74 75 25'],
  ICRP: ['63 64 71', '65 69 70 74 75 25'],
  ICCN: ['63 64', '69 70 74 75 71'],
  OCRQ: ['63 64 15 68 66 71', '65 5 69 70 74 75'],
  OCRP: ['63 64 71', '65 69 70 74 75 25'],
  OCCN: ['63 64', '69 70 74 75 71'],
  CDN: ['1 63 64', ''],
  WEN: ['63 64 34', ''],
  SLI: ['63 64', '71'],
  ACK: ['', ''],
};

const line = 'v1 v2 v129 v130 v131 v132 v133 v134 v135 v136 v137 v138 v139 v140 v141 v142 v144 v145 v254';
const proxy = '26 27 28 29 30 31 32 33 37';

/** What others add to that: 85 RFC 4591 3.5, 86 to 88 RFC 4454 6 to 8, 89 to 91 RFC 4667 4.3, and L2TPv2's of PPP. */
const addedToV3: Record<string, [must: string, may: string]> = {
  SCCRQ: ['', '47'],
  SCCRP: ['', '47'],
  ICRQ: ['', `85 86 87 89 90 91 18 21 22 23 30 42 43 44 45 48 98 ${line}`],
  ICRP: ['', '85 86 87 91 48'],
  ICCN: ['', `19 49 50 ${proxy}`],
  OCRQ: ['', '85 86 87 89 90 91 16 17 18 19 21 23 30 40 41 42 43 48'],
  OCRP: ['', '85 86 87 91 45 48'],
  OCCN: ['', '19 49 50'],
  CDN: ['', '12 46'],
  SLI: ['', '86 87 88 51 52'],
  CSUN: ['97', ''],
  CSURQ: ['97', ''],
};

/** What L2TPv2 adds later; `v` stands before a Broadband Forum type. */
const addedLater: Record<string, [must: string, may: string]> = {
  SCCRQ: ['', '47 60 61 62 72 73'], // RFC 3308 3.1, RFC 3931 4.7.3
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

const told = { 2: [rfc2661Messages, addedLater], 3: [rfc3931Messages, addedToV3] } as const;

function numbersOf(version: 2 | 3, names: readonly AvpName[]): string[] {
  return names
    .map((name) => avpIn(version, name))
    .map((row) => `${row?.vendor === 0 ? '' : 'v'}${row?.type}`)
    .toSorted();
}

describe.each(versions)('the messages of L2TPv%i', (version) => {
  const types = messageTypesOf(version);

  it.each(types)('%s has the AVPs of the RFCs', (type) => {
    const { required = [], expected = [], optional = [] } = messageRows[type][version] ?? {};
    const rows = (part: 0 | 1) =>
      told[version]
        .map((table) => table[type]?.[part] ?? '')
        .join(' ')
        .split(' ')
        .filter(Boolean)
        .toSorted();
    // The encoder writes the peer's session id: nobody gives it.
    const isAlways = (name: AvpName) => name === 'remoteSessionId';
    expect(numbersOf(version, [...required, ...expected, ...optional.filter(isAlways)])).toEqual(rows(0));
    const may = optional.filter((name) => !isAlways(name));
    expect(numbersOf(version, may)).toEqual(rows(1));
  });
  it('name no AVP twice', () => {
    for (const type of types) {
      const { required = [], expected = [], optional = [] } = messageRows[type][version] ?? {};
      const names = [...required, ...expected, ...optional];
      expect(new Set(names).size).toBe(names.length);
    }
  });
  it('are found by their codes', () => {
    const { formsByCode } = vocabularies[version];
    for (const type of types) expect(formsByCode.get(messageRows[type].code)?.type).toBe(type);
    expect(formsByCode.size).toBe(types.length);
  });
});

describe('the message table', () => {
  it('has the codes of RFC 2661 3.2, RFC 3931 3.1 and RFC 5515 8.1', () => {
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
      [20, 'ACK'],
      [28, 'CSUN'],
      [29, 'CSURQ'],
    ]);
  });
  it('has an ACK in L2TPv3 only', () => {
    expect(messageTypesOf(2)).toEqual(messageTypes.filter((type) => type !== 'ACK'));
    expect(messageTypesOf(3)).toEqual(messageTypes);
  });
  it('ends tunnels for control connection messages and sessions for the others', () => {
    const tunnel = messageTypes.filter((type) => messageRows[type].scope === 'tunnel');
    expect(tunnel).toEqual(['SCCRQ', 'SCCRP', 'SCCCN', 'StopCCN', 'HELLO', 'ACK']);
  });
  it('lets only CSUN and CSURQ be ignored by who does not know them', () => {
    expect(messageTypes.filter((type) => messageRows[type].ignorable)).toEqual(['CSUN', 'CSURQ']);
  });
  it('tells what is given of a message whatever the version', () => {
    const { needed, all } = avpsIn('ICRP' satisfies MessageType);
    expect([...needed]).toEqual(['assignedSessionId', 'circuitStatus']);
    expect(all.has('sessionDs') && all.has('assignedCookie') && !all.has('hostName')).toBe(true);
  });
  it('names each AVP of the table somewhere', () => {
    const named = new Set(messageTypes.flatMap((type) => [...avpsIn(type).all]));
    expect(named).toEqual(new Set(Object.keys(avpTable)));
  });
});

describe('the dialects', () => {
  it('key sessions as the data plane does', () => {
    for (const [tunnelId, sessionId] of [
      [1, 1],
      [0xffff, 0xffff],
      [0x8000, 3],
    ]) {
      expect(dialects[2].sessionKey(tunnelId, sessionId)).toBe(sessionKeyV2(tunnelId, sessionId));
      expect(dialects[3].sessionKey(tunnelId, sessionId)).toBe(sessionKeyV3(sessionId));
    }
  });
  it('choose ids that are never those of the other', () => {
    expect(dialects[2].ids.max).toBeLessThan(dialects[3].ids.min);
  });
  it('acknowledge with an empty message, or with an ACK (RFC 3931 6.15)', () => {
    const acks = versions.map((version) => Buffer.from(dialects[version].encodeAck(0x0102, 5, 6)).toString('hex'));
    expect(acks).toEqual(['c802000c0102000000050006', 'c803001400000102000500068008000000000014']);
  });
  it('know what only acknowledges', () => {
    const header = newHeader();
    const bodies = { empty: [], ack: [0x80, 8, 0, 0, 0, 0, 0, 20], hello: [0x80, 8, 0, 0, 0, 0, 0, 6] };
    const isAck = (version: 2 | 3, body: number[]) => {
      const bytes = dialects[version].encodeControl(1, 0, 0, 0, Uint8Array.from(body));
      decodeHeader(bytes, 0, bytes.length, header);
      return dialects[version].isAck(bytes, header);
    };
    expect(versions.map((version) => Object.values(bodies).map((body) => isAck(version, body)))).toEqual([
      [true, false, false],
      [true, true, false],
    ]);
  });
  it('find the session of a message where it stands', () => {
    expect(versions.map((version) => dialects[version].sessionIdOf(5, { remoteSessionId: 7 }))).toEqual([5, 7]);
    expect(dialects[3].sessionIdOf(5, {})).toBe(0);
  });
});
