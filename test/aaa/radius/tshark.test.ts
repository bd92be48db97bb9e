/** A second opinion on our dictionary and our octets: tshark must be installed. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import '../../netns/patience.ts';
import {
  type AttributeName,
  type Attributes,
  attributeNames,
  attributeRows,
  framedProtocols,
  nasPortTypes,
  serviceTypes,
  tunnelMediumTypes,
  tunnelTypes,
} from '../../../src/aaa/radius/dictionary.ts';
import { encodeRequest } from '../../../src/aaa/radius/encoding.ts';
import * as values from '../../../src/aaa/radius/values.ts';
import { Secret } from '../../../src/engine/spec.ts';
import { pcapOf } from '../../pcap.ts';

const secret = 'xyzzy5461';

/** A value of each kind, and how tshark writes it. */
const samples = new Map<values.Kind<unknown>, { value: unknown; text: string }>([
  [values.text, { value: 'some text', text: 'some text' }],
  [values.octets, { value: Uint8Array.of(1, 2, 0xfe), text: '0102fe' }],
  [values.u32, { value: 0x0a000102, text: '167772418' }],
  [values.u24, { value: 3, text: '3' }],
  [values.u64, { value: 0x0123456789abcdefn, text: '0123456789abcdef' }],
  [values.ipv6, { value: (0x20010db8n << 96n) | 1n, text: '2001:db8::1' }],
  [values.ipv6Prefix, { value: { address: 0x20010db8n << 96n, length: 56 }, text: '2001:db8::/56' }],
  [values.secret, { value: new Secret('arctangent'), text: 'Decrypted: arctangent' }],
]);

const address = { value: 0x0a000102, text: '10.0.1.2' };

/** Of attributes whose values mean something else than their kind's. */
const ownSamples: Partial<Record<AttributeName, { value: unknown; text: string }>> = {
  chapPassword: { value: new Uint8Array(17).fill(7), text: '07'.repeat(17) },
  nasIpAddress: address,
  framedIpAddress: address,
  framedIpNetmask: address,
  msPrimaryDnsServer: address,
  msSecondaryDnsServer: address,
  serviceType: { value: serviceTypes.callCheck, text: 'Call-Check(10)' },
  framedProtocol: { value: framedProtocols.ppp, text: 'PPP(1)' },
  terminationAction: { value: 1, text: 'RADIUS-Request(1)' },
  nasPortType: { value: nasPortTypes.pppoe, text: 'PPPoEoE(32)' },
  acctStatusType: { value: 3, text: 'Interim-Update(3)' },
  acctAuthentic: { value: 1, text: 'RADIUS(1)' },
  acctTerminateCause: { value: 4, text: 'Idle-Timeout(4)' },
  eventTimestamp: { value: 1, text: 'Jan  1, 1970 00:00:01.000000000 UTC' },
  tunnelType: { value: tunnelTypes.l2tp, text: 'L2TP(3)' },
  tunnelMediumType: { value: tunnelMediumTypes.ipv6, text: 'IPv6(2)' },
  errorCause: { value: 503, text: 'Session-Context-Not-Found(503)' },
  msChapError: { value: Buffer.from('E=691'), text: 'E=691' },
};

/** The Broadband Forum's have its former name there. */
const otherNames: Partial<Record<AttributeName, string>> = {
  agentCircuitId: 'adslagentcircuitid',
  agentRemoteId: 'adslagentremoteid',
  actualDataRateUpstreamBps: 'actualdatarateupstream',
  actualDataRateDownstreamBps: 'actualdataratedownstream',
};

function valueAndText(name: AttributeName): { value: unknown; text: string } {
  const sample = ownSamples[name] ?? samples.get(attributeRows[name].kind);
  if (!sample) throw new Error(`no sample for ${name}`);
  return sample;
}

function sampleOf(name: AttributeName): Attributes {
  const { form } = attributeRows[name];
  const { value } = valueAndText(name);
  switch (form) {
    case 'one':
    case 'joined':
      return { [name]: value };
    case 'many':
      return { [name]: [value] };
    case 'tagged':
      return { [name]: [{ tag: 5, value }] };
    case 'numbered':
      return { [name]: { identifier: 4, octets: new Uint8Array(300) } };
    default:
      return form satisfies never;
  }
}

/** What tshark says of each attribute's own packet: the lines that begin attributes, but for the Message-Authenticator. */
let read: Map<AttributeName, { lines: string[]; wrong: string[] }>;

beforeAll(() => {
  const packets = attributeNames.map((name, i) =>
    encodeRequest(
      { type: 'accessRequest', identifier: i & 0xff, attributes: sampleOf(name) },
      new Secret(secret),
      new Uint8Array(16).fill(i),
    ),
  );
  const directory = mkdtempSync(join(tmpdir(), 'radius-tshark-'));
  try {
    const capture = join(directory, 'packets.pcap');
    writeFileSync(capture, pcapOf(packets));
    const options = ['-d', 'udp.port==1701,radius', '-o', `radius.shared_secret:${secret}`, '-O', 'radius'];
    const text = execFileSync('tshark', ['-n', '-r', capture, ...options], {
      encoding: 'utf8',
      env: { ...process.env, TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const frames = text.split(/^Frame \d+:/m).slice(1);
    read = new Map(
      attributeNames.map((name, i) => {
        const all = frames[i].split('\n').map((line) => line.trim());
        const lines = all.filter((line) => /^(AVP|VSA): /.test(line) && !line.includes('Message-Authenticator'));
        return [name, { lines, wrong: all.filter((line) => /Unknown|Expert Info|Malformed/.test(line)) }];
      }),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

describe.each(attributeNames)('%s', (name) => {
  it('is to tshark what it is to us', () => {
    const { lines, wrong } = read.get(name) ?? { lines: [], wrong: [] };
    const line = lines.at(-1) ?? '';
    const [, theirs, type, rest] = /^(?:AVP|VSA): t=([^(]+)\((\d+)\) (.*)$/.exec(line) ?? [];
    expect(theirs?.replace(/-/g, '').toLowerCase(), line).toBe(otherNames[name] ?? name.toLowerCase());
    const { hidden, form } = attributeRows[name];
    expect(Number(type)).toBe(attributeRows[name].type);
    if (form === 'tagged') expect(rest).toContain('Tag=0x05');
    // Of hidden values tshark reveals User-Password.
    if (form === 'joined' || form === 'numbered' || (hidden !== undefined && name !== 'userPassword')) return;
    expect(wrong).toEqual([]);
    expect(rest.split('val=')[1]).toBe(valueAndText(name).text);
  });
});
