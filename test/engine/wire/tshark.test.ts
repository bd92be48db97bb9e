/** A second opinion on our octets: tshark must be installed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { dialectV2 } from '../../../src/engine/wire/dialect.ts';
import { encodeMessage, messageTypes } from '../../../src/engine/wire/message.ts';
import { messageRows } from '../../../src/engine/wire/message-table.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { pcapOf } from '../../pcap.ts';
import { samples } from './samples.ts';

const hide = { secret: new Secret('secret'), randomVector: new Uint8Array(16).fill(0x77) };

const others = [
  { vendor: 9, type: 7, value: Uint8Array.of(0, 1, 2), mandatory: true },
  { vendor: 311, type: 14, value: Uint8Array.of(0, 66) },
];
const nsap = 'nsap:45004930123f0000000000000000000000000000';

/** What tshark must say about each sample in the clear: its type, then its values. */
const expected: Record<keyof typeof samples, string> = {
  SCCRQ: `Message Type: Start_Control_Request (1)
    Version: 1
    Revision: 0
    Host Name: lac.example
    Async Framing Supported: True
    Sync Framing Supported: True
    Assigned Tunnel ID: 4711
    Analog Access Supported: False
    Digital Access Supported: True
    Receive Window Size: 10
    CHAP Challenge: 000102030405060708090a0b0c0d0e0f
    Tie Breaker: 0x0123456789abcdef
    Firmware Revision: 256 (0x0100)
    Vendor Name: ProL2TP`,
  SCCRP: `Message Type: Start_Control_Reply (2)
    Version: 1
    Revision: 0
    Async Framing Supported: False
    Sync Framing Supported: True
    Host Name: lns.example
    Assigned Tunnel ID: 815
    Analog Access Supported: True
    Digital Access Supported: False
    Firmware Revision: 256 (0x0100)
    Vendor Name: ProL2TP
    Receive Window Size: 8
    CHAP Challenge: 070707
    CHAP Challenge Response: 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a`,
  SCCCN: `Message Type: Start_Control_Connected (3)
    CHAP Challenge Response: a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5`,
  StopCCN: `Message Type: Stop_Control_Notification (4)
    Result code: General error, Error Code indicates the problem (2)
    Error code: Insufficient resources to handle this operation now (4)
    Error Message: out of tunnels
    Assigned Tunnel ID: 4711`,
  HELLO: 'Message Type: Hello (6)',
  OCRQ: `Message Type: Outgoing_Call_Request (7)
    Assigned Session ID: 21
    Call Serial Number: 1001
    Minimum BPS: 9600
    Maximum BPS: 64000
    Analog Bearer Type: True
    Digital Bearer Type: True
    Async Framing Type: True
    Sync Framing Type: False
    Called Number: 5551212
    Sub-Address: 9
    Proxy Authen Name: user@isp.example`,
  OCRP: `Message Type: Outgoing_Call_Reply (8)
    Assigned Session ID: 22
    Physical Channel: 33`,
  OCCN: `Message Type: Outgoing_Call_Connected (9)
    Connect Speed: 64000
    Async Framing Type: False
    Sync Framing Type: True
    Rx Connect Speed: 32000
    Sequencing Required AVP`,
  ICRQ: `Message Type: Incoming_Call_Request (10)
    Assigned Session ID: 23
    Call Serial Number: 1002
    Analog Bearer Type: False
    Digital Bearer Type: False
    Physical Channel: 34
    Calling Number: 4930123
    Called Number: 4989456
    Sub-Address: 12
    Proxy Authen Name: user@isp.example
    Connect Speed Update Enable AVP
    Agent Circuit ID: dslam atm 3/0:100.33
    Agent Remote ID: line-4711
    Actual Data Rate Upstream: 1000001
    Actual Data Rate Downstream: 10000002
    Minimum Data Rate Upstream: 1003
    Minimum Data Rate Downstream: 1004
    Attainable Data Rate Upstream: 2000005
    Attainable Data Rate Downstream: 10000000006
    Maximum Data Rate Upstream: 2000007
    Maximum Data Rate Downstream: 20000008
    Minimum Data Rate Upstream Low-Power: 109
    Minimum Data Rate Downstream Low-Power: 110
    Maximum Interleaving Delay Upstream: 11
    Actual Interleaving Delay Upstream: 12
    Maximum Interleaving Delay Downstream: 13
    Actual Interleaving Delay Downstream: 14
    Data Link: Ethernet (0x01)
    Encaps 1: Single-Tagged Ethernet (0x02)
    Encaps 2: NA - Not Available (0x00)
    ANCP Access Line Type: Unknown (0x05000000)
    IWF Session: IWF performed (0x00000001)`,
  ICRP: `Message Type: Incoming_Call_Reply (11)
    Assigned Session ID: 24`,
  ICCN: `Message Type: Incoming_Call_Connected (12)
    Connect Speed: 1000000
    Async Framing Type: False
    Sync Framing Type: True
    Maximum Receive Unit: 1492
    Magic Number: 0x01020304
    Authentication Protocol: Password Authentication Protocol (0xc023)
    Maximum Receive Unit: 1492
    Proxy Authen Type: PPP CHAP (2)
    Proxy Authen Name: user@isp.example
    Proxy Authen Challenge: 0102030405060708
    Proxy Authen ID: 9
    Proxy Authen Response: 33333333333333333333333333333333
    Private Group ID: 626c7565
    Rx Connect Speed: 2000000
    Sequencing Required AVP`,
  CDN: `Message Type: Call_Disconnect_Notification (14)
    Result code: Session disconnected for administrative reasons (3)
    Error code: No General Error (0)
    Error Message: closed by the operator
    Assigned Session ID: 23
    Cause Code: 16
    Cause Msg: 69
    Advisory Msg: normal
    Disconnect Code: 16
    Control Protocol Number: 49699
    Direction: at peer (1)
    Message: wrong password
    Disconnect Code: 18
    Control Protocol Number: 32801
    Direction: global error (0)`,
  WEN: `Message Type: WAN_Error_Notify (15)
    CRC Errors: 101
    Framing Errors: 102
    Hardware Overruns: 103
    Buffer Overruns: 104
    Time-out Errors: 105
    Alignment Errors: 106`,
  SLI: `Message Type: Set_Link_Info (16)
    Send ACCM: 4294967295
    Receive ACCM: 655360`,
  CSUN: `Message Type: Connect-Speed-Update-Notification (28)
    Remote Session ID: 23 (0x0017)
    Current TX Connect Speed: 16000000
    Current RX Connect Speed: 1000000
    Remote Session ID: 24 (0x0018)
    Current TX Connect Speed: 8000000
    Current RX Connect Speed: 500000`,
  CSURQ: `Message Type: Connect-Speed-Update-Request (29)
    Remote Session ID: 23 (0x0017)
    Current TX Connect Speed: 0
    Current RX Connect Speed: 0`,
};

/** AVPs of RFC 3301, 3308 and 3437 that tshark has no words for: it tells their numbers, and where the next one begins. */
const strange: Partial<Record<keyof typeof samples, string[]>> = {
  SCCRQ: ['47'],
  SCCRP: ['47'],
  OCRQ: ['40', '41', '42', '43', '48'],
  OCRP: ['45', '48'],
  OCCN: ['49', '50'],
  ICRQ: ['42', '43', '44', '45', '48'],
  ICRP: ['48'],
  ICCN: ['49', '50'],
  SLI: ['51', '52'],
};

/** Datagrams as tshark tells them, one text each. */
function dissect(datagrams: readonly Uint8Array[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'wire-'));
  try {
    const file = join(directory, 'messages.pcap');
    writeFileSync(file, pcapOf(datagrams));
    const report = execFileSync('tshark', ['-r', file, '-O', 'l2tp'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return report.split(/^Layer 2 Tunneling Protocol$/m).slice(1);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function datagram(ns: number, body: Uint8Array): Uint8Array {
  return dialectV2.encodeControl(4711, 23, ns, 5, body);
}

/** How many AVPs its sample has, besides the Message Type. */
function avpsOf(type: keyof typeof samples): number {
  return Object.values(samples[type].avps).reduce((sum, value) => {
    const isList = Array.isArray(value) && typeof value[0] === 'object';
    return sum + (isList ? value.length : 1);
  }, 0);
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}

/** The lines with these values, in the order of the message. */
function inOrder(text: string, values: string): boolean {
  const lines = text.split('\n').map((line) => line.replace(/^[ .01]* = /, '').trim());
  let from = 0;
  return values.split('\n').every((value) => {
    const at = lines.indexOf(value.trim(), from);
    from = at + 1;
    return at >= 0;
  });
}

/** What it says of an AVP that it does not know. */
const strangeAvp = /^ {4}Unknown \((\d+)\) AVP\n(?: {8}.*\n)*/gm;

let clear: string[];
let hidden: string[];
let ack: string;
let vendors: string;
let atm: string;

beforeAll(() => {
  const bodies = messageTypes.map((type) => encodeMessage(samples[type]));
  const hiddenBodies = messageTypes.map((type) => encodeMessage(samples[type], { hide }));
  const told = dissect([
    ...[...bodies, ...hiddenBodies].map((body, ns) => datagram(ns, body)),
    dialectV2.encodeAck(7, 8, 9),
    datagram(0, encodeMessage({ type: 'HELLO', avps: {}, others })),
    datagram(0, encodeMessage({ type: 'ICRQ', avps: { ...samples.ICRQ.avps, calledNumber: nsap } })),
  ]);
  clear = told.slice(0, bodies.length);
  hidden = told.slice(bodies.length, 2 * bodies.length);
  [ack, vendors, atm] = told.slice(2 * bodies.length);
}, 60_000);

describe('tshark', () => {
  it('sees a datagram for every message, and finds nothing wrong', () => {
    expect([clear.length, hidden.length]).toEqual([messageTypes.length, messageTypes.length]);
    for (const text of [...clear, ...hidden, ack]) {
      // It takes the line's type for a number of 32 bits, where RFC 5515 5.18 has one octet and three reserved ones.
      const known = text.replace(strangeAvp, '').replace('Line Type: Unknown (0x05000000)', '');
      expect(known).not.toMatch(/malformed|expert info|unknown/i);
    }
  });

  for (const [index, type] of messageTypes.entries()) {
    const { required, expected: wanted, optional } = messageRows[type];
    const names = [...required, ...wanted, ...optional];

    it(`reads ${type} with all its AVPs and the values that we meant`, () => {
      expect(Object.keys(samples[type].avps).toSorted()).toEqual(names.toSorted());
      expect(clear[index]).toContain(`Tunnel ID: 4711\n    Session ID: 23\n    Ns: ${index}\n    Nr: 5\n`);
      expect(count(clear[index], /Hidden: False/g)).toBe(avpsOf(type) + 1);
      expect([...clear[index].matchAll(strangeAvp)].map(([, number]) => number)).toEqual(strange[type] ?? []);
      expect(inOrder(clear[index], expected[type])).toBe(true);
    });

    it(`reads ${type} with its hidden AVPs`, () => {
      const total = count(hidden[index], /Hidden: (True|False)/g);
      const secrets = count(hidden[index], /Hidden: True/g);
      expect(total).toBe(avpsOf(type) + 1 + (secrets > 0 ? 1 : 0));
      expect(secrets > 0).toBe(!['SCCRQ', 'HELLO'].includes(type));
      expect(hidden[index].includes('Random Vector: 77777777777777777777777777777777')).toBe(secrets > 0);
    });
  }

  it('sees AVPs of vendors as theirs, whatever their numbers', () => {
    expect(vendors).toMatch(/Vendor ciscoSystems \(9\).*AVP/);
    expect(vendors).toMatch(/Vendor Microsoft \(311\).*AVP/);
    expect(count(vendors, /Mandatory: True/g)).toBe(2);
    expect(vendors).not.toMatch(/malformed|Host Name:|Assigned Session ID:/i);
  });

  it('finds its way through a number that is an NSAP address', () => {
    expect(atm).toMatch(/Mandatory: False\n.*\n.*Length: 26\n.*\n.*AVP Type: Called Number \(21\)/);
    expect(atm).not.toMatch(/malformed/i);
    expect(atm).toContain('IWF Session: IWF performed');
  });

  it('reads our acknowledgement as a ZLB', () => {
    expect(ack).toContain('Zero Length Body message');
  });
});
