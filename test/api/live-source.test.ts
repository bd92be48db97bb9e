import { beforeEach, describe, expect, test } from 'vitest';
import { EventLog } from '../../src/api/events.ts';
import { LiveSource } from '../../src/api/live-source.ts';
import { acceptedName } from '../../src/api/names.ts';
import { sessionKeyV2, sessionKeyV3 } from '../../src/engine/ports.ts';
import { noCounters } from '../../src/engine/spec.ts';
import { emptySystem, type ObservedState } from '../../src/reconciler/live.ts';
import { Reconciler } from '../../src/reconciler/reconciler.ts';
import { loadTexts } from '../../src/reconciler/sources/files.ts';
import { sessionView, tunnelView } from './fake-source.ts';

const api = 'apiVersion: prol2tp.io/v1alpha1\n';
const toLns = `${api}kind: Tunnel\nmetadata: {name: to-lns}\nspec: {remoteAddress: 192.0.2.9}\n`;
const alice = `${api}kind: Session\nmetadata: {name: alice}\nspec: {tunnel: to-lns, userName: alice}\n`;
const broken = `${api}kind: Tunnel\nmetadata: {name: broken}\nspec: {remoteAdress: 192.0.2.9}\n`;

/** A world in which every step succeeds at once and leaves tunnels and sessions established. */
class Obedient {
  readonly state: ObservedState = {
    system: emptySystem,
    gateway: undefined,
    aaa: undefined,
    devices: new Map(),
    tunnels: new Map(),
    sessions: new Map(),
    accepted: { tunnels: 0, sessions: 0 },
    pools: [],
    pppoeServers: [],
  };
  readonly tunnels = new Map<string, ReturnType<typeof tunnelView>>();
  readonly sessions = new Map<string, ReturnType<typeof sessionView>>();

  async apply(action: Parameters<ConstructorParameters<typeof Reconciler>[0]['live']['apply']>[0]): Promise<void> {
    switch (action.action) {
      case 'configureGateway':
        this.state.gateway = action.spec;
        break;
      case 'configureAaa':
        this.state.aaa = action.spec;
        break;
      case 'openTunnel':
        this.tunnels.set(
          action.spec.name,
          tunnelView({ name: action.spec.name, direction: 'dialled', spec: action.spec, localId: 1 }),
        );
        break;
      case 'openSession': {
        const { name, tunnel } = action.spec;
        this.sessions.set(
          name,
          sessionView({ name, tunnel, direction: 'dialled', spec: action.spec, tunnelLocalId: 1 }),
        );
        break;
      }
      default:
        throw new Error(`did not expect ${action.action}`);
    }
  }

  async observe(): Promise<ObservedState> {
    return { ...this.state, tunnels: this.tunnels, sessions: this.sessions };
  }
}

const { counters } = sessionView();
/** Of a pseudowire that is known by its session id alone. */
const frames = { ...noCounters, rxPackets: 7 };
let world: Obedient;
let reconciler: Reconciler;
let source: LiveSource;
let pass: () => Promise<unknown>;

beforeEach(() => {
  world = new Obedient();
  let passed: (value?: unknown) => void;
  let due: (() => void) | undefined;
  reconciler = new Reconciler({
    live: world,
    clock: {
      now: () => 0,
      wall: () => 0,
      setTimer: (_, callback) => {
        due = callback;
        return () => undefined;
      },
    },
    random: () => 0.5,
    onChange: () => passed(),
  });
  pass = () =>
    new Promise((resolve) => {
      passed = resolve;
      due?.();
    });
  source = new LiveSource({
    reconciler,
    engine: {
      declaredTunnels: () => world.tunnels.values(),
      declaredSessions: () => world.sessions.values(),
      acceptedTunnels: () => [tunnelView(), tunnelView({ name: 'granted 10.0.0.9', direction: 'dialled', localId: 9 })],
      acceptedSessions: () => [sessionView(), sessionView({ version: 3, localId: 0x1_0005, pseudowire: 'ethernet' })],
      accepted: () => ({ tunnels: 1, sessions: 1 }),
      drops: { unknownTunnel: 2 },
      pppoeServers: () => [],
      pppoeSessions: () => [],
      watch: () => () => undefined,
    },
    plugins: { describe: () => undefined, errors: [] },
    plane: {
      name: 'userspace',
      counters: (session) => {
        if (session === sessionKeyV3(0x1_0005)) return frames;
        return session === sessionKeyV2(1, 5) ? counters : undefined;
      },
      dropped: () => ({ unknownSession: 1 }),
      list: async () => [],
    },
    aaa: {
      pools: () => [{ name: 'home', total: 4, used: 1, prefixes: { total: 0, used: 0 }, refused: 0 }],
      radius: () => undefined,
    },
    events: new EventLog(),
    read: loadTexts,
  });
});

async function declare(...texts: string[]): Promise<void> {
  reconciler.setSnapshot(await loadTexts(documents(...texts)));
  await pass();
}

const documents = (...texts: string[]) => texts.map((text, i) => ({ file: `/etc/prol2tp/${i}.yaml`, text }));

test('shows no cookies of what is declared', async () => {
  const cookies = 'localCookie: "0011223344556677", remoteCookie: deadbeef';
  await declare(
    `${api}kind: Tunnel\nmetadata: {name: t}\nspec: {remoteAddress: 192.0.2.9, encapsulation: ip, static: {localTunnelId: 1, remoteTunnelId: 2}}\n`,
    `${api}kind: Session\nmetadata: {name: s}\nspec: {tunnel: t, pseudowire: ethernet, static: {localSessionId: 1, remoteSessionId: 2, ${cookies}}}\n`,
  );
  const [{ spec }] = source.declared('Session');
  expect(spec).toMatchObject({
    pseudowire: 'ethernet',
    static: { localSessionId: 1, remoteSessionId: 2, localCookie: '[secret]', remoteCookie: '[secret]' },
  });
});

test('gives declared resources with their place and status', async () => {
  await declare(toLns, alice);
  const [tunnel] = source.declared('Tunnel');
  expect(tunnel).toMatchObject({
    name: 'to-lns',
    spec: { remoteAddress: '192.0.2.9' },
    origin: '/etc/prol2tp/0.yaml:1',
    status: { observedGeneration: 1 },
  });
  expect(tunnel.status.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
});

test('gives what is known only by its mistake', async () => {
  await declare(toLns, broken);
  const [, wrong] = source.declared('Tunnel');
  expect(wrong.name).toBe('broken');
  expect(wrong.spec).toBeUndefined();
  expect(wrong.status.conditions?.find(({ type }) => type === 'Stalled')?.message).toContain('/etc/prol2tp/1.yaml:4');
  expect(source.errors()).toHaveLength(1);
});

test('gives live tunnels and sessions, declared before accepted, and counts them', async () => {
  await declare(toLns, alice);
  expect(Array.from(source.tunnels(), ({ name }) => name)).toEqual(['to-lns', undefined, 'granted 10.0.0.9']);
  expect(Array.from(source.sessions(), ({ name }) => name)).toEqual(['alice', undefined, undefined]);
  expect(Array.from(source.sessions(), (session) => session.counters)).toEqual([counters, undefined, frames]);
  expect(source.counts()).toEqual({
    tunnels: { dialled: 1, accepted: 1 },
    sessions: { dialled: 1, accepted: 1 },
    dropped: { unknownSession: 1 },
    ignored: { unknownTunnel: 2 },
  });
});

describe('plan', () => {
  test('of what is declared already is empty', async () => {
    await declare(toLns, alice);
    expect(await source.plan(documents(toLns, alice))).toEqual({
      actions: [],
      drops: { tunnels: [], sessions: [] },
      errors: [],
    });
  });

  test('tells whom no profile matches any more: not those that the AAA granted, which need none', async () => {
    await declare(toLns);
    const gateway = `${api}kind: Gateway\nmetadata: {name: default}\nspec: {drain: true}\n`;
    const { drops } = await source.plan(documents(toLns, gateway));
    expect(drops).toEqual({
      tunnels: [acceptedName(4711)],
      sessions: [acceptedName(4711, 5), acceptedName(4711, 0x1_0005)],
    });
  });

  test('tells what comes back from what goes for good', async () => {
    await declare(toLns, alice);
    const moved = toLns.replace('192.0.2.9', '192.0.2.10');
    const { actions, drops } = await source.plan(documents(moved, alice));
    expect(actions).toEqual([
      {
        change: 'replace',
        kind: 'Tunnel',
        name: 'to-lns',
        reason: 'remoteAddress 192.0.2.9 -> 192.0.2.10: tunnel is re-established, 1 call drops',
      },
      {
        change: 'replace',
        kind: 'Session',
        name: 'alice',
        reason: 'drops with its tunnel and is placed again',
      },
    ]);
    expect(drops).toEqual({ tunnels: ['to-lns'], sessions: ['alice'] });
    const less = await source.plan(documents(toLns));
    expect(less.actions).toMatchObject([{ change: 'delete', kind: 'Session', name: 'alice' }]);
  });

  test('tells creations and changes', async () => {
    await declare(toLns);
    const pool = `${api}kind: AddressPool\nmetadata: {name: home}\nspec: {ranges: [10.0.0.0/24]}\n`;
    const faster = toLns.replace('192.0.2.9', '192.0.2.9, helloInterval: 30s');
    const { actions } = await source.plan(documents(faster, alice, pool));
    expect(actions.map(({ change, kind, name }) => [change, kind, name])).toEqual([
      ['update', 'AAA', undefined],
      ['update', 'Tunnel', 'to-lns'],
      ['create', 'Session', 'alice'],
    ]);
  });

  test('gives mistakes and changes nothing', async () => {
    await declare(toLns);
    const { errors } = await source.plan(documents(toLns, broken));
    expect(errors.map(({ resource }) => resource)).toEqual(['Tunnel/broken']);
    expect(source.errors()).toEqual([]);
  });
});

test('explains what is declared, field by field', async () => {
  await declare(toLns);
  const explanation = source.explain('Tunnel', 'to-lns');
  expect(explanation?.values).toContainEqual({ path: 'remoteAddress', value: '192.0.2.9', from: 'Tunnel/to-lns' });
  expect(explanation?.values.find(({ path }) => path === 'helloInterval')?.from).toBe('built-in');
  expect(source.explain('Tunnel', 'nobody')).toBeUndefined();
});
