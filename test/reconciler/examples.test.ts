import { accessSync, constants, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { same } from '../../src/reconciler/compare.ts';
import { desired } from '../../src/reconciler/desired.ts';
import { foresee } from '../../src/reconciler/foresee.ts';
import { emptySystem } from '../../src/reconciler/live.ts';
import { objectOf, plan } from '../../src/reconciler/plan.ts';
import { Reconciler } from '../../src/reconciler/reconciler.ts';
import { loadDirectory } from '../../src/reconciler/sources/files.ts';
import { FakeLive, nothing, VirtualClock } from './fake-live.ts';

const root = join(import.meta.dirname, '../../examples');

/** Every example: a file at the top, or a folder that holds documents. */
function examples(folder: string): string[] {
  const entries = readdirSync(join(root, folder)).map((name) => join(folder, name));
  const files = entries.filter((path) => /\.ya?ml$/.test(path));
  const folders = entries.filter((path) => statSync(join(root, path)).isDirectory());
  return [...(folder === '' ? files : files.length > 0 ? [folder] : []), ...folders.flatMap(examples)];
}

const steps: Record<string, string[]> = {
  'lac.yaml': ['openTunnel Tunnel/to-lns', 'openSession Session/lab', 'openSession Session/office'],
  'lns.yaml': ['configureDevice Device/l2tp0'],
  'both-roles.yaml': ['configureDevice Device/l2tp0', 'openTunnel Tunnel/upstream', 'openSession Session/upstream'],
  'outgoing-call.yaml': [
    'openTunnel Tunnel/branch',
    'openTunnel Tunnel/head-office',
    'openSession Session/call-shop',
    'openSession Session/called-by-head-office',
  ],
  'switching.yaml': [
    'configureDevice Device/l2tp0',
    'openTunnel Tunnel/isp-a-1',
    'openTunnel Tunnel/isp-a-2',
    'openTunnel Tunnel/isp-b',
  ],
  'pppoe-lac.yaml': ['openTunnel Tunnel/lns'],
  'limits.yaml': ['configureDevice Device/l2tp0'],
  'lns-radius.yaml': ['configureDevice Device/homes'],
  'lac-radius.yaml': ['openTunnel Tunnel/own-lns'],
  'static-subscribers.yaml': ['configureDevice Device/l2tp0'],
  'hooks.yaml': ['openTunnel Tunnel/to-lns', 'openSession Session/office'],
  circuit: ['openTunnel Tunnel/to-branch', 'openSession Session/branch'],
  'l2vpn-left.yaml': ['openTunnel Tunnel/to-right', 'openSession Session/office'],
  'l2vpn-right.yaml': [],
  'ethernet-hub.yaml': [],
  'static-l2tpv3.yaml': ['openTunnel Tunnel/linux', 'openSession Session/linux'],
  'fallback.yaml': ['configureDevice Device/l2tp0', 'openTunnel Tunnel/upstream', 'openSession Session/upstream'],
  'quickstart/lac': ['openTunnel Tunnel/to-lns', 'openSession Session/alice'],
  'quickstart/lns': ['configureDevice Device/l2tp0'],
};

describe('the examples', () => {
  it('are all known here', () => {
    expect(examples('').sort()).toEqual(Object.keys(steps).sort());
  });

  it.each(Object.entries(steps))('%s is valid and leads to what it says', async (path, expected) => {
    const { state, errors } = desired(await loadDirectory(join(root, path)));
    expect(errors.map(String)).toEqual([]);
    const planned = foresee(state, nothing).map((action) => `${action.action} ${objectOf(action)}`);
    const system = same(state.system, emptySystem) ? [] : ['configureSystem System'];
    expect(planned).toEqual([...system, 'configureAaa AAA', 'configureGateway Gateway', ...expected]);
  });

  it.each(Object.keys(steps))(
    '%s is reached, and then nothing is left to do, also by whoever reads it anew',
    async (path) => {
      const clock = new VirtualClock();
      const live = new FakeLive(clock);
      const reconciler = new Reconciler({ live, clock, random: () => 0 });
      live.onChange = () => reconciler.wake();
      reconciler.setSnapshot(await loadDirectory(join(root, path)));
      await clock.advance(2000);
      const observed = await live.observe();
      for (const { state } of [...live.tunnels.values(), ...live.sessions.values()]) expect(state).toBe('established');
      const anew = desired(await loadDirectory(join(root, path)));
      expect(plan(anew.state, observed)).toEqual([]);
      expect(anew.state.tunnels.size + anew.state.sessions.size).toBe(live.tunnels.size + live.sessions.size);
      live.taken();
      reconciler.setSnapshot(await loadDirectory(join(root, path)));
      await clock.advance(100_000);
      expect(live.taken()).toEqual([]);
    },
  );

  it('run hooks that are there', async () => {
    const { state } = desired(await loadDirectory(join(root, 'hooks.yaml')));
    const programs = Object.values(state.system.hooks).map(({ command: [program] }) => program);
    expect(programs).toHaveLength(4);
    for (const program of programs) accessSync(program, constants.X_OK);
  });

  it('of both ends of the L2VPN speak the same secret, and the same pseudowire', async () => {
    const [left, right] = await Promise.all(
      ['l2vpn-left.yaml', 'l2vpn-right.yaml'].map(async (path) => desired(await loadDirectory(join(root, path)))),
    );
    const [peer] = right.state.gateway.peers;
    const ours = left.state.tunnels.get('to-right')?.parameters;
    expect(ours?.secret && peer.tunnel.secret?.equals(ours.secret)).toBe(true);
    expect(peer.match.hostName).toBe(ours?.hostName);
    expect(peer.session.pseudowire).toBe(left.state.sessions.get('office')?.parameters.pseudowire);
  });

  it('of the quick start speak the same secret to each other', async () => {
    const [lac, lns] = await Promise.all(
      ['quickstart/lac', 'quickstart/lns'].map(async (path) => desired(await loadDirectory(join(root, path)))),
    );
    const ours = lac.state.tunnels.get('to-lns')?.parameters.secret;
    const theirs = lns.state.gateway.peers[0].tunnel.secret;
    expect(ours && theirs && ours.equals(theirs)).toBe(true);
    const login = lac.state.sessions.get('alice')?.ppp;
    const [alice] = lns.state.aaa.subscribers;
    expect(login?.userName).toBe(alice.userName);
    expect(login?.password?.equals(alice.password)).toBe(true);
  });
});
