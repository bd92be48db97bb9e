/** The headers of control messages, and of L2TPv2's data messages. */
import { WireError } from '../../src/engine/errors.ts';
import {
  controlStart,
  decodeDataHeader,
  decodeHeader,
  messageCodeAt,
  newHeader,
} from '../../src/engine/wire/header.ts';
import { demand, type FuzzInput, fuzzed } from './fuzz.ts';
import { controlDatagramsOf } from './seeds.ts';

const data = ['000200050006', '400200100005000600070008ff03c021', '4a020014000500060007000800020000ff03c0210101'];

function checkPacket(packet: Uint8Array): void {
  const header = newHeader();
  const defect = decodeDataHeader(packet, 0, packet.length, header);
  const ofData = { ...header };
  let refused: WireError | undefined;
  try {
    decodeHeader(packet, 0, packet.length, header);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    refused = error;
  }
  const isV3 = packet.length >= 2 && (packet[1] & 0xf) === 3;
  if (isV3) demand(defect === 'version' || defect === 'truncatedHeader', 'of L2TPv3 it is no data message of L2TPv2');
  if (refused) {
    demand(refused.scope === 'ignore', 'a header ends nothing');
    demand(isV3 || defect === refused.reason, 'both decoders see one defect');
    return;
  }
  if (!isV3) demand(defect === (header.control ? 'notData' : undefined), 'only a control message is not data');
  const { payloadStart, payloadEnd } = header;
  demand(payloadStart >= 6 && payloadStart <= payloadEnd && payloadEnd <= packet.length, 'the payload is inside');
  demand(isV3 || JSON.stringify(header) === JSON.stringify(ofData), 'both decoders read one header');
  demand(header.control === (controlStart('udp', packet, 0, packet.length) === 0), 'control is control everywhere');
  messageCodeAt(packet, 0, payloadEnd);

  const around = new Uint8Array(packet.length + 7).fill(0xff);
  around.set(packet, 3);
  const inside = newHeader();
  decodeHeader(around, 3, 3 + packet.length, inside);
  inside.start -= 3;
  inside.payloadStart -= 3;
  inside.payloadEnd -= 3;
  demand(JSON.stringify(header) === JSON.stringify(inside), 'what stands around it does not matter');
}

fuzzed({
  name: 'headers',
  runs: 10_000,
  seeds: [
    ...controlDatagramsOf(2),
    ...controlDatagramsOf(3),
    ...data.map((hex) => Uint8Array.from(Buffer.from(hex, 'hex'))),
  ].map((packet) => [packet]),
  run: (input: FuzzInput) => input.forEach(checkPacket),
});
