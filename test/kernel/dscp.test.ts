/** The DSCP of what leaves, as tcpdump and tshark see it on the wire. */
import '../netns/patience.ts';
import { execa } from 'execa';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Capture } from '../netns/capture.ts';
import { Lab, type Namespace } from '../netns/lab.ts';
import { PlaneProcess, until } from './lab.ts';
import { clientSide, serverSide, session, sessionUp, subs } from './sessions.ts';

let lab: Lab;
let left: Namespace;
let right: Namespace;
let lac: PlaneProcess;
let lns: PlaneProcess;

beforeEach(async () => {
  lab = await Lab.open();
  left = await lab.namespace('left');
  right = await lab.namespace('right');
  const ends = [1, 2].map((host) => ({ device: 'wire', addresses: [`192.0.2.${host}/24`, `2001:db8::${host}/64`] }));
  await lab.link(left, ends[0], right, ends[1]);
  lac = new PlaneProcess(left);
  lns = new PlaneProcess(right);
});

afterEach(async () => {
  await lac.kill();
  await lns.kill();
  await lab.close();
});

/** Of each L2TP datagram from the address, in order: whether it is control, and its DSCP in the outer header. */
async function marks(capture: Capture, from: string): Promise<string[]> {
  const path = await capture.stop();
  const family = from.includes(':') ? 'ipv6' : 'ip';
  const field = family === 'ip' ? 'ip.dsfield.dscp' : 'ipv6.tclass.dscp';
  // biome-ignore format: options with their values
  const args = ['-n', '-r', path, '-Y', `l2tp && ${family}.src == ${from}`, '-T', 'fields', '-E', 'occurrence=f', '-e', 'l2tp.type', '-e', field];
  const { stdout } = await execa('tshark', args);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [type, dscp] = line.split('\t');
      return `${['0', 'False'].includes(type) ? 'data' : 'control'} ${Number(dscp)}`;
    });
}

const lcpEcho = Uint8Array.of(0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4);
const zlb = Uint8Array.of(0xc8, 2, 0, 12, 0, 7, 0, 0, 0, 0, 0, 0);

test.each([
  ['IPv4', '192.0.2.1', '192.0.2.2'],
  ['IPv6', '2001:db8::1', '2001:db8::2'],
])('over %s each datagram has the mark of its session or message, also in one batch', async (_, near, far) => {
  const socket = await sessionUp(lac, near, far, { dscp: 46 });
  await sessionUp(lns, far, near);
  const capture = await right.capture('wire');
  await lac.sendControl(session, lcpEcho);
  // Of one length to one peer: without their marks they would go as one.
  await lac.datagram(socket, { address: far, port: 1701 }, zlb, [48, 48, 0, 48, 10, 0, 0]);
  await lac.apply({ op: 'sessionModify', session, sequencing: 'all', reorderTimeoutMs: 0, dscp: 26 });
  await lac.sendControl(session, lcpEcho);
  await lac.apply({ op: 'sessionModify', session, sequencing: 'all', reorderTimeoutMs: 0, dscp: 0 });
  await lac.sendControl(session, lcpEcho);
  await until(
    () => lns.frames(),
    (frames) => frames.length === 3,
  );
  expect(await marks(capture, near)).toEqual([
    'data 46',
    ...[48, 48, 0, 48, 10, 0, 0].map((dscp) => `control ${dscp}`),
    'data 26',
    'data 0',
  ]);
});

test('user packets of a session leave with its mark', async () => {
  await sessionUp(lac, '192.0.2.1', '192.0.2.2', { dscp: 34 });
  await sessionUp(lns, '192.0.2.2', '192.0.2.1');
  await lns.apply({ op: 'device', device: subs });
  await lac.apply({ op: 'attach', session, attachment: clientSide, acfc: false, pfc: false });
  await lns.apply({ op: 'attach', session, attachment: serverSide, acfc: false, pfc: false });
  const capture = await right.capture('wire');
  await left.run('ping', '-c', '20', '-l', '20', '-W', '5', '10.9.0.1');
  const there = await marks(capture, '192.0.2.1');
  expect(there.length).toBeGreaterThanOrEqual(20);
  expect(new Set(there)).toEqual(new Set(['data 34']));
});
