/** User packets from TUN devices: whose each is, and on to that session. */
import { readU32 } from '../engine/wire/bytes.ts';
import { payloadHeadroomOctets } from './data-header.ts';
import type { Drops } from './drops.ts';
import { native } from './native.ts';
import type { Outgoing } from './outgoing.ts';
import type { Carrier, L2tpSession } from './sessions.ts';
import { maxDatagramOctets } from './sockets.ts';
import type { UserPackets } from './user-packets.ts';

/** Packets read from a device in one go. */
const packetSlots = 64;
/** Batches read from one device before the event loop gets its turn. */
const batchesPerWake = 4;
const slotOctets = payloadHeadroomOctets + maxDatagramOctets;
const eagain = -11;

const linkLocalHigh = 0xfe800000;
const leastIpv4Octets = 20;
const ipv6Octets = 40;
const ipv4Destination = 16;
const ipv6Destination = 24;

export class DevicePackets {
  readonly #users: UserPackets;
  readonly #outgoing: Outgoing;
  readonly #drops: Drops;
  readonly #dropped: (reason: string) => void;
  readonly #readSlab = new Uint8Array(packetSlots * slotOctets);
  readonly #readLengths = new Int32Array(packetSlots);

  constructor(users: UserPackets, outgoing: Outgoing, drops: Drops, dropped: (reason: string) => void) {
    this.#users = users;
    this.#outgoing = outgoing;
    this.#drops = drops;
    this.#dropped = dropped;
  }

  /** Takes the packets that wait at a device. Answers a negative errno when the device is gone. */
  transmit(carrier: Carrier): number {
    for (let i = 0; i < batchesPerWake && carrier.fd >= 0; i++) {
      const count = native.readBatch(
        carrier.fd,
        this.#readSlab,
        slotOctets,
        payloadHeadroomOctets,
        packetSlots,
        this.#readLengths,
      );
      if (count < 0) return count === eagain ? 0 : count;
      for (let slot = 0; slot < count; slot++) this.encapsulate(carrier, slot * slotOctets, this.#readLengths[slot]);
      this.#outgoing.flush();
      if (count < packetSlots) break;
    }
    return 0;
  }

  private encapsulate(carrier: Carrier, floor: number, octets: number): void {
    const start = floor + payloadHeadroomOctets;
    const session = this.sessionFor(carrier, start, octets);
    if (session === undefined) {
      this.#dropped('noSubscriber');
      return;
    }
    const end = start + octets;
    const reason =
      refuseDown(session, this.#readSlab, start) ?? this.#users.down(session, this.#readSlab, floor, start, end);
    if (reason === undefined) return;
    this.#drops.sent(session);
    this.#dropped(reason);
  }

  private sessionFor(carrier: Carrier, start: number, octets: number): L2tpSession | undefined {
    const packet = this.#readSlab;
    if (octets < leastIpv4Octets) return undefined;
    const ipv4 = packet[start] >>> 4 === 4;
    if (!ipv4 && octets < ipv6Octets) return undefined;
    if (carrier.sole !== undefined) return carrier.sole;
    if (ipv4) return carrier.ipv4.find(packet, start + ipv4Destination);
    const destination = start + ipv6Destination;
    if (readU32(packet, destination) !== linkLocalHigh) return carrier.ipv6.find(packet, destination);
    const high = readU32(packet, destination + 8);
    return carrier.byInterfaceId.get((BigInt(high) << 32n) | BigInt(readU32(packet, destination + 12)));
  }
}

/** Why a packet of a device may not go to the session. The tunnel's own packets would be wrapped for ever. */
function refuseDown({ hasIpv4, hasIpv6, tunnel }: L2tpSession, packet: Uint8Array, start: number): string | undefined {
  const { remote } = tunnel;
  if (packet[start] >>> 4 === 4) {
    if (!hasIpv4) return 'notNegotiated';
    return (readU32(packet, start + ipv4Destination) | 0) === remote.ipv4 ? 'tunnelLoop' : undefined;
  }
  if (!hasIpv6) return 'notNegotiated';
  return remote.isIpv6At(packet, start + ipv6Destination) ? 'tunnelLoop' : undefined;
}
