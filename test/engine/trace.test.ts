import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/engine/spec.ts';
import { type TraceRecord, type TraceScope, traceCategories } from '../../src/engine/trace.ts';
import { guarded, peerDialled, weDialled } from './scenes.ts';
import { bench, sample } from './scripted-peer.ts';
import { gatewaySpec, type Node, sessionSpec, tunnelParameters, tunnelSpec, World } from './world.ts';

function watched(node: Node, scope: Partial<TraceScope>) {
  const records: (TraceRecord & { described?: string })[] = [];
  const stop = node.engine.watch({ categories: traceCategories, ...scope }, (record) => {
    records.push({ ...record, described: record.packet?.describe() });
  });
  const messages = (category: string) =>
    records.filter((each) => each.category === category).map((each) => each.message);
  return { records, messages, stop };
}

describe('a watched tunnel', () => {
  it('shows its messages, its states and its transport from its first message on', () => {
    const { node, peer } = bench(gatewaySpec());
    const { messages, records } = watched(node, { tunnel: 'to-lns' });
    node.dial(tunnelSpec('10.0.0.9', { name: 'to-lns' }));
    peer.accept();
    expect(messages('protocol')).toEqual(['sent SCCRQ', 'received SCCRP', 'sent SCCCN']);
    expect(messages('fsm')).toEqual([
      'idle: open: request, now waitReply',
      'waitReply: SCCRP: confirm, now established',
    ]);
    expect(messages('transport')[0]).toMatch(/^sent SCCRQ, Ns 0, Nr 0, \d+ octets$/);
    expect(messages('avpInfo')[0]).toMatch(/^SCCRQ: .*Host Name/);
    expect(messages('data')).toHaveLength(1);
    expect(new Set(records.map(({ tunnel }) => tunnel))).toEqual(new Set(['to-lns']));
  });

  it('is seen beside another that is not', () => {
    const { node, peer } = bench(gatewaySpec());
    const { records } = watched(node, { tunnel: 'another' });
    node.dial(tunnelSpec('10.0.0.9', { name: 'to-lns' }));
    peer.accept();
    expect(records).toEqual([]);
  });

  it('shows which message is sent again', () => {
    const { node, world } = bench(gatewaySpec());
    const { messages } = watched(node, { tunnel: 'to-lns' });
    node.dial(tunnelSpec('10.0.0.9', { name: 'to-lns' }));
    world.runFor(1_500);
    expect(messages('transport').map((text) => text.endsWith(', again'))).toEqual([false, true]);
  });

  it('shows no more when nobody looks', () => {
    const { node, peer } = bench(gatewaySpec());
    const { records, stop } = watched(node, { tunnel: 'to-lns' });
    stop();
    node.dial(tunnelSpec('10.0.0.9', { name: 'to-lns' }));
    peer.accept();
    expect(records).toEqual([]);
    expect(node.engine.tracing.mask).toBe(0);
  });

  it('reveals what is hidden, and no secret', () => {
    const secret = new Secret('between-the-two');
    const parameters = tunnelParameters({ secret, hideAvps: true, authMode: 'challenge' });
    const world = new World(3);
    const node = world.node('10.0.0.1', gatewaySpec());
    world.node('10.0.0.2', guarded({ secret, hideAvps: true, authMode: 'challenge' }));
    const { records, messages } = watched(node, { tunnel: 'to-lns' });
    node.dial(tunnelSpec('10.0.0.2', { name: 'to-lns', parameters }));
    world.runFor(100);
    node.run(node.engine.openSession(sessionSpec('call', { tunnel: 'to-lns', callingNumber: '5551234' }), world.now));
    world.runFor(100);
    expect(messages('avpHide').join('\n')).toMatch(/ICRQ hides .*Calling Number 5551234/);
    const described = records.map((each) => each.described).find((text) => text?.startsWith('ICRQ'));
    expect(described).toContain('\nCalling Number: 5551234 (hidden)');
    const all = records.map(({ message, fields, described }) => [message, fields, described]);
    expect(JSON.stringify(all)).toMatch(/Challenge: \(\d+ octets, not shown\)/);
    expect(JSON.stringify(all)).not.toContain('between-the-two');
  });
});

describe('a watched session', () => {
  it('shows the messages, states, data and PPP of its own', () => {
    const { node, peer, world } = bench(gatewaySpec());
    const { records, messages } = watched(node, { session: 'call' });
    node.dial(tunnelSpec('10.0.0.9'));
    peer.accept();
    expect(records).toEqual([]);
    node.run(node.engine.openSession(sessionSpec('call'), world.now));
    const icrq = peer.log.at(-1);
    peer.send(sample(peer).ICRP, { sessionId: icrq?.avps.assignedSessionId });
    expect(messages('protocol')).toEqual(['sent ICRQ', 'received ICRP', 'sent ICCN']);
    expect(messages('fsm')).toEqual([
      'idle: open: request, now waitReply',
      'waitReply: ICRP: connect, now established',
    ]);
    expect(messages('data')).toEqual(['sessionUp']);
    expect(messages('ppp')).toContainEqual(expect.stringMatching(/^sent LCP Configure-Request, id \d+, \d+ octets$/));
    node.run(node.engine.closeSession('call', world.now));
    expect(messages('data').at(-1)).toBe('sessionDown');
  });
});

it('traces what a tunnel declares, and its calls', () => {
  const scene = weDialled(tunnelParameters({ trace: ['fsm'] }));
  expect(new Set(scene.node.traces.map(({ category }) => category))).toEqual(new Set(['fsm']));
  expect(scene.node.traces.map(({ session }) => session)).toContain('call');
});

it('traces what the Gateway declares, of everything', () => {
  const { node, peer } = bench(guarded({}, { match: { hostName: 'nobody', addresses: [] } }));
  node.engine.traceSystem(['system']);
  peer.sccrq();
  expect(node.traces.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^refused a tunnel to 10\.0\.0\.9/),
  ]);
});

it('traces nothing that nobody wants', () => {
  expect(weDialled().node.traces).toEqual([]);
  expect(peerDialled().node.traces).toEqual([]);
});
