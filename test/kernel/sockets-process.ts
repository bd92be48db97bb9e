/** A transport in a process of its own, told over IPC what to do: see sockets-lab.ts. */
import { SocketTransport } from '../../src/kernel/sockets.ts';
import type { Answer, Received, Request, ToldMtu } from './sockets-lab.ts';

const transport = new SocketTransport();
const received: Received[] = [];
const mtus: ToldMtu[] = [];
transport.onDatagram(({ socket, encapsulation, from, to, bytes, start, end }) =>
  received.push({
    socket,
    encapsulation,
    from: { address: from.address, port: from.port },
    to,
    text: Buffer.from(bytes.subarray(start, end)).toString('latin1'),
  }),
);
transport.onPathMtu((socket, { address }, mtuOctets) => mtus.push({ socket, address, mtuOctets }));

function run(request: Request): unknown {
  switch (request.call) {
    case 'open':
      return transport.open(request.listen);
    case 'close':
      return transport.close(request.socket);
    case 'send':
      for (const text of request.texts) {
        transport.send(request.socket, request.to, request.from, Buffer.from(text, 'latin1'), request.dscp);
      }
      return undefined;
    case 'pathMtu':
      return transport.pathMtu(request.socket, request.remote, request.from);
    case 'local':
      return transport.local(request.socket);
    case 'received':
      return received;
    case 'mtus':
      return mtus;
    case 'counters':
      return transport.counters;
  }
}

process.on('message', ({ id, request }: { id: number; request: Request }) => {
  const answer: Answer = { id };
  try {
    answer.result = run(request);
  } catch (error) {
    answer.error = error instanceof Error ? error.message : String(error);
  }
  process.send?.(answer);
});
