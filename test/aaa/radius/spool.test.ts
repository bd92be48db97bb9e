import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Delivery } from '../../../src/aaa/radius/accounting-delivery.ts';
import { Spool, type SpoolLimits } from '../../../src/aaa/radius/spool.ts';
import type { RecordKind } from '../../../src/aaa/radius/spool-lines.ts';
import { SpoolDisk } from './spool-disk.ts';
import { VirtualClock } from './virtual-clock.ts';

const limits: SpoolLimits = { pending: 1_000, octets: 1 << 20, unwritten: 1_000, inMemory: 2, fileOctets: 600 };
const text = new TextDecoder();
const octets = new TextEncoder();

/** Longer than any pause, repetition or batch. */
const longMs = 3_600_000;

/** A daemon's spool with its delivery, and a server that notes what it gets. */
class World {
  readonly clock = new VirtualClock();
  disk = new SpoolDisk();
  readonly troubles: string[] = [];
  /** What the server was told, in that order: `SESSION KIND CONTENT`, and in which life of the daemon. */
  readonly tellings: { told: string; life: number }[] = [];
  /** How the server treats a record. */
  server: 'acknowledges' | 'isDown' | 'answersLost' = 'acknowledges';
  /** Records that it never acknowledges. */
  refuses = (_told: string): boolean => false;
  readonly givenUp: string[] = [];
  readonly limits: SpoolLimits;
  lives = 0;
  spool!: Spool;
  delivery!: Delivery;

  constructor(more: Partial<SpoolLimits> = {}) {
    this.limits = { ...limits, ...more };
  }

  async begin(): Promise<void> {
    const life = ++this.lives;
    const delivery = new Delivery(
      {
        send: (entry, answer) => {
          void spool.read(entry).then((content) => {
            const told = `${entry.session} ${entry.kind} ${text.decode(content)}`;
            const { server } = this;
            if (server !== 'isDown' && life === this.lives && !this.refuses(told)) this.tellings.push({ told, life });
            this.clock.setTimer(server === 'acknowledges' ? 5 : 12_000, () => {
              if (life === this.lives) answer(server === 'acknowledges' && !this.refuses(told));
            });
          });
        },
        acknowledged: (entry) => spool.acknowledge(entry),
        givenUp: (entry) => {
          this.givenUp.push(`${entry.session} ${entry.kind}`);
          spool.acknowledge(entry);
        },
      },
      this.clock,
    );
    const events = {
      ready: delivery.add.bind(delivery),
      trouble: (message: string) => void this.troubles.push(message),
    };
    const spool = new Spool(this.disk, this.clock, events, this.limits);
    this.delivery = delivery;
    this.spool = spool;
    await spool.open((content) => octets.encode(`${text.decode(content)}+stop`));
  }

  crash(kept: number): Promise<void> {
    this.delivery.stop();
    this.disk = this.disk.crash(kept);
    return this.begin();
  }

  record(session: string, kind: RecordKind, content: string): void {
    this.spool.append({ session, kind, atMs: this.clock.wall(), content: octets.encode(content) });
  }

  get told(): string[] {
    return this.tellings.map(({ told }) => told);
  }

  toldOf(session: string): string[] {
    return this.told.filter((told) => told.startsWith(`${session} `)).map((told) => told.slice(session.length + 1));
  }
}

async function world(more: Partial<SpoolLimits> = {}): Promise<World> {
  const made = new World(more);
  await made.begin();
  return made;
}

describe('the accounting spool', () => {
  test('a record is told once, and nothing stays behind', async () => {
    const made = await world();
    made.record('a', 'start', '1');
    await made.clock.pass(0);
    // It is not on disk yet.
    expect(made.told).toEqual([]);
    await made.clock.pass(1_000);
    made.record('a', 'stop', '2');
    await made.clock.pass(longMs);
    expect(made.told).toEqual(['a start 1', 'a stop 2']);
    expect(made.spool.pending).toBe(0);
    await made.spool.close();
    expect(made.disk.files.size).toBe(0);
    expect(made.troubles).toEqual([]);
  });

  test('what no server acknowledged is told after a restart, in its order', async () => {
    const made = await world();
    made.server = 'isDown';
    for (const session of ['a', 'b', 'c']) {
      made.record(session, 'start', '1');
      made.record(session, 'stop', '2');
      await made.clock.pass(100);
    }
    await made.clock.pass(longMs);
    await made.spool.close();
    made.server = 'acknowledges';
    await made.begin();
    await made.clock.pass(longMs);
    expect(made.told).toEqual(['a start 1', 'b start 1', 'c start 1', 'a stop 2', 'b stop 2', 'c stop 2']);
  });

  test('after an outage they are told in their order, but for the one by which its end was noticed', async () => {
    const made = await world();
    made.server = 'isDown';
    const sessions = Array.from({ length: 10 }, (_, i) => `s${i}`);
    for (const session of sessions) {
      made.record(session, 'stop', '');
      await made.clock.pass(1_000);
    }
    await made.clock.pass(longMs);
    made.server = 'acknowledges';
    await made.clock.pass(longMs);
    const [first, ...others] = made.told;
    expect(made.told).toHaveLength(10);
    expect(others).toEqual(sessions.map((session) => `${session} stop `).filter((told) => told !== first));
  });

  test('sessions that were live in a crash are ended with what was told last', async () => {
    const made = await world();
    made.record('long', 'start', '0');
    made.record('long', 'interim', '10');
    made.record('young', 'start', '0');
    made.record('over', 'start', '0');
    made.record('over', 'stop', '3');
    await made.clock.pass(longMs);
    await made.crash(0);
    await made.clock.pass(longMs);
    expect(made.toldOf('long')).toEqual(['start 0', 'interim 10', 'stop 10+stop']);
    expect(made.toldOf('young')).toEqual(['start 0', 'stop 0+stop']);
    expect(made.toldOf('over')).toEqual(['start 0', 'stop 3']);
    await made.crash(0);
    await made.clock.pass(longMs);
    expect(made.told).toHaveLength(7);
  });

  test('of updates that wait only the last one is told', async () => {
    const made = await world();
    made.server = 'isDown';
    made.record('a', 'start', '0');
    for (let i = 1; i <= 50; i++) {
      made.record('a', 'interim', `${i}`);
      await made.clock.pass(60_000);
    }
    expect(made.spool.pending).toBe(2);
    made.server = 'acknowledges';
    await made.clock.pass(longMs);
    expect(made.toldOf('a')).toEqual(['start 0', 'interim 50']);
  });

  test('a long-lived session does not keep the records of others on disk', async () => {
    const made = await world();
    made.record('long', 'start', '0');
    for (let i = 0; i < 400; i++) {
      made.record(`s${i}`, 'start', '1');
      made.record(`s${i}`, 'stop', '2');
      await made.clock.pass(2_000);
    }
    await made.clock.pass(longMs);
    expect(made.told).toHaveLength(801);
    expect(made.disk.octets).toBeLessThan(5_000);
    await made.crash(0);
    await made.clock.pass(longMs);
    expect(made.toldOf('long')).toEqual(['start 0', 'stop 0+stop']);
    expect(made.told).toHaveLength(802);
  });

  test('a full spool drops updates first, then the oldest, and says so', async () => {
    const made = await world({ pending: 4 });
    made.server = 'isDown';
    made.record('a', 'start', '');
    made.record('a', 'interim', '');
    made.record('b', 'stop', '');
    made.record('c', 'stop', '');
    made.record('d', 'stop', '');
    await made.clock.pass(100);
    expect(made.spool.pending).toBe(4);
    expect(made.troubles).toEqual(['the accounting spool is full: 1 records were dropped']);
    made.record('e', 'stop', '');
    await made.clock.pass(longMs);
    made.server = 'acknowledges';
    await made.clock.pass(longMs);
    expect([...made.told].sort()).toEqual(['b stop ', 'c stop ', 'd stop ', 'e stop ']);
  });

  test('a record that servers refuse while they take others is given up in the end, and its session goes on', async () => {
    const made = await world();
    made.refuses = (told) => told.startsWith('bad start');
    made.record('bad', 'start', '');
    made.record('bad', 'stop', '');
    for (let i = 0; i < 100; i++) {
      made.record(`s${i}`, 'start', '');
      await made.clock.pass(60_000);
    }
    expect(made.givenUp).toEqual(['bad start']);
    expect(made.toldOf('bad')).toEqual(['stop ']);
    expect(made.told).toHaveLength(101);
  });

  test('without a disk records are told all the same, and are on disk when it is there again', async () => {
    const made = await world();
    made.disk.broken = true;
    made.record('a', 'start', '1');
    await made.clock.pass(1_000);
    expect(made.toldOf('a')).toEqual(['start 1']);
    expect(made.troubles).toEqual(['accounting records are not on disk, a crash would lose them: ENOSPC']);
    made.server = 'isDown';
    made.record('b', 'start', '1');
    made.record('b', 'stop', '2');
    await made.clock.pass(longMs);
    made.disk.broken = false;
    await made.clock.pass(longMs);
    expect(made.troubles.slice(1)).toEqual(['accounting spool: records are on disk again']);
    made.server = 'acknowledges';
    await made.crash(0);
    await made.clock.pass(longMs);
    expect(made.toldOf('b')).toEqual(['start 1', 'stop 2']);
    expect(made.toldOf('a')).toEqual(['start 1', 'stop 1+stop']);
  });

  test('a full one costs no more with each update', async () => {
    const made = await world({ pending: 100_000, unwritten: 1_000_000 });
    for (let i = 0; i < 100_000; i++) made.record(`s${i}`, 'stop', '1');
    for (let i = 0; i < 20_000; i++) made.record(`live${i}`, 'interim', '1');
    expect(made.spool.pending).toBe(100_000);
  });

  test('damaged lines are skipped, and said to be', async () => {
    const made = await world();
    made.server = 'isDown';
    made.record('a', 'stop', '1');
    made.record('b', 'stop', '1');
    await made.clock.pass(100);
    const [[file, whole]] = [...made.disk.files];
    made.disk.files.set(file, Buffer.concat([Buffer.from('{"sequence":1\n\0\0\0\n'), whole, Buffer.from('{"seq')]));
    made.server = 'acknowledges';
    await made.crash(0);
    await made.clock.pass(longMs);
    expect(made.told).toEqual(['a stop 1', 'b stop 1']);
    expect(made.troubles).toEqual(['accounting spool: 2 damaged lines were skipped']);
  });
});

// ---------------------------------------------------------------- any order of things

type Step =
  | { do: 'start' }
  | { do: 'interim' | 'stop'; which: number }
  | { do: 'wait'; ms: number; turns: number }
  | { do: 'server'; is: World['server'] }
  | { do: 'crash'; kept: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Step>({ do: 'start' }) },
  { weight: 9, arbitrary: fc.record({ do: fc.constantFrom('interim' as const, 'stop' as const), which: fc.nat(20) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      ms: fc.constantFrom(0, 1, 10, 25, 100, 2_000, 60_000),
      turns: fc.constantFrom(1, 2, 3, 4, 60, 60),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('server' as const),
      is: fc.constantFrom('acknowledges' as const, 'isDown' as const, 'answersLost' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('crash' as const), kept: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
);

test('whatever happens, a session is told from its beginning to its one end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 300, size: 'max' }), async (steps) => {
      const made = await world({ fileOctets: 150 });
      const begun: string[] = [];
      const live: string[] = [];
      /** Ended by us, and not in the moments before a crash. */
      const ended = new Map<string, string>();
      let fresh: string[] = [];
      let figure = 0;
      for (const each of steps) {
        switch (each.do) {
          case 'start':
            live.push(`s${begun.length}`);
            begun.push(`s${begun.length}`);
            made.record(live[live.length - 1], 'start', '0');
            break;
          case 'interim':
            if (live.length > 0) made.record(live[each.which % live.length], 'interim', `${++figure}`);
            break;
          case 'stop':
            if (live.length > 0) {
              const [session] = live.splice(each.which % live.length, 1);
              made.record(session, 'stop', `${++figure}`);
              ended.set(session, `stop ${figure}`);
              fresh.push(session);
            }
            break;
          case 'wait':
            await made.clock.pass(each.ms, each.turns);
            if (each.ms >= 100 && each.turns === 60) fresh = [];
            break;
          case 'server':
            made.server = each.is;
            break;
          case 'crash':
            for (const session of fresh.splice(0)) ended.delete(session);
            live.length = 0;
            await made.crash(each.kept);
            break;
        }
      }
      made.server = 'acknowledges';
      // What is still live ends with the last crash.
      await made.clock.pass(longMs, 60);
      await made.crash(0);
      await made.clock.pass(longMs, 60);
      for (const session of begun) {
        const told = made.toldOf(session);
        const stops = new Set(told.filter((each) => each.startsWith('stop')));
        expect(stops.size).toBeLessThanOrEqual(1);
        expect(told.length === 0 || stops.size === 1).toBe(true);
        const expected = ended.get(session);
        if (expected !== undefined) {
          expect([...stops]).toEqual([expected]);
          expect(told).toContain('start 0');
        }
        // A life that did not hear of the acknowledgement says it again, and in its order.
        for (let life = 1; life <= made.lives; life++) {
          const figures = made.tellings
            .filter((each) => each.life === life && each.told.startsWith(`${session} `))
            .map(({ told: each }) => Number.parseInt(each.split(' ')[2], 10) + (each.includes(' stop ') ? 0.5 : 0));
          expect(figures).toEqual([...figures].sort((x, y) => x - y));
        }
      }
      expect(made.spool.pending).toBe(0);
      await made.spool.close();
      expect(made.disk.files.size).toBe(0);
      expect(made.troubles).toEqual([]);
    }),
    // A failure is made smaller for so long at most.
    { numRuns: 60, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
  );
}, 120_000);
