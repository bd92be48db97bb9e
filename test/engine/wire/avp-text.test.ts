import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AvpValues, avpNames } from '../../../src/engine/wire/avp.ts';
import { describeAvps, describeOthers } from '../../../src/engine/wire/avp-text.ts';
import { describeDisconnect } from '../../../src/engine/wire/disconnect-cause.ts';
import { messageTypes } from '../../../src/engine/wire/message.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { anyMessage } from './arbitrary.ts';
import { samples } from './samples.ts';

/** One of each, from the samples. */
const everything: AvpValues = Object.assign({}, ...messageTypes.map((type) => samples[type].avps), {
  remoteSessionId: 7,
});

function textOf(avps: AvpValues, of?: 'StopCCN' | 'CDN'): string | undefined {
  return describeAvps(avps, of)[0]?.text;
}

describe('the text of AVPs', () => {
  it('has a line for every AVP of the table, in its order', () => {
    const lines = describeAvps(everything);
    expect(lines.map(({ name }) => name)).toEqual(avpNames);
    for (const { label, text } of lines) {
      expect(label).not.toBe('');
      expect(text).not.toMatch(/undefined|\[object|NaN/);
      expect(text).not.toBe('');
    }
    expect(new Set(lines.map(({ label }) => label)).size).toBe(lines.length);
  });

  it('has nothing for what is not there', () => {
    expect(describeAvps({})).toEqual([]);
    expect(describeAvps({ hostName: undefined, callingNumber: '12' })).toEqual([
      { name: 'callingNumber', label: 'Calling Number', text: '12' },
    ]);
  });

  it('can be made of any message, and holds nothing that a terminal obeys', () => {
    fc.assert(
      fc.property(anyMessage, ({ message: { avps } }) => {
        for (const { text } of describeAvps(avps)) expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
    expect(textOf({ hostName: 'a\u001b[31m\u202eb\n' })).toBe('a\\u{1b}[31m\\u{202e}b\\u{a}');
  });

  it.each([
    [{ resultCode: { result: 3 } }, 'administrative reasons (result 3)'],
    [{ protocolVersion: { version: 1, revision: 0 } }, '1.0'],
    [{ framingCapabilities: ['sync', 'async'] }, 'sync, async'],
    [{ bearerType: [] }, 'none'],
    [{ tieBreaker: 255n }, '0x00000000000000ff'],
    [{ receiveWindowSize: 8 }, '8 messages'],
    [{ q931Cause: { cause: 17, msg: 0x45 } }, 'user busy, cause 17, message 0x45'],
    [{ q931Cause: { cause: 300, msg: 0, advisory: 'odd' } }, 'cause 300, message 0x00: odd'],
    [{ minimumBps: 9_600 }, '9.6 kbit/s'],
    [{ txConnectSpeedBps: 64_000 }, '64 kbit/s'],
    [{ rxConnectSpeedBps: 0 }, '0 bit/s'],
    [{ actualDataRateUpstreamBps: 1_234_567 }, '1234.567 kbit/s'],
    [{ actualDataRateDownstreamBps: 2_500_000_000 }, '2.5 Gbit/s'],
    [{ maximumDataRateUpstreamBps: 1_000_000_001 }, '1000000.001 kbit/s'],
    [{ maximumInterleavingDelayUpstreamMs: 8 }, '8 ms'],
    [{ sequencingRequired: true }, 'yes'],
    [{ initialReceivedLcpConfReq: Uint8Array.of(1, 4, 5, 0xd4) }, '010405d4'],
    [{ lastSentLcpConfReq: new Uint8Array(0) }, '(empty)'],
    [{ lastReceivedLcpConfReq: new Uint8Array(65).fill(0xab) }, `${'ab'.repeat(64)}... (65 octets)`],
    [{ proxyAuthenType: 3 }, 'PAP (3)'],
    [{ proxyAuthenType: 77 }, '77'],
    [{ accm: { send: 0xffffffff, receive: 0xa0000 } }, 'send 0xffffffff, receive 0x000a0000'],
    [{ serviceCategory: 'nonRealTime' }, 'non-real time'],
    [{ virtualChannel: { vpi: 8, vci: 35 } }, '8/35'],
    [{ controlConnectionDs: { dscp: 10, set: true } }, 'the set of DSCP 10'],
    [{ sessionDs: { phbId: 7 } }, 'PHB id 7'],
    [
      { accessLoopEncapsulation: { dataLink: 1, encapsulation1: 2, encapsulation2: 9 } },
      'data link Ethernet (1), encapsulation 1 single-tagged Ethernet (2), encapsulation 2 9',
    ],
    [{ accessLineType: 5 }, 'VDSL2 (5)'],
    [{ iwfSession: false }, 'not performed'],
    [
      { connectSpeedUpdates: [{ remoteSessionId: 5, txConnectSpeedBps: 1_000, rxConnectSpeedBps: 1 }] },
      'session 5: tx 1 kbit/s, rx 1 bit/s',
    ],
    [
      {
        pppDisconnectCauses: [
          { code: 16, protocol: 0xc223, direction: 1, message: 'no\n' },
          { code: 18, protocol: 0, direction: 0 },
        ],
      },
      'authentication failed, of the peer at the sender: no\\u{a} (code 16, CHAP); no NCP was opened (code 18)',
    ],
    [{ routerId: 0xc0000201 }, '0xc0000201'],
    [{ pseudowireCapabilities: ['ethernet', 'atmCellVcc', 99] }, 'Ethernet, ATM cells of a VCC, type 99'],
    [{ pseudowireType: 'vlan' }, 'Ethernet VLAN'],
    [{ pseudowireType: 0x8001 }, 'type 32769'],
    [{ remoteEndId: 'port 7\u202e' }, 'port 7\\u{202e}'],
    [{ l2SpecificSublayer: 'default' }, 'default'],
    [{ l2SpecificSublayer: 9 }, '9'],
    [{ dataSequencing: 'nonIp' }, 'all but IP'],
    [{ circuitStatus: { active: true, isNew: true } }, 'active, new'],
    [
      { circuitStatus: { active: false, isNew: false, circuitRxFault: true, standby: true } },
      'not active, the circuit cannot receive, standby',
    ],
    [{ frameRelayHeaderOctets: 2 }, '2 octets'],
    [{ atmAlarmStatus: { reason: 3, alarm: 2 } }, 'F1 alarm (3), alarm indication signal (2)'],
    [{ atmAlarmStatus: { reason: 0, alarm: 99 } }, '0, 99'],
  ] as [AvpValues, string][])('of %o is right', (avps, text) => {
    expect(textOf(avps)).toBe(text);
  });

  it('knows which message a Result Code is from', () => {
    expect(textOf({ resultCode: { result: 6 } }, 'StopCCN')).toBe('the requester is being shut down (result 6)');
    expect(textOf({ resultCode: { result: 6 } })).toBe('invalid destination (result 6)');
    expect(textOf({ resultCode: { result: 14 } })).toBe('the pseudowire type is not supported (result 14)');
    expect(textOf({ resultCode: { result: 2, error: 9 } })).toBe('try another, directed (result 2 error 9)');
  });
});

describe('secrets', () => {
  it('are told by their length only', () => {
    expect(textOf({ challenge: new Uint8Array(8) })).toBe('(8 octets, not shown)');
    expect(textOf({ proxyAuthenResponse: new Secret('x') })).toBe('(1 octet, not shown)');
  });

  it('never show, whatever they are', () => {
    const word = 'correct horse battery staple';
    const octets = Buffer.from(word);
    const all: AvpValues = {
      challenge: octets,
      challengeResponse: octets,
      messageNonce: octets,
      assignedCookie: octets,
      proxyAuthenChallenge: octets,
      proxyAuthenResponse: new Secret(word),
    };
    const shown = JSON.stringify([
      describeAvps(all),
      describeOthers([{ vendor: 9, type: 1, value: octets, hidden: true }]),
    ]);
    expect(shown.match(/28 octets, not shown/g)).toHaveLength(7);
    expect(shown).not.toContain('horse');
    expect(shown).not.toContain(octets.toString('hex').slice(0, 8));
  });
});

describe('AVPs of vendors', () => {
  it('are shown as octets, up to a length', () => {
    expect(
      describeOthers([
        { vendor: 9, type: 300, value: Uint8Array.of(1, 2) },
        { vendor: 0, type: 200, value: new Uint8Array(100) },
      ]),
    ).toEqual([
      { name: '9/300', label: 'Vendor 9 Type 300', text: '0102' },
      { name: '0/200', label: 'Vendor 0 Type 200', text: `${'00'.repeat(64)}... (100 octets)` },
    ]);
  });
});

describe('disconnect causes (RFC 3145 3)', () => {
  it.each([
    [0, 'no information'],
    [6, 'no recognizable LCP packets'],
    [13, 'authentication timed out'],
    [20, 'no address is permitted'],
  ])('%i is the one of the RFC', (code, words) => {
    expect(describeDisconnect({ code, protocol: 0, direction: 0 })).toBe(`${words} (code ${code})`);
  });

  it('are 21', () => {
    const unknown = Array.from({ length: 40 }, (_, code) => describeDisconnect({ code, protocol: 0, direction: 0 }));
    expect(unknown.findIndex((text) => text.startsWith('unknown cause'))).toBe(21);
  });

  it.each([3, 4, 12, 15, 16, 19, 20])('%i says more with a direction', (code) => {
    const texts = [0, 1, 2, 3].map((direction) => describeDisconnect({ code, protocol: 0, direction }));
    expect(new Set(texts).size).toBe(3);
    expect(texts[3]).toBe(texts[0]);
  });

  it('of others are numbers', () => {
    expect(describeDisconnect({ code: 65_000, protocol: 0x8029, direction: 1 })).toBe(
      'unknown cause (code 65000, protocol 0x8029)',
    );
  });
});
