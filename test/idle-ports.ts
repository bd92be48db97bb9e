/** Ports of a host that nothing happens at: tests replace what they are about. */
import type { DataPlane, Transport } from '../src/engine/ports.ts';

export const idlePlane: DataPlane = {
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

export const idleTransport: Transport = {
  open: () => 1,
  close: () => undefined,
  endpoint: (address, port) => ({ address, port }),
  local: () => ({ address: '10.0.0.1', port: 1701 }),
  send: () => undefined,
};
