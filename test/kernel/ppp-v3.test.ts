/** PPP over L2TPv3 between two planes, over UDP and over IP, and what stands on the wire as tshark reads it. */
import '../netns/patience.ts';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DataFormat, sessionKeyV3 } from '../../src/engine/ports.ts';
import type { Encapsulation } from '../../src/engine/spec.ts';
import { Lab, type Namespace } from '../netns/lab.ts';
import { PlaneProcess } from './lab.ts';
import { clientSide, formatV3, serverSide, subs } from './sessions.ts';

interface End {
  plane: PlaneProcess;
  localId: number;
  cookie: Uint8Array;
}

let lab: Lab;
let left: Namespace;
let right: Namespace;
let lac: End;
let lns: End;

beforeEach(async () => {
  lab = await Lab.open();
  left = await lab.namespace('left');
  right = await lab.namespace('right');
  const ends = [1, 2].map((host) => ({ device: 'wire', addresses: [`192.0.2.${host}/24`, `2001:db8::${host}/64`] }));
  await lab.link(left, ends[0], right, ends[1]);
  lac = { plane: new PlaneProcess(left), localId: 0x8000_0001, cookie: new Uint8Array() };
  lns = { plane: new PlaneProcess(right), localId: 0x8000_0002, cookie: new Uint8Array() };
});

afterEach(async () => {
  await lac.plane.kill();
  await lns.plane.kill();
  await lab.close();
});

/** How both ends put their data messages. */
interface Form {
  encapsulation: Encapsulation;
  cookieOctets: 0 | 4 | 8;
  sublayer: 'none' | 'default' | 'atm';
}

async function up(one: End, other: End, address: string, remote: string, form: Form): Promise<void> {
  const { encapsulation, sublayer } = form;
  const port = encapsulation === 'udp' ? 1701 : 0;
  const socket = await one.plane.open(address, port, encapsulation);
  const tunnel = { localTunnelId: one.localId, remoteTunnelId: other.localId, version: 3, encapsulation } as const;
  const { plane, localId } = one;
  await plane.apply({ op: 'tunnelUp', ...tunnel, socket, remote: { address: remote, port }, from: undefined });
  const format: DataFormat = {
    ...formatV3,
    localSessionId: localId,
    localCookie: one.cookie,
    remoteCookie: other.cookie,
    rxSublayer: sublayer,
    txSublayer: sublayer,
    checksSequence: sublayer !== 'none',
  };
  const ids = { session: sessionKeyV3(localId), localTunnelId: localId, remoteSessionId: other.localId };
  const how = { sequencing: sublayer === 'none' ? 'none' : 'all', reorderTimeoutMs: 0, dscp: 0 } as const;
  expect(await plane.apply({ op: 'sessionUp', ...ids, pseudowire: 'ppp', format, ...how })).toEqual({ fact: 'done' });
}

async function attachBoth(near: string, far: string, form: Form): Promise<void> {
  lac.cookie = Uint8Array.from({ length: form.cookieOctets }, (_, i) => 0xa0 + i);
  lns.cookie = Uint8Array.from({ length: form.cookieOctets }, (_, i) => 0xb0 + i);
  await up(lac, lns, near, far, form);
  await up(lns, lac, far, near, form);
  await lns.plane.apply({ op: 'device', device: subs });
  for (const [{ plane, localId }, attachment] of [
    [lns, serverSide],
    [lac, clientSide],
  ] as const) {
    const session = sessionKeyV3(localId);
    const fact = await plane.apply({ op: 'attach', session, attachment, acfc: false, pfc: false });
    expect(fact).toMatchObject({ fact: 'attached' });
  }
}

const sizes = { 0: 'None', 4: '4 Byte Cookie', 8: '8 Byte Cookie' } as const;
const sublayers = { none: 'None', default: 'Default L2-Specific', atm: 'ATM-Specific' } as const;

/** Of each of our data messages in the file: session id, cookie, S bit, sequence number. */
async function dissect(file: string, source: string, form: Form): Promise<string[][]> {
  const family = source.includes(':') ? 'ipv6' : 'ip';
  // biome-ignore format: options with their values
  const { stdout } = await execa('tshark', [
    '-n', '-r', file, '-Y', `l2tp && ${family}.src == ${source}`,
    '-o', `l2tp.cookie_size:${sizes[form.cookieOctets]}`, '-o', `l2tp.l2_specific:${sublayers[form.sublayer]}`,
    '-T', 'fields', '-E', 'occurrence=f', ...['sid', 'cookie', 'l2_spec_s', 'l2_spec_sequence'].flatMap((name) => ['-e', `l2tp.${name}`]),
  ]);
  return stdout.split('\n').map((line) => line.split('\t'));
}

describe.each([
  ['IPv4', '192.0.2.1', '192.0.2.2'],
  ['IPv6', '2001:db8::1', '2001:db8::2'],
])('over %s', (_, near, far) => {
  test.each([
    { encapsulation: 'udp', cookieOctets: 0, sublayer: 'none' },
    { encapsulation: 'udp', cookieOctets: 8, sublayer: 'default' },
    { encapsulation: 'ip', cookieOctets: 4, sublayer: 'default' },
    { encapsulation: 'ip', cookieOctets: 8, sublayer: 'atm' },
  ] as const)('a ping passes, and tshark reads it: %o', async (form) => {
    await attachBoth(near, far, form);
    const capture = await right.capture('wire');
    const ping = ['-c', '3', '-i', '0.02', '-W', '5'];
    await left.run('ping', ...ping, '10.9.0.1');
    await right.run('ping', ...ping, 'fe80::2%subs');
    const counters = await lac.plane.counters(sessionKeyV3(lac.localId));
    expect(counters).toMatchObject({ rxDropped: 0, txDropped: 0, rxOutOfOrder: 0, rxLost: 0 });
    expect(counters.txPackets).toBeGreaterThanOrEqual(6);
    // The kernel's own multicast is for nobody on a shared device.
    const reasons = Object.keys(await lns.plane.dropped());
    expect(reasons.filter((reason) => reason !== 'noSubscriber')).toEqual([]);
    const rows = await dissect(await capture.stop(), near, form);
    expect(rows.length).toBeGreaterThanOrEqual(6);
    // Where the numbers begin depends on what the kernel has sent of its own before.
    const first = Number(rows[0][3]);
    rows.forEach(([id, cookie, isNumbered, sequence], i) => {
      expect(Number(id)).toBe(lns.localId);
      expect(cookie).toBe(Buffer.from(lns.cookie).toString('hex'));
      expect(isNumbered).toMatch(form.sublayer === 'none' ? /^$/ : /^(1|True)$/);
      if (form.sublayer !== 'none') expect(Number(sequence)).toBe(first + i);
    });
  });
});
