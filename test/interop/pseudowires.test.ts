/** What other pseudowires than Ethernet ports carry between two of our daemons: VLANs and circuits of programs. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import type { SessionFields } from '../../src/reconciler/generated.ts';
import type { Namespace } from '../netns/lab.ts';
import type { Process } from '../netns/process.ts';
import { until } from '../netns/until.ts';
import { Daemon } from './daemon.ts';
import { tunnelKey } from './declared.ts';
import { lab, lac as left, lacHost as leftRouter, lns as right, lnsHost as rightRouter } from './fresh-pair.ts';
import { addBridge, addHost, bridge, pinged, tunnelSecret } from './l2vpn.ts';
import { lacAddress, lnsAddress, wire } from './pair.ts';
import { resource, secret } from './resources.ts';
import { complaintsAbout, dissect, sentMessages } from './tshark.ts';

/** The VLAN ids and the addresses of all pings in what an end has sent, without repetitions, as tshark reads them. */
async function tagsOf(capture: string, outerSource: string): Promise<string[]> {
  const filter = `ip.src == ${outerSource} && l2tp && icmp`;
  const fields = ['-T', 'fields', '-e', 'vlan.id', '-e', 'ip.dst'];
  // tshark knows what is in pseudowires of type 5, Ethernet, but not that it is the same in those of type 4.
  const args = ['-n', '-r', capture, '-d', 'l2tp.pw_type==4,eth', '-Y', filter, ...fields];
  const { stdout } = await execa('tshark', args, { stdin: 'ignore' });
  return [...new Set(stdout.split('\n'))];
}

test('a tag is put on at one end, and rewritten or kept at the other', async () => {
  const hub = right;
  const secrets = secret('secrets', { tunnel: tunnelSecret });
  // Hosts know nothing of VLANs: 20 is put on at the first spoke, 30 at the second, and the hub's bridge has 20 only.
  const second = await lab.namespace('second');
  await lab.link(second, { device: wire, addresses: ['198.51.100.1/24'] }, rightRouter, {
    device: 'spoke',
    addresses: ['198.51.100.2/24'],
  });
  await addBridge(rightRouter);
  await hub.declare(
    'all.yaml',
    resource('Gateway', 'hub', { listen: [{ address: '0.0.0.0' }] }),
    resource('TunnelProfile', 'default', { version: 'v3', secretRef: tunnelKey }),
    resource('SessionProfile', 'default', { pseudowire: 'vlan' }),
    resource('PeerProfile', 'first', { match: { addresses: [lacAddress] }, ethernetProfile: 'keep' }),
    resource('PeerProfile', 'second', { match: { addresses: ['198.51.100.1'] }, ethernetProfile: 'rewrite' }),
    resource('EthernetProfile', 'keep', { bridge, vlanAction: 'keep' }),
    resource('EthernetProfile', 'rewrite', { bridge, vlanId: 20, vlanAction: 'rewrite' }),
    secrets,
  );
  await hub.start();
  const spoke = async (daemon: Daemon, remoteAddress: string, vlanId: number) => {
    await addBridge(daemon.namespace);
    await daemon.declare(
      'all.yaml',
      resource('Tunnel', 'hub', { remoteAddress, version: 'v3', persist: true, secretRef: tunnelKey }),
      resource('Session', 'lan', { tunnel: 'hub', pseudowire: 'vlan', ethernetProfile: 'lan' }),
      resource('EthernetProfile', 'lan', { bridge, vlanId }),
      secrets,
    );
    await daemon.start();
    await daemon.sessionReady('lan');
  };
  const captures = [await rightRouter.capture(wire), await rightRouter.capture('spoke')];
  await spoke(left, lnsAddress, 20);
  await spoke(new Daemon(second), '198.51.100.2', 30);
  const one = await addHost(leftRouter, 'one', '10.30.0.1');
  await addHost(second, 'two', '10.30.0.2');
  await pinged(one, '10.30.0.2');

  const [toFirst, toSecond] = [await captures[0].stop(), await captures[1].stop()];
  // The address is that of the outer packet, then that of the inner one.
  expect(await tagsOf(toFirst, lacAddress)).toEqual([`20\t${lnsAddress},10.30.0.2`]);
  expect(await tagsOf(toFirst, lnsAddress)).toEqual([`20\t${lacAddress},10.30.0.1`]);
  expect(await tagsOf(toSecond, '198.51.100.2')).toEqual(['20\t198.51.100.1,10.30.0.2']);
  expect(await tagsOf(toSecond, '198.51.100.1')).toEqual(['30\t198.51.100.2,10.30.0.1']);
  const dissected = await dissect(toFirst, `l2tp.shared_secret:${tunnelSecret}`);
  for (const address of [lacAddress, lnsAddress]) expect(complaintsAbout(dissected, address)).toEqual([]);
});

const script = fileURLToPath(new URL('../../examples/circuit/circuit.py', import.meta.url));

/** An end of a circuit pseudowire, which both ends declare. */
function circuitDocuments(
  localAddress: string,
  remoteAddress: string,
  circuit: SessionFields['circuit'],
  pseudowire: SessionFields['pseudowire'],
): string[] {
  return [
    resource('Gateway', 'gateway', { hostName: `${localAddress}.example.net`, listen: [{ address: localAddress }] }),
    resource('PeerProfile', 'other', { match: { addresses: [remoteAddress] } }),
    resource('TunnelProfile', 'default', { version: 'v3', secretRef: tunnelKey }),
    resource('Tunnel', 'other', { localAddress, remoteAddress, persist: true }),
    resource('Session', 'line', { tunnel: 'other', pseudowire, remoteEndId: 'line-7', circuit }),
    secret('secrets', { tunnel: tunnelSecret }),
  ];
}

async function startProgram(router: Namespace, socket: string, kind: string, ...more: string[]): Promise<Process> {
  const program = router.spawn('python3', [script, socket, kind, ...more]);
  await program.says(/^attached/m);
  return program;
}

/** IPv4 without a payload. */
const packet = '450000140000000040fd65eb0a0000010a000002';

test.each([
  // DLCI 100 at the left is 200 at the right.
  {
    pseudowire: 'frameRelay',
    near: { dlci: 100 },
    far: { dlci: 200 },
    sent: `184103cc${packet}`,
    arrives: `308103cc${packet}`,
  },
  { pseudowire: 'hdlc', near: {}, far: {}, sent: `0f000800${packet}`, arrives: `0f000800${packet}` },
] as const)('two programs are one $pseudowire circuit, and either hears when the other is gone', async (form) => {
  const { pseudowire, sent, arrives } = form;
  const socketOf = (end: string) => join(lab.directory, `${end}.circuit`);
  const [near, far] = [
    { ...form.near, socket: socketOf('near') },
    { ...form.far, socket: socketOf('far') },
  ];
  const capture = await leftRouter.capture(wire);
  await left.declare('all.yaml', ...circuitDocuments(lacAddress, lnsAddress, near, pseudowire));
  await right.declare('all.yaml', ...circuitDocuments(lnsAddress, lacAddress, far, pseudowire));
  await Promise.all([left.start(), right.start()]);
  const circuit = async (daemon: Daemon) => (await daemon.session('line'))?.status.circuit;
  const says = async (daemon: Daemon, local: boolean, peer: boolean) =>
    await until(`${daemon.namespace.name}: we ${local}, the peer ${peer}`, async () => {
      const both = await circuit(daemon);
      return both?.local.active === local && both.peer.active === peer;
    });
  for (const daemon of [left, right]) await says(daemon, false, false);
  await until('the reason', async () => {
    const [ready] = (await left.session('line'))?.status.conditions ?? [];
    return ready?.status === 'False' && ready.reason === 'CircuitDown';
  });

  const echo = await startProgram(rightRouter, far.socket, pseudowire, '--echo');
  const lines = join(lab.directory, 'lines');
  await execa('mkfifo', [lines]);
  leftRouter.spawn('sh', ['-c', `while sleep 0.2; do echo ${sent}; done > ${lines}`]);
  const sender = leftRouter.spawn('sh', ['-c', `exec python3 ${script} ${near.socket} ${pseudowire} < ${lines}`]);
  await echo.says(new RegExp(`^${arrives}$`, 'm'));
  await sender.says(new RegExp(`^${sent}$`, 'm'));
  await left.sessionReady('line');
  await right.sessionReady('line');

  await echo.stop('SIGKILL');
  await says(left, true, false);
  await says(right, false, true);
  await sender.says(/^peer not active$/m);
  await startProgram(rightRouter, far.socket, pseudowire, '--echo');
  await says(left, true, true);

  const dissected = await dissect(await capture.stop(), `l2tp.shared_secret:${tunnelSecret}`);
  expect(sentMessages(dissected, lnsAddress)).toContain('SLI');
  // Of two SCCRQs between the same ports tshark keeps one nonce, and it has no name for the values of RFC 4591's AVPs.
  const isTrusted = (complaint: string) => !/Incorrect Digest|Vendor-Specific AVP data/.test(complaint);
  for (const address of [lacAddress, lnsAddress]) {
    expect(complaintsAbout(dissected, address).filter(isTrusted)).toEqual([]);
  }
});
