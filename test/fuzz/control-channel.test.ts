/** The reliable transport: whatever comes, the messages that go on do so once each and in order. */
import { ControlChannel } from '../../src/engine/control-channel.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';
import { decodeHeader, newHeader } from '../../src/engine/wire/header.ts';
import { demand, type FuzzInput, fuzzed } from './fuzz.ts';

const maxOperations = 200;
const parameters = { retryTimeoutMs: 1_000, maxRetries: 3, receiveWindow: 8, transmitWindow: 8 };

/** Three octets are an operation, an Ns and an Nr; high bits of the operation put both numbers before the wrap. */
function run(input: FuzzInput): void {
  const channel = new ControlChannel(dialects[2], parameters, 0);
  const header = newHeader();
  let now = 0;
  let delivered = 0;
  const leaves = (datagrams: Uint8Array[]) => {
    for (const datagram of datagrams) decodeHeader(datagram, 0, datagram.length, header);
  };
  const octets = Buffer.concat(input).subarray(0, 3 * maxOperations);
  for (let at = 0; at + 3 <= octets.length; at += 3) {
    const [operation, low, nr] = octets.subarray(at, at + 3);
    now += 3;
    switch (operation & 3) {
      case 0:
      case 1: {
        const far = (operation & 0x80) !== 0 ? 0xff00 : 0;
        const ns = far | low;
        // The body is the message's own number: what arrives must count up by one.
        const body = (operation & 4) !== 0 ? new Uint8Array(0) : Uint8Array.of(ns >> 8, ns);
        const bytes = dialects[2].encodeControl(1, 0, ns, ((operation & 0x40) !== 0 ? 0xff00 : 0) | nr, body);
        decodeHeader(bytes, 0, bytes.length, header);
        for (const { bytes: message, start, end } of channel.receive({ ...header }, bytes, now)) {
          demand(end - start === 2, 'a message goes on whole');
          demand(((message[start] << 8) | message[start + 1]) === delivered, `message ${delivered} is the next`);
          delivered++;
        }
        bytes.fill(0x55);
        break;
      }
      case 2:
        leaves(channel.send(0, Uint8Array.of(low), now));
        break;
      default:
        now = Math.max(now, Math.min(channel.deadline() ?? now, now + 100 * low));
        leaves(channel.tick(now));
    }
    leaves(channel.fill(now));
    const early: Map<number, unknown> | undefined = Reflect.get(channel, 'early');
    demand((early?.size ?? 0) < parameters.receiveWindow, 'what is kept for later is bounded by the window');
  }
}

function script(...operations: [operation: number, ns: number, nr: number][]): FuzzInput {
  return operations.map((octets) => Uint8Array.from(octets));
}

/** Messages from one Ns down to another. */
function backwards(from: number, to: number): FuzzInput {
  return script(...Array.from({ length: from - to + 1 }, (_, i): [number, number, number] => [0, from - i, 0]));
}

fuzzed({
  name: 'the control channel',
  runs: 15_000,
  seeds: [
    script([0, 0, 0], [0, 1, 0], [2, 1, 0], [0, 2, 1], [3, 1, 0]),
    script([2, 0, 0], [2, 0, 0], [2, 0, 0], [3, 255, 0], [3, 255, 0], [3, 255, 0], [4, 0, 2], [3, 255, 0]),
    script([0, 0, 0], [0, 0, 0], [0x80, 255, 0], [0xc0, 255, 255]),
    backwards(7, 0),
    backwards(12, 2),
  ],
  run,
});
