import { expect, it } from 'vitest';
import { Subscribers } from '../src/aaa/subscribers.ts';
import { PlaneError } from '../src/engine/errors.ts';
import { Host } from '../src/engine/host.ts';
import type { DataPlane, PlaneFact, Transport } from '../src/engine/ports.ts';
import { LiveSystem } from '../src/live.ts';
import { gatewaySpec } from './engine/world.ts';
import { idlePlane, idleTransport } from './idle-ports.ts';
import { doc, resolved } from './reconciler/declare.ts';

it('observes what is in force of a Gateway when a listener was refused', async () => {
  const transport: Transport = {
    ...idleTransport,
    open: ({ address, port }) => {
      if (address === '10.0.0.9') throw new PlaneError('EADDRNOTAVAIL', `${address}:${port}`);
      return 1;
    },
  };
  const aaa = new Subscribers();
  const host = new Host(gatewaySpec({ listen: [] }), {
    transport,
    plane: idlePlane,
    aaa,
    chooseForward: () => undefined,
    onNotice: () => undefined,
  });
  const live = new LiveSystem(host, idlePlane, aaa, { configure: () => undefined });
  const udp = { port: 1701, encapsulation: 'udp', pmtuDiscovery: false } as const;
  const first = { address: '10.0.0.1', ...udp };
  const good = gatewaySpec({ listen: [first] });
  await live.apply({ action: 'configureGateway', spec: good, reason: '' });
  expect((await live.observe()).gateway).toEqual(good);

  const other = { address: '10.0.0.2', ...udp };
  const bad = gatewaySpec({ listen: [other, { address: '10.0.0.9', ...udp }], maxSessions: 7 });
  await expect(live.apply({ action: 'configureGateway', spec: bad, reason: '' })).rejects.toThrow('EADDRNOTAVAIL');
  // The way back has to be seen as a difference.
  expect((await live.observe()).gateway).toEqual({ ...bad, listen: [other] });
});

it('observes a PppoeServer that the system refuses as one that is yet to be served, until it is', async () => {
  let answer: PlaneFact = { fact: 'failed', error: new PlaneError('ENODEV', 'PPPoE on eth1') };
  const refusing: DataPlane = {
    ...idlePlane,
    apply: (op, tell) => tell(op.op === 'pppoeOpen' ? answer : { fact: 'done' }),
  };
  const aaa = new Subscribers();
  const host = new Host(gatewaySpec({ listen: [] }), {
    transport: idleTransport,
    plane: refusing,
    aaa,
    chooseForward: () => undefined,
    onNotice: () => undefined,
  });
  const live = new LiveSystem(host, refusing, aaa, { configure: () => undefined });
  const { state, errors } = resolved(
    doc('PppoeServer', 'p', { interface: 'eth1' }),
    doc('SessionProfile', 'default', { forward: { tunnels: ['t'] } }),
    doc('Tunnel', 't', { remoteAddress: '192.0.2.9' }),
  );
  expect(errors).toEqual([]);
  await live.apply({ action: 'configureGateway', spec: state.gateway, reason: '' });
  const refused = await live.observe();
  expect(refused.gateway?.pppoeServers).toEqual([]);
  expect(refused.pppoeServers).toEqual([{ name: 'p', sessions: 0, failure: 'PPPoE on eth1: ENODEV' }]);

  answer = { fact: 'done' };
  await live.apply({ action: 'configureGateway', spec: state.gateway, reason: '' });
  expect((await live.observe()).gateway).toEqual(state.gateway);
});
