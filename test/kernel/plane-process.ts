/** One transport and one plane in a process of their own, told over IPC what to do: see lab.ts. */
import type { PlaneFact } from '../../src/engine/ports.ts';
import type { CircuitStatus } from '../../src/engine/wire/avp.ts';
import { SocketTransport } from '../../src/kernel/sockets.ts';
import { UserspacePlane } from '../../src/kernel/userspace-plane.ts';
import type { Answer, Discovery, Request } from './lab.ts';

const transport = new SocketTransport();
const discoveries: Discovery[] = [];
const frames: { session: number; bytes: Uint8Array }[] = [];
const served = new Map<string, string | undefined>();
const circuits: { session: number; status: CircuitStatus }[] = [];
const drifts: { device: string; what: string }[] = [];
const plane = new UserspacePlane(transport, {
  frame: (session, bytes, start, end) => frames.push({ session, bytes: bytes.slice(start, end) }),
  framesDropped: () => undefined,
  circuit: (session, status) => circuits.push({ session, status }),
  pppoeServed: (interfaceName, failure) => served.set(interfaceName, failure),
  discovery: (interfaceName, peer, bytes, start, end) =>
    discoveries.push({ interface: interfaceName, peer: new Uint8Array(peer), packet: bytes.slice(start, end) }),
  drift: (device, what) => drifts.push({ device, what }),
});
transport.onDatagram((datagram) => plane.deliver(datagram));

async function run(request: Request): Promise<unknown> {
  switch (request.call) {
    case 'open':
      return transport.open(request.local);
    case 'apply':
      return new Promise((resolve) => plane.apply(request.op, (fact) => resolve(plain(fact))));
    case 'datagram':
      for (const dscp of request.dscps) transport.send(request.socket, request.to, undefined, request.bytes, dscp);
      return undefined;
    case 'sendControl':
      return plane.sendControl(request.session, request.frame);
    case 'sendDiscovery':
      return plane.sendDiscovery(request.interface, request.peer, request.packet);
    case 'discoveries':
      return discoveries;
    case 'tables':
      return plane.tables();
    case 'list':
      return plane.list();
    case 'sweep':
      return plane.sweep();
    case 'counters':
      return plane.counters(request.session);
    case 'dropped':
      return plane.dropped();
    case 'transport':
      return transport.counters;
    case 'frames':
      return frames;
    case 'served':
      return served;
    case 'drifts':
      return drifts;
    case 'circuits':
      return circuits;
    case 'close':
      await plane.close();
      for (const socket of request.sockets) transport.close(socket);
      return undefined;
  }
}

/** Errors lose their own fields on the way through IPC. */
function plain(fact: PlaneFact): unknown {
  return fact.fact === 'failed' ? { fact: 'failed', code: fact.error.code, message: fact.error.message } : fact;
}

process.on('message', async ({ id, request }: { id: number; request: Request }) => {
  const answer: Answer = { id, result: await run(request) };
  process.send?.(answer, undefined, undefined, () => {
    // After this nothing may keep the process alive.
    if (request.call === 'close') process.disconnect();
  });
});
