/** Whatever is asked of a plane, in whatever order: each op is answered once, as its state says, and nothing is left. */
import '../netns/patience.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type IpAttachment,
  type PlaneOp,
  type SessionKey,
  sessionKeyV2,
  sessionKeyV3,
} from '../../src/engine/ports.ts';
import type { DataSequencing, FilterRule } from '../../src/engine/spec.ts';
import { join, Namespace, PlaneProcess } from './lab.ts';
import { clientSide, dataMessage, formatV3, ipv4, serverSide, subs } from './sessions.ts';

/** Of L2TPv2, and of L2TPv3. */
const tunnelIds = [1, 2, 3];
const tunnelV3 = 3;
const keysV3 = [0x8000_0001, 7].map(sessionKeyV3);
const l2tpKeys = [...[1, 2].flatMap((tunnel) => [1, 2].map((id) => sessionKeyV2(tunnel, id))), ...keysV3];
const pppoeKeys = [sessionKeyV2(0, 1), sessionKeyV2(0, 2)];
const keys = [...l2tpKeys, ...pppoeKeys];
const tunnelOf = (key: SessionKey): number => (keysV3.includes(key) ? tunnelV3 : key >>> 16);
/** As a number without sign: of L2TPv3 the local id, of L2TPv2 both. */
const idOf = (key: SessionKey): number => key >>> 0;

const numbered = { ...formatV3, rxSublayer: 'default', txSublayer: 'default', checksSequence: true } as const;
const prefixes = [{ high: 0x20010db800800001n, length: 64 }];
const proxied: IpAttachment = {
  ...serverSide,
  mssClamp: true,
  mtu: 1300,
  ipv4: { local: ipv4('10.9.0.1'), remote: ipv4('192.0.2.77'), defaultRoute: false, proxyArp: true },
  ipv6: { localInterfaceId: 1n, remoteInterfaceId: 3n, prefixes, router: true },
};
/** Some of them claim the same address, prefix or interface identifier. */
const attachments: readonly IpAttachment[] = [
  clientSide,
  serverSide,
  proxied,
  { ...serverSide, routes: ['172.20.0.0/16', '2001:db8:99::/48'] },
  { ...clientSide, ipv4: proxied.ipv4 },
];
const rates = [
  { txBps: 8_000, rxBps: 8_000 },
  { txBps: 1_000_000, rxBps: 0 },
];
const filter: readonly FilterRule[] = [{ action: 'deny', direction: 'both', protocol: 1 }];

/** What of a plane's state decides over its answers. */
class Model {
  readonly tunnels = new Set<number>();
  readonly up = new Set<SessionKey>();
  readonly spliced = new Map<SessionKey, SessionKey>();
  open = false;
  shared = false;

  down(key: SessionKey): void {
    this.up.delete(key);
    this.unsplice(key);
  }

  unsplice(key: SessionKey): void {
    const other = this.spliced.get(key);
    this.spliced.delete(key);
    if (other !== undefined) this.spliced.delete(other);
  }
}

/** An op, and the errno that it must fail with, if any; applies it to the model. */
type Step = (model: Model, socket: number) => { op: PlaneOp; code?: string };

const key = fc.constantFrom(...keys);
const l2tpKey = fc.constantFrom(...l2tpKeys);
const tunnelId = fc.constantFrom(...tunnelIds);

const step: fc.Arbitrary<Step> = fc.oneof(
  tunnelId.map(
    (id): Step =>
      (model, socket) => {
        model.tunnels.add(id);
        const version = id === tunnelV3 ? 3 : 2;
        const ids = { localTunnelId: id, remoteTunnelId: id, version, encapsulation: 'udp' } as const;
        const remote = { address: '192.0.2.2', port: 1701 };
        return { op: { op: 'tunnelUp', ...ids, socket, remote, from: undefined } };
      },
  ),
  tunnelId.map(
    (id): Step =>
      (model) => {
        model.tunnels.delete(id);
        return { op: { op: 'tunnelDown', localTunnelId: id } };
      },
  ),
  fc.tuple(l2tpKey, fc.constantFrom(0, 5, 60_000), fc.constantFrom<DataSequencing>('none', 'nonIp', 'all')).map(
    ([session, reorderTimeoutMs, sequencing]): Step =>
      (model) => {
        const format = keysV3.includes(session) ? { ...numbered, localSessionId: idOf(session) } : undefined;
        const facts = { remoteSessionId: session & 0xffff, pseudowire: 'ppp', sequencing, format, dscp: 0 } as const;
        const op = { op: 'sessionUp', session, localTunnelId: tunnelOf(session), reorderTimeoutMs, ...facts } as const;
        if (!model.tunnels.has(tunnelOf(session))) return { op, code: 'ENOENT' };
        model.down(session);
        model.up.add(session);
        return { op };
      },
  ),
  fc.tuple(l2tpKey, fc.constantFrom(0, 5, 60_000)).map(
    ([session, reorderTimeoutMs]): Step =>
      (model) => ({
        op: { op: 'sessionModify', session, sequencing: 'all', reorderTimeoutMs, dscp: 46 },
        code: model.up.has(session) ? undefined : 'ENOENT',
      }),
  ),
  fc.tuple(key, fc.boolean()).map(
    ([session, active]): Step =>
      (model) => {
        const op = { op: 'peerCircuit', session, active } as const;
        if (!model.up.has(session)) return { op, code: 'ENOENT' };
        return { op, code: tunnelOf(session) === 0 ? 'EOPNOTSUPP' : undefined };
      },
  ),
  key.map(
    (session): Step =>
      (model) => {
        model.down(session);
        return { op: { op: 'sessionDown', session } };
      },
  ),
  fc.constantFrom('wire', 'missing').map(
    (name): Step =>
      (model) => {
        if (name === 'wire') model.open = true;
        return { op: { op: 'pppoeOpen', interface: name }, code: name === 'wire' ? undefined : 'ENODEV' };
      },
  ),
  fc.constant<Step>((model) => {
    model.open = false;
    return { op: { op: 'pppoeClose', interface: 'wire' } };
  }),
  fc.constantFrom(...pppoeKeys).map(
    (session): Step =>
      (model) => {
        const peer = Uint8Array.of(2, 0, 0, 0, 0, session);
        const op = { op: 'pppoeUp', session, interface: 'wire', peer, pppoeSessionId: session } as const;
        if (!model.open) return { op, code: 'ENOENT' };
        model.down(session);
        model.up.add(session);
        return { op };
      },
  ),
  fc.tuple(key, key).map(
    ([session, other]): Step =>
      (model) => {
        const op = { op: 'splice', session, with: other } as const;
        if (session === other) return { op, code: 'EINVAL' };
        if (!model.up.has(session) || !model.up.has(other)) return { op, code: 'ENOENT' };
        for (const one of [session, other]) model.unsplice(one);
        model.spliced.set(session, other);
        model.spliced.set(other, session);
        return { op };
      },
  ),
  fc.tuple(key, fc.constantFrom(...attachments)).map(
    ([session, attachment]): Step =>
      (model) => {
        const op = { op: 'attach', session, attachment, acfc: true, pfc: true } as const;
        if (!model.up.has(session)) return { op, code: 'ENOENT' };
        if (tunnelOf(session) === 0) return { op, code: 'EOPNOTSUPP' };
        if (model.spliced.has(session)) return { op, code: 'EBUSY' };
        return { op, code: attachment.interface.kind === 'shared' && !model.shared ? 'ENODEV' : undefined };
      },
  ),
  fc.tuple(key, fc.constantFrom(undefined, ...rates), fc.constantFrom(undefined, filter)).map(
    ([session, rate, rules]): Step =>
      (model) => {
        const op = { op: 'limit', session, rate, filter: rules } as const;
        if (!model.up.has(session)) return { op, code: 'ENOENT' };
        return { op, code: tunnelOf(session) === 0 ? 'EOPNOTSUPP' : undefined };
      },
  ),
  key.map(
    (session): Step =>
      () => ({ op: { op: 'detach', session } }),
  ),
  fc.constant<Step>((model) => {
    model.shared = true;
    return { op: { op: 'device', device: subs } };
  }),
  fc.constant<Step>((model) => {
    const code = model.shared ? undefined : 'ENODEV';
    model.shared = false;
    return { op: { op: 'removeDevice', name: 'subs' }, code };
  }),
);

/** Messages of which some must wait for others. */
function messages(session: SessionKey): Uint8Array[] {
  if (keysV3.includes(session)) {
    const id = [24, 16, 8, 0].map((shift) => (idOf(session) >>> shift) & 255);
    return [3, 1, 9, 2].map((ns) => Uint8Array.of(0, 3, 0, 0, ...id, 0x40, 0, 0, ns, 0xc0, 0x21, 9, ns, 0, 4));
  }
  const [tunnel, id] = [session >>> 16, session & 0xffff];
  return [3, 1, 9, 2].map((ns) => {
    const message = dataMessage(0xc021, Uint8Array.of(9, ns, 0, 4), ns);
    message.set([0, tunnel, 0, id], 2);
    return message;
  });
}

test('any order of ops', async () => {
  const near = new Namespace('ops');
  const far = new Namespace('ops-far');
  join(near, far);
  const plane = new PlaneProcess(near);
  const peer = new PlaneProcess(far);
  const socket = await plane.open('192.0.2.1', 1701);
  const peerSocket = await peer.open('192.0.2.2', 1701);
  const empty = await plane.tables();
  expect(new Set(Object.values(empty))).toEqual(new Set([0]));
  const linksBefore = near.ip('-o', 'link');
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 60 }), async (steps) => {
      const model = new Model();
      for (const next of steps) {
        const { op, code } = next(model, socket);
        const fact = await plane.apply(op);
        expect({ op: op.op, code: fact.fact === 'failed' ? fact.code : undefined }).toEqual({ op: op.op, code });
        if (op.op === 'sessionUp') {
          for (const message of messages(op.session)) {
            await peer.datagram(peerSocket, { address: '192.0.2.1', port: 1701 }, message);
          }
          await plane.sendControl(op.session, Uint8Array.of(0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 4));
        }
      }
      for (const session of keys) expect((await plane.counters(session)) !== undefined).toBe(model.up.has(session));

      for (const session of keys) await plane.apply({ op: 'sessionDown', session });
      for (const localTunnelId of tunnelIds) await plane.apply({ op: 'tunnelDown', localTunnelId });
      await plane.apply({ op: 'removeDevice', name: 'subs' });
      await plane.apply({ op: 'pppoeClose', interface: 'wire' });
      expect(await plane.tables()).toEqual(empty);
      expect(await plane.list()).toEqual([]);
    }),
    { numRuns: 25 },
  );
  expect(near.ip('-o', 'link')).toBe(linksBefore);
  expect(near.ip('neigh', 'show', 'proxy')).toBe('');
  for (const family of ['-4', '-6']) expect(near.ip(family, 'route', 'show', 'proto', '171')).toBe('');
  // Nothing is left that keeps the process alive.
  expect(await plane.close()).toBe(0);
  expect(await peer.close()).toBe(0);
  near.remove();
  far.remove();
});
