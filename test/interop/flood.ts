/**
 * Sends many datagrams to an LNS: `flood.ts ADDRESS garbage COUNT` from port 40000, or
 * `flood.ts ADDRESS requests COUNT`, good SCCRQs each from another address of 10.99.0.0/16 and another port.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const [address, what, countText] = process.argv.slice(2);
const count = Number(countText);
const port = 1701;
/** Datagrams between two pauses: what a default receive buffer holds. */
const burst = 64;

function avp(type: number, value: number[]): number[] {
  return [0x80, 6 + value.length, 0, 0, 0, type, ...value];
}

/** An SCCRQ with all that RFC 2661 6.1 wants. */
function sccrq(tunnelId: number): Buffer {
  const hostName = [...Buffer.from(`made-up-${tunnelId}`)];
  const avps = [
    ...avp(0, [0, 1]),
    ...avp(2, [1, 0]),
    ...avp(3, [0, 0, 0, 3]),
    ...avp(7, hostName),
    ...avp(9, [tunnelId >> 8, tunnelId & 0xff]),
  ];
  const length = 12 + avps.length;
  return Buffer.from([0xc8, 0x02, length >> 8, length & 0xff, 0, 0, 0, 0, 0, 0, 0, 0, ...avps]);
}

/** Every kind of wrong: noise, good messages cut short or with flipped bits, messages to tunnels that are not there. */
function garbage(i: number): Buffer {
  const good = sccrq((i % 65_535) + 1);
  switch (i % 5) {
    case 0:
      return Buffer.from(Array.from({ length: i % 200 }, (_, at) => (i * 31 + at * 17) & 0xff));
    case 1:
      return good.subarray(0, i % good.length);
    case 2:
      // The length of the first AVP.
      good[13] = i & 0x05;
      return good;
    case 3:
      // To some tunnel: hardly one that is there, and then out of window.
      good.writeUInt16BE((i * 7919) & 0xffff, 4);
      good.writeUInt16BE(0x7fff, 8);
      return good;
    default:
      // A data message of no session.
      return Buffer.from([0x00, 0x02, i & 0xff, 1, i & 0xff, 2, 0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 4]);
  }
}

async function bind(localAddress: string | undefined, localPort: number): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(localPort, localAddress);
  await once(socket, 'listening');
  return socket;
}

function send(socket: Socket, datagram: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(datagram, port, address, (error) => (error ? reject(error) : resolve()));
  });
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

if (what === 'garbage') {
  const socket = await bind(undefined, 40_000);
  for (let i = 0; i < count; i += 1) {
    await send(socket, garbage(i));
    if (i % burst === 0) await pause();
  }
  socket.close();
} else {
  for (let i = 0; i < count; i += 1) {
    const socket = await bind(`10.99.${i >> 8}.${i & 0xff}`, 0);
    await send(socket, sccrq((i % 65_535) + 1));
    socket.close();
    if (i % burst === 0) await pause();
  }
}
