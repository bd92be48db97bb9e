/**
 * Small changes to inputs: some of any kind, some that know where lengths and AVPs are.
 */
import type { SeededRandom } from '../engine/world.ts';
import type { FuzzInput } from './fuzz.ts';

const maxPackets = 16;
const maxPacketOctets = 2_048;
const maxChanges = 4;

/** Values at the edges of what lengths, ids and flags may be. */
const edges8 = [0, 1, 2, 4, 5, 6, 7, 8, 0x0f, 0x10, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xc8, 0xfe, 0xff];
const edges16 = [
  0, 1, 2, 5, 6, 7, 8, 10, 12, 0xff, 0x100, 0x3ff, 0x400, 0x7fff, 0x8000, 0x8006, 0xc006, 0xfffe, 0xffff,
];

export interface MutationContext {
  random: SeededRandom;
  /** Other inputs, to take parts from. */
  corpus: readonly FuzzInput[];
  avpsAt?: number;
}

export function mutate(input: FuzzInput, context: MutationContext): FuzzInput {
  const { random } = context;
  let packets = [...input];
  for (let change = random.below(maxChanges); change >= 0; change--) {
    if (packets.length === 0 || random.chance(0.15)) {
      packets = mutateOrder(packets, context);
      continue;
    }
    const index = random.below(packets.length);
    packets[index] = mutatePacket(packets[index], context).subarray(0, maxPacketOctets);
  }
  return packets.slice(0, maxPackets);
}

/** Packets lost, doubled, swapped, added. */
function mutateOrder(packets: Uint8Array[], context: MutationContext): Uint8Array[] {
  const { random } = context;
  const at = random.below(packets.length + 1);
  const one = Math.min(at, packets.length - 1);
  switch (packets.length === 0 ? 0 : random.below(4)) {
    case 0:
      return packets.toSpliced(at, 0, foreignPacket(context));
    case 1:
      return packets.toSpliced(at, 0, packets[one]);
    case 2:
      return packets.toSpliced(one, 1);
    default: {
      const other = random.below(packets.length);
      return packets.with(one, packets[other]).with(other, packets[one]);
    }
  }
}

function foreignPacket({ random, corpus }: MutationContext): Uint8Array {
  const donor = corpus[random.below(corpus.length)] ?? [];
  return donor[random.below(Math.max(1, donor.length))] ?? random.bytes(random.below(40));
}

function mutatePacket(packet: Uint8Array, context: MutationContext): Uint8Array {
  const { random, avpsAt } = context;
  if (avpsAt !== undefined && random.chance(0.4)) return mutateAvps(packet, avpsAt, context);
  const bytes = Uint8Array.from(packet);
  const at = random.below(bytes.length + 1);
  const octets = random.below(Math.min(32, bytes.length - at + 1));
  switch (random.below(9)) {
    case 0:
      if (at < bytes.length) bytes[at] ^= 1 << random.below(8);
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = edges8[random.below(edges8.length)];
      return bytes;
    case 2:
      return withU16(bytes, at, edges16[random.below(edges16.length)]);
    case 3:
      // A length that is a little wrong.
      if (at < bytes.length) bytes[at] += random.below(7) - 3;
      return bytes;
    case 4:
      return bytes.subarray(0, at);
    case 5:
      return joined(bytes.subarray(0, at), random.bytes(1 + random.below(8)), bytes.subarray(at));
    case 6:
      return joined(bytes.subarray(0, at), bytes.subarray(at + octets));
    case 7:
      return joined(bytes.subarray(0, at + octets), bytes.subarray(at));
    default: {
      const donor = foreignPacket(context);
      return joined(bytes.subarray(0, at), donor.subarray(random.below(donor.length + 1)));
    }
  }
}

/** AVPs doubled, dropped, moved, brought from elsewhere; their flags, lengths and inner lengths. */
function mutateAvps(packet: Uint8Array, avpsAt: number, context: MutationContext): Uint8Array {
  const { random } = context;
  const head = packet.subarray(0, avpsAt);
  const avps = splitAvps(packet, avpsAt);
  if (avps.length === 0) return packet;
  const index = random.below(avps.length);
  const avp = Uint8Array.from(avps[index]);
  switch (random.below(8)) {
    case 0:
      avps.splice(random.below(avps.length + 1), 0, ...Array.from({ length: 1 + random.below(3) }, () => avp));
      break;
    case 1:
      avps.splice(index, 1);
      break;
    case 2:
      avps.splice(index, 1);
      avps.splice(random.below(avps.length + 1), 0, avp);
      break;
    case 3: {
      const others = splitAvps(foreignPacket(context), avpsAt);
      if (others.length > 0) avps.splice(random.below(avps.length + 1), 0, others[random.below(others.length)]);
      break;
    }
    case 4:
      avp[0] ^= [0x80, 0x40, 0xc0, 0x04, 0x20][random.below(5)];
      avps[index] = avp;
      break;
    case 5:
      avps[index] = withU16(
        avp,
        0,
        (avp[0] << 8) | [0, 5, 6, 7, 8, avp.length - 1, avp.length + 1, 0xff][random.below(8)],
      );
      break;
    case 6:
      // Where a hidden value's own length stands.
      avps[index] = withU16(avp, 6, [0, 1, avp.length - 8, avp.length - 7, avp.length, 0xffff][random.below(6)]);
      break;
    default:
      avps[index] = withU16(avp, random.chance(0.3) ? 2 : 4, random.chance(0.2) ? 3561 : random.below(150));
  }
  return joined(head, ...avps);
}

function splitAvps(packet: Uint8Array, avpsAt: number): Uint8Array[] {
  const avps: Uint8Array[] = [];
  for (let at = avpsAt; at + 6 <= packet.length; ) {
    const octets = ((packet[at] & 3) << 8) | packet[at + 1];
    if (octets < 6 || at + octets > packet.length) break;
    avps.push(packet.subarray(at, at + octets));
    at += octets;
  }
  return avps;
}

function withU16(bytes: Uint8Array, at: number, value: number): Uint8Array {
  if (at + 1 >= bytes.length) return bytes;
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
  return bytes;
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
