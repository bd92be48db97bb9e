import { expect, it } from 'vitest';
import { LocalAaa } from '../src/aaa/local.ts';
import { PlaneError } from '../src/engine/errors.ts';
import { Host } from '../src/engine/host.ts';
import type { DataPlane, Transport } from '../src/engine/ports.ts';
import { LiveSystem } from '../src/live.ts';
import { gatewaySpec } from './engine/world.ts';

const plane: DataPlane = {
  name: 'userspace',
  capabilities: { pseudowires: ['ppp'], kernelModules: [] },
  apply: (_op, answer) => answer({ fact: 'done' }),
  deliver: () => undefined,
  sendControl: () => undefined,
  sendDiscovery: () => undefined,
  counters: () => undefined,
  dropped: () => ({}),
  list: async () => [],
  close: async () => undefined,
};

it('observes what is in force of a Gateway when a listener was refused', async () => {
  const transport: Transport = {
    open: ({ address, port }) => {
      if (address === '10.0.0.9') throw new PlaneError('EADDRNOTAVAIL', `${address}:${port}`);
      return 1;
    },
    close: () => undefined,
    endpoint: (address, port) => ({ address, port }),
    local: () => ({ address: '10.0.0.1', port: 1701 }),
    send: () => undefined,
  };
  const aaa = new LocalAaa();
  const host = new Host(gatewaySpec({ listen: [] }), {
    transport,
    plane,
    aaa,
    chooseForward: () => undefined,
    onNotice: () => undefined,
  });
  const live = new LiveSystem(host, plane, aaa, { configure: () => undefined });
  const first = { address: '10.0.0.1', port: 1701 };
  const good = gatewaySpec({ listen: [first] });
  await live.apply({ action: 'configureGateway', spec: good, reason: '' });
  expect((await live.observe()).gateway).toEqual(good);

  const other = { address: '10.0.0.2', port: 1701 };
  const bad = gatewaySpec({ listen: [other, { address: '10.0.0.9', port: 1701 }], maxSessions: 7 });
  await expect(live.apply({ action: 'configureGateway', spec: bad, reason: '' })).rejects.toThrow('EADDRNOTAVAIL');
  // The way back has to be seen as a difference.
  expect((await live.observe()).gateway).toEqual({ ...bad, listen: [other] });
});
