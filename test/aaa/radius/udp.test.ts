import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import '../../netns/patience.ts';
import { type Channel, openUdpChannel } from '../../../src/aaa/radius/udp.ts';

let server: Socket;
let other: Socket;
let channel: Channel | undefined;

beforeEach(async () => {
  [server, other] = [createSocket('udp4'), createSocket('udp4')];
  for (const socket of [server, other]) {
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
  }
});

afterEach(() => {
  channel?.close();
  for (const socket of [server, other]) socket.close();
});

test('what the server sends is received; what another port sends is strange', async () => {
  const seen: string[] = [];
  let enough: () => void = () => undefined;
  const both = new Promise<void>((resolve) => {
    enough = resolve;
  });
  const see = (what: string) => {
    if (seen.push(what) === 2) enough();
  };
  channel = openUdpChannel(
    { address: '127.0.0.1', port: server.address().port },
    {
      received: (packet) => see(`received ${Buffer.from(packet)}`),
      strange: (from) => see(`strange ${from}`),
      failed: see,
    },
  );
  channel.send(Buffer.from('question'));
  const [question, from] = await once(server, 'message');
  expect(`${question}`).toBe('question');
  other.send('forgery', from.port, from.address);
  server.send('answer', from.port, from.address);
  await both;
  expect(seen.toSorted()).toEqual(['received answer', 'strange 127.0.0.1']);
});
