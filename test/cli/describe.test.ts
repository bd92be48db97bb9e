import { afterEach, beforeEach, expect, test } from 'vitest';
import { sessionView, tunnelView } from '../api/fake-source.ts';
import { Bench } from './bench.ts';

let bench: Bench;
beforeEach(async () => {
  bench = await Bench.create();
});
afterEach(() => bench.remove());

const text = (...lines: string[]) => `${lines.join('\n')}\n`;

test('a declared tunnel', async () => {
  bench.source.events.append({ kind: 'Tunnel', name: 'to-lns', reason: 'Up', message: 'established with 192.0.2.9' });
  bench.source.events.append({ kind: 'Tunnel', name: 'to-backup', reason: 'Down', message: 'no answer' });
  const { code, out } = await bench.run('describe tunnel to-lns');
  expect(code).toBe(0);
  expect(out).toBe(
    text(
      'Name:            to-lns',
      'Kind:            Tunnel, declared in lac.yaml:1, generation 3',
      'State:           established since 2026-03-01T12:00:00.000Z (5m)',
      'Local:           192.0.2.2:1701, tunnel id 100',
      'Peer:            192.0.2.9:1701, tunnel id 99',
      'Peer host name:  peer.example',
      'Peer vendor:     prol2tp',
      'Protocol:        L2TPv2 over udp',
      'Data plane:      userspace',
      'Sessions:        1 established of 2',
      'Spec:',
      '  remoteAddress: 192.0.2.9',
      '  secretRef:',
      '    name: lns',
      '    key: secret',
      'Conditions:',
      '  TYPE                STATUS   AGE   REASON              MESSAGE',
      '  Ready               True     5m    Established         the control connection is established',
      '  PeerAuthenticated   True     5m    ChallengeAnswered   the peer proved that it knows the secret',
      'Control messages:',
      '  Sent:             20',
      '  Received:         21',
      '  Retransmitted:    1',
      '  Duplicates:       2',
      '  Out of order:     3',
      '  Digest failures:  0',
      'Calls:',
      '  NAME    STATE         USER    REMOTE-ADDRESS',
      '  alice   established   alice   10.99.0.2',
      'Events:',
      '  AGE   REASON   MESSAGE',
      '  5m    Up       established with 192.0.2.9',
    ),
  );
});

test('a tunnel that failed', async () => {
  const { out } = await bench.run('describe tunnels to-backup');
  expect(out).toContain('Last error:  no answer from 192.0.2.10 (result 2, error 6), 5m ago\n');
  expect(out).toContain('Retries:     4\nNext retry:  2026-03-01T12:00:30.000Z\n');
  expect(out).toContain('Events:\n  none remembered\n');
});

test('a tunnel to a peer with quirks', async () => {
  bench.source.tunnelViews = [tunnelView({ quirks: ['tunnelIdZero', 'omitRxConnectSpeed'] })];
  const { out } = await bench.run('describe tunnel 4711');
  expect(out).toMatch(/^Quirks: +tunnelIdZero, omitRxConnectSpeed$/m);
});

test('a tunnel with many calls shows a few', async () => {
  bench.source.sessionViews = Array.from({ length: 30 }, (_, i) => sessionView({ localId: i + 1 }));
  const { out } = await bench.run('describe tunnel 4711');
  expect(out).toContain('Kind:            Tunnel, opened by the peer\n');
  expect(out.match(/accepted-4711-\d+/g)).toHaveLength(20);
  expect(out).toContain('  and 10 more\n');
});

test('a pseudowire, with the circuits at both ends and without PPP', async () => {
  bench.source.sessionViews = [
    sessionView({
      version: 3,
      pseudowire: 'vlan',
      interface: 'pw0',
      call: { remoteEndId: 'site-7' },
      circuit: {
        local: { active: false, isNew: false, circuitTxFault: true, standby: true },
        peer: { active: true, isNew: false },
      },
    }),
  ];
  const { out } = await bench.run('describe session accepted-4711-5');
  for (const line of ['Remote end id:   site-7', 'Circuit:         down(circuitTx)', "Peer's circuit:  up"]) {
    expect(out).toContain(line);
  }
  expect(out).toContain('CircuitDown   the circuit at pw0 is not active (fault: circuitTx)');
  expect(out).not.toContain('PPP:');
});

test('an accepted session', async () => {
  const { out } = await bench.run('describe session accepted-4711-5');
  expect(out).toBe(
    text(
      'Name:            accepted-4711-5',
      'Kind:            Session, opened by the peer',
      'Tunnel:          accepted-4711',
      'State:           established since 2026-03-01T12:00:00.000Z (5m)',
      'Type:            lnsIncoming',
      'Pseudowire:      ppp',
      'Local id:        5',
      'Remote id:       6',
      'Calling number:  5551234',
      'Interface:       l2tp0',
      'Call:',
      '  Calling Number:  5551234',
      'PPP:',
      '  Phase:                network',
      '  User:                 alice',
      '  Authentication:       chap',
      '  Local address:        10.99.0.1',
      '  Remote address:       10.99.0.2',
      '  DNS:                  9.9.9.9',
      '  Local interface id:   0000:0000:0000:0001',
      '  Remote interface id:  fedc:ba98:7654:3210',
      '  IPv6 prefix:          2001:db8:0:1::/64',
      '  Delegated prefix:     2001:db8:1:100::/56',
      '  MRU:                  1400',
      '  Ends when idle for:   10m',
      '  Rate:                 50Mbit/s to the subscriber, no limit from it',
      '  Filter:               web',
      'Conditions:',
      '  TYPE          STATUS   AGE   REASON        MESSAGE',
      '  Ready         True     5m    Up            PPP is open',
      '  Established   True     5m    Established   the call is established',
      'Data messages:',
      '  Received:               10 packets, 1.5KiB',
      '  Received, dropped:      1',
      '  Received out of order:  0',
      '  Put back in order:      0',
      '  Lost on the way:        0',
      '  Sent:                   20 packets, 5MiB',
      '  Sent, dropped:          0',
      'Events:',
      '  none remembered',
    ),
  );
});

test('a switched call that is of no resource', async () => {
  bench.source.sessionViews = [
    sessionView({
      direction: 'dialled',
      type: 'lacIncoming',
      switched: { with: 'access/7' },
      callSerialNumber: 815,
      call: { txConnectSpeedBps: 1_000_000, sequencingRequired: true },
      ppp: { phase: 'dead', peerMru: 1500, proxy: 'lcp' },
    }),
  ];
  const { out } = await bench.run('describe session 4711-5');
  expect(out).toMatch(/^Kind: +Session, placed for a switched call$/m);
  expect(out).toMatch(/^Switched with: +access\/7$/m);
  expect(out).toMatch(/^Call serial number: +815$/m);
  expect(out).toContain('Call:\n  (Tx) Connect Speed:   1 Mbit/s\n  Sequencing Required:  yes\nPPP:\n');
  expect(out).toContain('  Taken over from the LAC:  LCP\n');
});

test('a PPPoE server', async () => {
  expect((await bench.run('describe pppoe access')).out).toBe(
    text(
      'Name:       access',
      'Kind:       PppoeServer, declared in lac.yaml:40, generation 1',
      'Interface:  eth1',
      'AC name:    bras1',
      'Sessions:   3',
      'Spec:',
      '  interface: eth1',
      'Conditions:',
      '  TYPE    STATUS   AGE   REASON    MESSAGE',
      '  Ready   True     5m    Applied   serves eth1 as bras1',
      'Clients:',
      '  ID   PEER                USER              SWITCHED-WITH    AGE',
      '  7    02:00:00:00:00:01   bob@isp.example   accepted-100-9   5m',
      'Events:',
      '  none remembered',
    ),
  );
});

test('a session that waits for its tunnel', async () => {
  const { out } = await bench.run('describe session waiting');
  expect(out).toContain('State:   closed\n');
  expect(out).toContain('TunnelNotReady   waits for tunnel to-backup\n');
});

test('a pool', async () => {
  expect((await bench.run('describe pool home')).out).toBe(
    text(
      'Name:              home',
      'Kind:              AddressPool, declared in lac.yaml:50, generation 1',
      'IPv4 addresses:    12 of 254 given out',
      'IPv6 prefixes:     3 of 256 given out',
      'Requests refused:  1',
      'Spec:',
      '  ranges:',
      '    - 10.99.0.0/24',
      'Conditions:',
      '  TYPE    STATUS   AGE   REASON    MESSAGE',
      '  Ready   True     5m    Applied   12 of 254 addresses are given out',
      'Events:',
      '  none remembered',
    ),
  );
});

test('the gateway, which needs no name', async () => {
  const { out } = await bench.run('describe gateway');
  expect(out).toContain('Sessions:                    1 dialled, 1 accepted\nAccounting records on disk:  4\n');
  expect(out).toContain(
    text(
      'RADIUS servers:',
      '  ADDRESS      ALIVE   REQUESTS   ACCEPTS   REJECTS   TIMEOUTS   DROPS   LAST-ERROR',
      '  192.0.2.50   yes     12         9         1         2          0       -',
      '  192.0.2.51   no      3          0         0         3          1       no answer on port 1812',
      'Dropped data messages:',
      '  unknownSession:  7',
    ),
  );
  expect((await bench.run('describe gateway edge')).out).toBe(out);
  bench.source.objects.Gateway = [];
  expect((await bench.run('describe gw')).out).toMatch(/^Kind: +Gateway, not declared$/m);
});

test('what cannot be described', async () => {
  const error = async (line: string) => (await bench.run(line)).err;
  expect(await error('describe events x')).toBe(
    'error: events is none of tunnel, session, pppoeserver, addresspool, gateway\n',
  );
  expect(await error('describe tunnel')).toBe('error: describe tunnel NAME: which one?\n');
  expect(await error('describe gateway other')).toBe('error: gateway other does not exist; there is: edge\n');
});
