import { expect, test } from 'vitest';
import { RadiusAccounting } from '../../../src/aaa/radius/accounting.ts';
import type { Clock } from '../../../src/aaa/radius/clock.ts';
import type { Attributes } from '../../../src/aaa/radius/dictionary.ts';
import { RadiusSessions } from '../../../src/aaa/radius/sessions.ts';
import type { AccountRecord, CallFacts } from '../../../src/engine/aaa.ts';
import {
  noCounters,
  parseIpv4,
  parseIpv6,
  parseIpv6Prefix,
  type RadiusSpec,
  Secret,
} from '../../../src/engine/spec.ts';
import { SpoolDisk } from './spool-disk.ts';
import { VirtualClock } from './virtual-clock.ts';
import { silent, VirtualServers, welcoming } from './virtual-servers.ts';

const call: CallFacts = {
  port: '7/9',
  avps: { calledNumber: '5551212', callingNumber: '5550100', callSerialNumber: 4711 },
  tunnel: {
    local: { address: '192.0.2.1', port: 1701 },
    remote: { address: '192.0.2.9', port: 1701 },
    ours: 'lns.example',
    peers: 'lac.example',
  },
};

const server = {
  address: '192.0.2.100',
  authPort: 1812,
  acctPort: 1813,
  coaPort: 0,
  secret: new Secret('between us'),
  timeoutMs: 1_000,
  retries: 1,
};

const spec: RadiusSpec = {
  servers: [server],
  nasIdentifier: 'our-nas',
  nasAddress: '192.0.2.1',
  interimIntervalMs: 0,
  deadTimeMs: 10_000,
};

const record: AccountRecord = {
  event: 'start',
  session: (7 << 16) | 9,
  aaa: 'radius',
  user: 'alice',
  call,
  sessionMs: 0,
  ipv4: parseIpv4('10.0.0.7'),
};

const [on, off, start, stop, interim] = [7, 8, 1, 2, 3];

/** One daemon after the other on the same disk, and a server. */
class Scene {
  readonly clock = new VirtualClock();
  readonly servers = new VirtualServers(this.clock);
  readonly troubles: string[] = [];
  sessions!: RadiusSessions;
  accounting!: RadiusAccounting;
  disk = new SpoolDisk();
  #lives = 0;

  constructor() {
    this.serve(welcoming);
  }

  serve(behaviour: typeof welcoming): void {
    this.servers.set({ ...server, port: server.acctPort }, behaviour);
  }

  async begin(): Promise<this> {
    this.sessions = new RadiusSessions(`life${++this.#lives}`);
    const onTrouble = (message: string) => void this.troubles.push(message);
    const { sessions, disk: storage } = this;
    const life = this.#lives;
    // For who has crashed no time passes.
    const clock: Clock = {
      now: () => this.clock.now(),
      wall: () => this.clock.wall(),
      setTimer: (ms, callback) => this.clock.setTimer(ms, () => life === this.#lives && callback()),
    };
    this.accounting = new RadiusAccounting({ sessions, clock, open: this.servers.open, storage, onTrouble });
    this.accounting.configure(spec);
    await this.accounting.open();
    return this;
  }

  async crash(): Promise<void> {
    this.disk = this.disk.crash(0);
    for (const channel of this.servers.channels) channel.closed = true;
    await this.begin();
  }

  async close(): Promise<void> {
    const closed = this.accounting.close();
    await this.clock.pass(10_000, 60);
    await closed;
  }

  /** What the server has got, without repetitions. */
  get told(): Attributes[] {
    const seen = new Set<string>();
    return this.servers.at(server.address).flatMap(({ digest, packet }) => {
      if (seen.has(digest)) return [];
      seen.add(digest);
      return [packet.attributes];
    });
  }

  get statuses(): (number | undefined)[] {
    return this.told.map(({ acctStatusType }) => acctStatusType);
  }
}

test('a session is told with all that is known of it', async () => {
  const scene = await new Scene().begin();
  await scene.clock.pass(1_000);
  const known = scene.sessions.of(record.session);
  known.user = 'alice@example';
  known.classes = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  const more = {
    prefix: parseIpv6Prefix('2001:db8:1::/64'),
    delegated: parseIpv6Prefix('2001:db8:2::/56'),
    interfaceId: 0x1234n,
  };
  scene.accounting.account({ ...record, ...more }, noCounters);
  await scene.clock.pass(10_000);
  const counters = { ...noCounters, rxOctets: 3 * 2 ** 32 + 5, rxPackets: 6, txOctets: 70, txPackets: 8 };
  scene.accounting.account({ ...record, event: 'stop', sessionMs: 61_900, cause: 'idleTimeout' }, counters);
  await scene.clock.pass(10_000);
  await scene.close();
  expect(scene.statuses).toEqual([on, start, stop, off]);
  const [, first, last] = scene.told;
  const prefix = (text: string, length: number) => ({ address: parseIpv6(text), length });
  expect(first).toMatchObject({
    userName: 'alice@example',
    nasIdentifier: 'our-nas',
    nasIpAddress: parseIpv4('192.0.2.1'),
    nasPortId: '7/9',
    nasPort: (7 << 16) | 9,
    calledStationId: '5551212',
    callingStationId: '5550100',
    acctSessionId: 'life1-000001',
    acctAuthentic: 1,
    acctDelayTime: 0,
    acctTunnelConnection: '4711',
    tunnelType: [{ tag: 0, value: 3 }],
    tunnelClientEndpoint: [{ tag: 0, value: '192.0.2.9' }],
    tunnelServerEndpoint: [{ tag: 0, value: '192.0.2.1' }],
    framedIpAddress: parseIpv4('10.0.0.7'),
    framedIpv6Prefix: [prefix('2001:db8:1::', 64)],
    delegatedIpv6Prefix: [prefix('2001:db8:2::', 56)],
    framedInterfaceId: 0x1234n,
    class: [Uint8Array.of(1, 2), Uint8Array.of(3)],
    eventTimestamp: VirtualClock.epochMs / 1000 + 1,
  });
  expect(first).not.toHaveProperty('acctSessionTime');
  expect(first).not.toHaveProperty('acctTerminateCause');
  expect(last).toMatchObject({
    acctSessionId: 'life1-000001',
    acctSessionTime: 61,
    acctInputOctets: 5,
    acctInputGigawords: 3,
    acctInputPackets: 6,
    acctOutputOctets: 70,
    acctOutputGigawords: 0,
    acctOutputPackets: 8,
    acctTerminateCause: 4,
    eventTimestamp: VirtualClock.epochMs / 1000 + 11,
  });
  expect(scene.accounting.spooled).toBe(0);
  expect(scene.disk.files.size).toBe(0);
});

test('what an outage delayed says for how long', async () => {
  const scene = await new Scene().begin();
  await scene.clock.pass(1_000);
  scene.serve(silent);
  scene.accounting.account(record, noCounters);
  await scene.clock.pass(3_600_000);
  expect(scene.accounting.spooled).toBe(1);
  scene.serve(welcoming);
  await scene.clock.pass(60_000);
  expect(scene.accounting.spooled).toBe(0);
  const { acctDelayTime = 0, eventTimestamp } = scene.told.at(-1) ?? {};
  expect(acctDelayTime).toBeGreaterThanOrEqual(3_600);
  expect(eventTimestamp).toBe(VirtualClock.epochMs / 1000 + 1);
});

test('after a crash: what was left, the ends of the live sessions, and only then Accounting-On', async () => {
  const scene = await new Scene().begin();
  await scene.clock.pass(1_000);
  scene.accounting.account(record, noCounters);
  const other = { ...record, session: 5 };
  scene.accounting.account(other, noCounters);
  await scene.clock.pass(60_000);
  scene.accounting.account({ ...record, event: 'interim', sessionMs: 60_000 }, { ...noCounters, rxOctets: 99 });
  await scene.clock.pass(1_000);
  scene.serve(silent);
  scene.accounting.account({ ...other, event: 'stop', sessionMs: 60_000, cause: 'userRequest' }, noCounters);
  await scene.clock.pass(1_000);
  scene.serve(welcoming);
  const before = scene.told.length;
  await scene.crash();
  scene.accounting.account(record, noCounters);
  await scene.clock.pass(60_000);
  const after = scene.told.slice(before);
  expect(after.map(({ acctStatusType }) => acctStatusType)).toEqual([stop, stop, on, start]);
  expect(after[0]).toMatchObject({ acctSessionId: 'life1-000002', acctTerminateCause: 1, acctSessionTime: 60 });
  expect(after[1]).toMatchObject({
    acctSessionId: 'life1-000001',
    acctTerminateCause: 11,
    acctSessionTime: 60,
    acctInputOctets: 99,
    eventTimestamp: VirtualClock.epochMs / 1000 + 61,
  });
  expect(after[3]).toMatchObject({ acctSessionId: 'life2-000001' });
});

test('a server that never takes Accounting-On is told of sessions all the same', async () => {
  const scene = new Scene();
  scene.serve({
    ...welcoming,
    answer: (request) => (request.attributes.acctStatusType === on ? undefined : welcoming.answer(request)),
  });
  await scene.begin();
  scene.accounting.account(record, noCounters);
  await scene.clock.pass(600_000);
  expect(scene.accounting.spooled).toBe(0);
  expect(scene.statuses.filter((status) => status !== on)).toEqual([start]);
  expect(scene.troubles).toEqual(['no RADIUS server has taken Accounting-On; the records go on without it']);
});

test('Accounting-On is said once, and not to servers that come later: sessions are live', async () => {
  const scene = await new Scene().begin();
  scene.accounting.account(record, noCounters);
  await scene.clock.pass(1_000);
  scene.accounting.configure({ ...spec, nasIdentifier: 'another-name' });
  scene.accounting.account({ ...record, event: 'interim', sessionMs: 1_000 }, noCounters);
  await scene.clock.pass(1_000);
  expect(scene.statuses).toEqual([on, start, interim]);
});

test('while there is no server, the sessions that one knows are told of later, and no others', async () => {
  const scene = await new Scene().begin();
  scene.accounting.account(record, noCounters);
  await scene.clock.pass(1_000);
  scene.accounting.configure({ ...spec, servers: [] });
  scene.accounting.account({ ...record, session: 5 }, noCounters);
  scene.accounting.account({ ...record, event: 'stop', sessionMs: 5 }, noCounters);
  await scene.clock.pass(600_000);
  scene.accounting.configure(spec);
  await scene.clock.pass(600_000);
  expect(scene.statuses).toEqual([on, start, stop]);
});

test('the daemon ends although no server answers, and the rest is told later', async () => {
  const scene = new Scene();
  scene.serve(silent);
  await scene.begin();
  scene.accounting.account(record, noCounters);
  scene.accounting.account({ ...record, event: 'stop', sessionMs: 5 }, noCounters);
  await scene.close();
  scene.serve(welcoming);
  await scene.begin();
  await scene.clock.pass(60_000);
  expect(scene.statuses.slice(-3)).toEqual([start, stop, on]);
});

test('Classes that leave no room for what counts are left out', async () => {
  const scene = await new Scene().begin();
  scene.sessions.of(record.session).classes = Array.from({ length: 16 }, () => new Uint8Array(253).fill(7));
  scene.accounting.account(record, noCounters);
  await scene.clock.pass(1_000);
  expect(scene.told.at(-1)).toMatchObject({ acctStatusType: start, userName: 'alice' });
  expect(scene.told.at(-1)).not.toHaveProperty('class');
});

test('Classes that just fit leave room for the delay', async () => {
  const scene = await new Scene().begin();
  const sessions = Array.from({ length: 50 }, (_, i) => i + 1);
  for (const session of sessions) {
    const octets = [...new Array<number>(15).fill(253), 5 * session];
    scene.sessions.of(session).classes = octets.map((count) => new Uint8Array(count));
    scene.accounting.account({ ...record, session }, noCounters);
  }
  await scene.clock.pass(2_000);
  expect(scene.told.flatMap(({ nasPort = [] }) => nasPort).sort((a, b) => a - b)).toEqual(sessions);
});
