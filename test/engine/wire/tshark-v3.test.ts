/** A second opinion on L2TPv3's messages and their digests: tshark must be installed. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { AvpValues } from '../../../src/engine/wire/avp.ts';
import { dialects } from '../../../src/engine/wire/dialect.ts';
import { type DigestType, digestKey, type Nonces, signMessage } from '../../../src/engine/wire/digest.ts';
import type { EncodeOptions, MessageType, OutgoingMessage } from '../../../src/engine/wire/message.ts';
import { messageTypesOf } from '../../../src/engine/wire/message-table.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';
import { captureOf } from '../../pcap.ts';
import { sampleOf } from './samples.ts';
import { count, countOf, dissect, missing, strangeAvp } from './tshark-text.ts';

const password = 'shared secret';
const key = digestKey(new Secret(password));
const hide = { secret: new Secret(password), randomVector: new Uint8Array(16).fill(0x77) };
const ours = Buffer.from('the nonce of the one');
const theirs = Buffer.from('of the other');
/** Of the side that asks, and of the one that answers: neither is a number that could be anything else. */
const askersId = 0x1111_2222;
const answerersId = 0x3333_4444;
const remoteSessionId = 0x5555_6666;

const linkTypeIpv4 = 228;

/** An IPv4 packet from the one that asks, or back. */
function packet(encapsulation: 'udp' | 'ip', isBack: boolean, message: Uint8Array): Uint8Array {
  const before = encapsulation === 'udp' ? Buffer.alloc(8) : Buffer.alloc(4);
  if (encapsulation === 'udp') {
    before.writeUInt16BE(1701, 0);
    before.writeUInt16BE(1701, 2);
    before.writeUInt16BE(8 + message.length, 4);
  }
  const ip = Buffer.alloc(20);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(20 + before.length + message.length, 2);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(encapsulation === 'udp' ? 17 : 115, 9);
  const [one, other] = [
    [192, 0, 2, 1],
    [192, 0, 2, 2],
  ];
  ip.set(isBack ? [...other, ...one] : [...one, ...other], 12);
  return Buffer.concat([ip, before, message]);
}

/** One message of a conversation. */
interface Line {
  message: OutgoingMessage;
  isBack: boolean;
}

const types = messageTypesOf(3);

/** A request, its answer, and then a message of each other type from the one that asked. */
const lines: readonly Line[] = types.map((type) => {
  const { avps, ...rest } = sampleOf(3, type);
  const isBack = type === 'SCCRP';
  const own: AvpValues =
    type === 'SCCRQ' || type === 'SCCRP'
      ? { assignedTunnelId: isBack ? answerersId : askersId, messageNonce: isBack ? theirs : ours }
      : {};
  return { message: { ...rest, avps: { ...avps, ...own } } as OutgoingMessage, isBack };
});

interface Manner {
  encapsulation: 'udp' | 'ip';
  digest?: DigestType;
  hides?: true;
  drafts?: true;
}

function told({ encapsulation, digest, hides, drafts }: Manner, lines: readonly Line[], damage = false): string[] {
  const { encodeMessage, encodeControl } = dialects[3];
  const packets = lines.map(({ message, isBack }, ns) => {
    // tshark follows a conversation by ids that it can read.
    const options: EncodeOptions = { drafts };
    if (digest) options.digests = { type: digest, count: 1 };
    if (hides && message.type !== 'SCCRP') options.hide = hide;
    const asks = message.type === 'SCCRQ';
    const body = encodeMessage(message, remoteSessionId, options);
    const datagram = encodeControl(asks ? 0 : isBack ? askersId : answerersId, 0, ns, 5, body);
    const empty = new Uint8Array(0);
    const nonces: Nonces = isBack ? { local: theirs, remote: ours } : { local: ours, remote: theirs };
    if (digest) signMessage(datagram, [key], asks ? { local: empty, remote: empty } : nonces);
    if (damage) datagram[datagram.length - 1] ^= 1;
    return packet(encapsulation, isBack, datagram);
  });
  const capture = captureOf(linkTypeIpv4, packets);
  return dissect(capture, '-o', `l2tp.shared_secret:${password}`);
}

const manners: readonly Manner[] = (['udp', 'ip'] as const).flatMap((encapsulation) => [
  { encapsulation },
  { encapsulation, digest: 'hmac-md5' as const },
  { encapsulation, digest: 'hmac-sha1' as const },
  { encapsulation, digest: 'hmac-md5' as const, hides: true as const },
]);

/** In every message about a session, then in those that set one up. */
const sessionLines = 'Remote Session ID: 1431660134';
const setupLines = `${sessionLines}
    Layer2 Specific Sublayer: Default L2-Specific Sublayer present (1)
    Data Sequencing: Only non-IP data packets require sequencing (1)`;
const circuitLines = `Tx Connect Speed v3: 0x00000000000f4240
    Rx Connect Speed v3: 0x00000000001e8480
    Assigned Cookie: c001020304050607
    Circuit Status: Up
    Circuit Type: New
    Frame-Relay Header Length AVP
    ATM Maximum Concatenated Cells AVP
    OAM Emulation Required AVP
    Interface Maximum Transmission Unit AVP`;
const connectionLines = `Router ID: 3221225985
    PW Type: Ethernet (5)
    PW Type: Ethernet VLAN (4)
    PW Type: PPP (7)
    PW Type: Unknown (4660)`;

/** What tshark must say about each sample in the clear: its type, then its values. */
const expected: Record<MessageType, string> = {
  SCCRQ: `Message Type: Start_Control_Request (1)
    ${connectionLines}
    Nonce: ${ours.toString('hex')}
    Preferred Language: de-DE
    Host Name: lac.example
    Assigned Control Connection ID: 286335522
    Receive Window Size: 10
    Tie Breaker: 0x0123456789abcdef
    Vendor Name: ProL2TP`,
  SCCRP: `Message Type: Start_Control_Reply (2)
    ${connectionLines}
    Nonce: ${theirs.toString('hex')}
    Preferred Language: de-DE
    Host Name: lns.example
    Assigned Control Connection ID: 858997828
    Vendor Name: ProL2TP
    Receive Window Size: 8`,
  SCCCN: 'Message Type: Start_Control_Connected (3)',
  StopCCN: `Message Type: Stop_Control_Notification (4)
    Result code: General error, Error Code indicates the problem (2)
    Error code: Insufficient resources to handle this operation now (4)
    Error Message: out of tunnels
    Assigned Control Connection ID: 2271560481`,
  HELLO: 'Message Type: Hello (6)',
  OCRQ: `Message Type: Outgoing_Call_Request (7)
    ${setupLines}
    ${circuitLines}
    Pseudowire Type: PPP (7)
    Remote End ID: line 7
    Tie Breaker: 0xfedcba9876543210
    Attachment Group Identifier AVP
    Local End Identifier AVP
    Local Session ID: 4275878552
    Call Serial Number: 1001
    Called Number: 5551212
    Proxy Authen Name: user@isp.example`,
  OCRP: `Message Type: Outgoing_Call_Reply (8)
    ${setupLines}
    ${circuitLines}
    Local Session ID: 4275878552
    Physical Channel: 33`,
  OCCN: `Message Type: Outgoing_Call_Connected (9)
    ${setupLines}
    Tx Connect Speed v3: 0x000000000000fa00
    Rx Connect Speed v3: 0x0000000000007d00
    Circuit Status: Up
    Circuit Type: Existing
    Local Session ID: 4275878552`,
  ICRQ: `Message Type: Incoming_Call_Request (10)
    ${setupLines}
    ${circuitLines}
    Pseudowire Type: Ethernet (5)
    Remote End ID: \\001\\002\\003\\004
    Tie Breaker: 0x0123456789abcdef
    Local Session ID: 4275878552
    Call Serial Number: 1002
    Physical Channel: 34
    Agent Circuit ID: dslam atm 3/0:100.33`,
  ICRP: `Message Type: Incoming_Call_Reply (11)
    ${setupLines}
    ${circuitLines}
    Local Session ID: 4275878552
    Physical Channel: 35`,
  ICCN: `Message Type: Incoming_Call_Connected (12)
    ${setupLines}
    Tx Connect Speed v3: 0x00000000000f4240
    Rx Connect Speed v3: 0x00000000001e8480
    Circuit Status: Down
    Circuit Type: Existing
    Local Session ID: 4275878552
    Proxy Authen Type: PPP CHAP (2)
    Private Group ID: 626c7565`,
  CDN: `Message Type: Call_Disconnect_Notification (14)
    ${sessionLines}
    Result code: Session disconnected for administrative reasons (3)
    Local Session ID: 4275878552
    Cause Code: 16
    Disconnect Code: 16`,
  WEN: `Message Type: WAN_Error_Notify (15)
    ${sessionLines}
    Local Session ID: 4275878552
    CRC Errors: 101
    Alignment Errors: 106`,
  SLI: `Message Type: Set_Link_Info (16)
    ${sessionLines}
    Local Session ID: 4275878552
    Circuit Status: Down
    Circuit Type: Existing
    ATM Maximum Concatenated Cells AVP
    OAM Emulation Required AVP
    ATM Alarm Status AVP`,
  ACK: 'Message Type: Explicit_Acknowledgement (20)',
  CSUN: `Message Type: Connect-Speed-Update-Notification (28)
    Remote Session ID: 23 (0x00000017)
    Current TX Connect Speed: 16000000`,
  CSURQ: `Message Type: Connect-Speed-Update-Request (29)
    Remote Session ID: 23 (0x00000017)`,
};

/** RFC 3301's, 3308's and 3437's AVPs, and a PW type that nobody has: tshark has no words for them. */
const unknown = ['40', '41', '42', '43', '44', '45', '47', '48', '49', '50', '51', '52'];
/** It knows these by name, but not what they say, and warns of that. */
const undecoded = /^ +(Vendor-Specific AVP data|\[Expert Info \(Warning\/Undecoded\): Vendor-Specific AVP data\])\n/gm;
const incorrect = /Incorrect Digest/;

function complaints(text: string): string[] {
  const known = text
    .replace(strangeAvp, '')
    .replace(undecoded, '')
    .replace('Line Type: Unknown (0x05000000)', '')
    .replaceAll('PW Type: Unknown (4660)', '');
  return known.match(/.*(malformed|expert info|unknown|incorrect).*/gi) ?? [];
}

for (const manner of manners) {
  const { encapsulation, digest, hides } = manner;
  describe(`over ${encapsulation}, ${digest ?? 'no digest'}, ${hides ? 'hidden' : 'in the clear'}`, () => {
    let texts: string[];
    beforeAll(() => {
      texts = told(manner, lines);
    }, 60_000);

    it('tshark sees every message, finds nothing wrong, and each digest correct', () => {
      expect(texts).toHaveLength(types.length);
      for (const text of texts) expect(complaints(text)).toEqual([]);
      for (const text of texts) expect(count(text, /Message Digest: /g)).toBe(digest ? 1 : 0);
    });

    if (digest) {
      it('tshark finds each digest incorrect when one bit of its message is another', () => {
        for (const text of told(manner, lines, true)) expect(text).toMatch(incorrect);
      });
    }

    it.each(types.map((type, index) => ({ type, index })))('tshark reads $type', ({ type, index }) => {
      const text = texts[index];
      const { avps } = lines[index].message;
      const isAboutSession = text.includes('Remote Session ID AVP') || (hides && type !== 'SCCRP');
      expect(text).toContain(`Ns: ${index}\n`);
      if (hides && type !== 'SCCRP') {
        const isHidden = count(text, /Hidden: True/g) > 0;
        expect(isHidden).toBe(!['SCCRQ', 'SCCCN', 'HELLO', 'ACK'].includes(type));
        expect(text.includes('Random Vector: 77777777777777777777777777777777')).toBe(isHidden);
        return;
      }
      const own = 1 + (digest ? 1 : 0) + (isAboutSession ? 1 : 0);
      expect(count(text, /Hidden: False/g)).toBe(countOf(avps) + own);
      for (const [, number] of text.matchAll(strangeAvp)) expect(unknown).toContain(number);
      expect(missing(text, expected[type])).toEqual([]);
    });
  });
}

describe('tshark', () => {
  const hello: Line = { message: { type: 'HELLO', avps: {} }, isBack: false };

  it('reads what a draft-era peer is told as the drafts have it', () => {
    const [request] = told({ encapsulation: 'udp', drafts: true }, lines.slice(0, 1));
    expect(complaints(request)).toEqual([]);
    expect(request).toMatch(/Vendor ID: ciscoSystems \(9\)/);
    expect(
      missing(request, 'Assigned Control Connection ID: 286335522\nAssigned Control Connection ID: 286335522'),
    ).toEqual([]);
    expect(count(request, /Type: Pseudowire Capabilities List \(2\)/g)).toBe(1);
  });

  it('takes a request that both versions can read for one of L2TPv2, with its digest', () => {
    const body = dialects[2].encodeMessage(sampleOf(2, 'SCCRQ'), 0, { digests: { type: 'hmac-md5', count: 1 } });
    const datagram = dialects[2].encodeControl(0, 0, 0, 0, body);
    signMessage(datagram, [key], { local: new Uint8Array(0), remote: new Uint8Array(0) });
    const [text] = dissect(captureOf(linkTypeIpv4, [packet('udp', false, datagram)]));
    expect(complaints(text)).toEqual([]);
    const offer = 'Version: 2\nMessage Digest AVP\nAssigned Control Connection ID: 305419896';
    expect(missing(text, offer)).toEqual([]);
  });

  it('reads an ACK with its digest, and an empty message', () => {
    const ack = dialects[3].encodeAck(answerersId, 3, 4, { type: 'hmac-sha1', count: 1 });
    signMessage(ack, [key], { local: ours, remote: theirs });
    const empty = dialects[3].encodeControl(answerersId, 0, 3, 4, new Uint8Array(0));
    const packets = [ack, empty].map((datagram) => packet('ip', false, datagram));
    const [first, second] = dissect(captureOf(linkTypeIpv4, packets));
    expect(missing(first, 'Ns: 3\nNr: 4\nMessage Type: Explicit_Acknowledgement (20)')).toEqual([]);
    expect(second).toContain('Zero Length Body message');
  });

  it('knows a message that begins no conversation', () => {
    expect(told({ encapsulation: 'ip' }, [hello])[0]).toContain('Message Type: Hello (6)');
  });
});
