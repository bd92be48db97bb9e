import { expect, test } from 'vitest';
import { ControlChannel } from '../../src/engine/control-channel.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { decodeHeader, newHeader } from '../../src/engine/wire/header.ts';

const dialect = dialects[3];
const ackDelayMs = 10;
const theirId = 7;
const hello = dialect.encodeMessage({ type: 'HELLO', avps: {} }, 0);

function channel(): ControlChannel {
  const parameters = { retryTimeoutMs: 1_000, maxRetries: 5, receiveWindow: 10, transmitWindow: 10 };
  const made = new ControlChannel(dialect, parameters, 0);
  made.remoteTunnelId = theirId;
  made.digests = { type: 'hmac-md5', count: 1 };
  return made;
}

function read(datagram: Uint8Array) {
  const header = newHeader();
  decodeHeader(datagram, 0, datagram.length, header);
  return header;
}

function arrive(to: ControlChannel, datagram: Uint8Array): void {
  to.receive(read(datagram), datagram, 0);
}

/** What acknowledges a HELLO with this Ns. */
function answerTo(to: ControlChannel, ns: number): Uint8Array {
  arrive(to, dialect.encodeControl(1, 0, ns, 0, hello));
  const [ack, ...more] = to.tick(ackDelayMs);
  expect(more).toEqual([]);
  expect(dialect.isAck(ack, read(ack))).toBe(true);
  expect(read(ack)).toMatchObject({ tunnelId: theirId, ns: 0, nr: ns + 1 });
  return ack;
}

function isEmpty(datagram: Uint8Array): boolean {
  const { payloadStart, payloadEnd } = read(datagram);
  return payloadStart === payloadEnd;
}

test('L2TPv3 is acknowledged by ACK', () => {
  const to = channel();
  expect(isEmpty(answerTo(to, 0))).toBe(false);
  arrive(to, dialect.encodeAck(1, 1, 0));
  expect(isEmpty(answerTo(to, 1))).toBe(false);
});

test('a peer that acknowledges by empty messages gets such, from then on', () => {
  const to = channel();
  arrive(to, dialect.encodeControl(1, 0, 0, 0, new Uint8Array(0)));
  expect(isEmpty(answerTo(to, 0))).toBe(true);
  expect(isEmpty(answerTo(to, 1))).toBe(true);
});
