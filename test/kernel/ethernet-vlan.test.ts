/** VLAN pseudowires: what becomes of tags, octet by octet, on the wire between the planes and at the device behind. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sessionKeyV3 } from '../../src/engine/ports.ts';
import type { EthernetSpec } from '../../src/engine/spec.ts';
import '../netns/patience.ts';
import { attach, farTerms, nearTerms, pseudowireUp, sendFrame, tunnelUp } from './ethernet-world.ts';
import { join, Namespace, PlaneProcess, until } from './lab.ts';

const id = 0x8000_0001;
const cookies = { local: [1, 2, 3, 4], remote: [5, 6, 7, 8] };
/** Ethernet, IPv4 and UDP headers; flags, session id, cookie. */
const sublayerAt = 14 + 20 + 8 + 4 + 4 + 4;
const frameAt = sublayerAt + 4;

let left: Namespace;
let right: Namespace;
let near: PlaneProcess;
let far: PlaneProcess;
let directory: string;
let captures: ChildProcess[];

beforeEach(async () => {
  left = new Namespace('vleft');
  right = new Namespace('vright');
  join(left, right);
  near = new PlaneProcess(left);
  far = new PlaneProcess(right);
  directory = mkdtempSync(joinPath(tmpdir(), 'vlan-'));
  captures = [];
  await tunnelUp(near, nearTerms);
  await tunnelUp(far, farTerms);
  const terms = { sublayer: 'default', sequencing: 'nonIp' } as const;
  await pseudowireUp(near, id, 'vlan', { ...terms, cookies });
  await pseudowireUp(far, id, 'vlan', { ...terms, cookies: { local: cookies.remote, remote: cookies.local } });
});

afterEach(async () => {
  await near.kill();
  await far.kill();
  for (const capture of captures) {
    if (capture.exitCode !== null || capture.signalCode !== null) continue;
    const exit = once(capture, 'exit');
    capture.kill('SIGKILL');
    await exit;
  }
  rmSync(directory, { recursive: true });
  left.remove();
  right.remove();
});

async function capture(namespace: Namespace, device: string, filter: string): Promise<string> {
  const path = joinPath(directory, device);
  const words = ['--immediate-mode', '-U', '-Q', 'in', '-i', device, '-Z', 'root', '-w', path, filter];
  const process = spawn('ip', ['netns', 'exec', namespace.name, 'tcpdump', ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  captures.push(process);
  // It says so when it listens.
  await once(process.stderr, 'data');
  return path;
}

/** The packets of a capture file that are whole. */
function packetsIn(path: string): number[][] {
  const octets = readFileSync(path);
  const packets: number[][] = [];
  for (let at = 24; at + 16 <= octets.length; ) {
    const length = octets.readUInt32LE(at + 8);
    const end = at + 16 + length;
    if (end > octets.length) break;
    packets.push([...octets.subarray(at + 16, end)]);
    at = end;
  }
  return packets;
}

const to = [2, 0, 0, 0, 0, 0xaa];
const from = [2, 0, 0, 0, 0, 0xbb];
const content = [...[0x88, 0xb5], ...new Array<number>(46).fill(0x5a)];
const tag = (vlanId: number, priority = 0): number[] => [0x81, 0, (priority << 4) | (vlanId >>> 8), vlanId & 0xff];
const frame = (...tags: number[][]): number[] => [...to, ...from, ...tags.flat(), ...content];

/** Sends frames out of the near device; answers those on the wire and those at the far device, when so many are there. */
async function pass(
  one: Partial<EthernetSpec>,
  other: Partial<EthernetSpec>,
  count: number,
  ...frames: number[][]
): Promise<{ wire: number[][]; there: number[][]; thereAt: string; sublayers: number[][] }> {
  expect(await attach(near, id, one)).toMatchObject({ fact: 'attached' });
  expect(await attach(far, id, other)).toMatchObject({ fact: 'attached' });
  const wireAt = await capture(right, 'wire', 'udp port 1701');
  const thereAt = await capture(right, 'l2tpeth0', '');
  for (const octets of frames) sendFrame(left, 'l2tpeth0', octets);
  const there = await until(
    async () => packetsIn(thereAt),
    (packets) => packets.length >= count,
  );
  const messages = packetsIn(wireAt);
  return {
    wire: messages.map((octets) => octets.slice(frameAt)),
    sublayers: messages.map((octets) => octets.slice(sublayerAt, frameAt)),
    there,
    thereAt,
  };
}

test('strip: on our side frames have no tag, on the wire they have ours', async () => {
  const [plain, customer] = [frame(), frame(tag(7, 3))];
  const { wire, there } = await pass(
    { vlanAction: 'strip', vlanId: 100 },
    { vlanAction: 'strip', vlanId: 200 },
    2,
    plain,
    customer,
  );
  expect(wire).toEqual([frame(tag(100)), frame(tag(100), tag(7, 3))]);
  expect(there).toEqual([plain, customer]);
});

test('strip: a frame that the device does not take counts as none, tag included', async () => {
  expect(await attach(near, id, { vlanAction: 'strip', vlanId: 100 })).toMatchObject({ fact: 'attached' });
  expect(await attach(far, id, { vlanAction: 'strip', vlanId: 200 })).toMatchObject({ fact: 'attached' });
  right.ip('link', 'set', 'l2tpeth0', 'down');
  sendFrame(left, 'l2tpeth0', frame());
  const counters = await until(
    () => far.counters(sessionKeyV3(id)),
    ({ rxDropped }) => rxDropped > 0,
  );
  expect(counters).toMatchObject({ rxPackets: 0, rxOctets: 0, rxDropped: 1 });
});

test('rewrite: what comes gets our tag and keeps its priority; what goes must have our tag', async () => {
  const fine = frame(tag(100, 0xb));
  const { wire, there, thereAt } = await pass(
    { vlanAction: 'rewrite', vlanId: 100 },
    { vlanAction: 'rewrite', vlanId: 0xabc },
    1,
    frame(tag(101)),
    frame(),
    fine,
  );
  expect(wire).toEqual([fine]);
  expect(there).toEqual([frame(tag(0xabc, 0xb))]);
  const fields = ['vlan.id', 'vlan.priority', 'vlan.dei'].flatMap((field) => ['-e', field]);
  const text = execFileSync('tshark', ['-r', thereAt, '-T', 'fields', ...fields], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  expect(text.trim().split('\t')).toEqual([String(0xabc), '5', expect.stringMatching(/^(1|True)$/)]);
  expect(await near.dropped()).toEqual({ otherVlan: 2 });
});

test('keep: tags pass as they are', async () => {
  const frames = [frame(tag(300, 2)), frame(), frame(tag(5), tag(6))];
  const { wire, there } = await pass({ vlanId: 100 }, { vlanId: 200 }, 3, ...frames);
  expect(wire).toEqual(frames);
  expect(there).toEqual(frames);
});

test('each end does with tags what it likes; what has none is not taken', async () => {
  const { wire, there } = await pass(
    { vlanAction: 'strip', vlanId: 100 },
    { vlanAction: 'rewrite', vlanId: 200 },
    1,
    frame(),
  );
  expect([wire, there]).toEqual([[frame(tag(100))], [frame(tag(200))]]);
  await attach(near, id, {});
  sendFrame(left, 'l2tpeth0', frame());
  expect(
    await until(
      () => far.dropped(),
      ({ untaggedFrame }) => untaggedFrame !== undefined,
    ),
  ).toEqual({ untaggedFrame: 1 });
});

test('IP behind a tag is IP: only other frames are numbered', async () => {
  const ipv4 = [...to, ...from, 0x08, 0x00, ...new Array<number>(46).fill(0)];
  const { sublayers } = await pass(
    { vlanAction: 'strip', vlanId: 100 },
    { vlanAction: 'strip', vlanId: 200 },
    3,
    frame(),
    ipv4,
    frame(),
  );
  expect(sublayers).toEqual([
    [0x40, 0, 0, 0],
    [0, 0, 0, 0],
    [0x40, 0, 0, 1],
  ]);
});
