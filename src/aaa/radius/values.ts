/** What stands in attributes (RFC 2865 5), and how each kind of value is read and written. */
import { type Ipv4, type Ipv6, type Ipv6Prefix, Secret } from '../../engine/spec.ts';

/** What fits into an attribute behind its type and length. */
export const maxValueOctets = 253;

/** One kind of value. */
export interface Kind<T> {
  /** A value of its own, which shares nothing with the octets. Undefined: the octets are none. */
  read(octets: Buffer): T | undefined;
  /**
   * Writes to the beginning of `room`; tells how many octets that took.
   * @throws RangeError when it does not fit
   */
  write(value: T, room: Buffer): number;
}

/** UTF-8 text. Some servers end it with a NUL, which is left out. What is too long is cut. */
export const text: Kind<string> = {
  read(octets) {
    let end = octets.length;
    while (end > 0 && octets[end - 1] === 0) end--;
    return octets.toString('utf8', 0, end);
  },
  // Node writes whole characters only.
  write: (value, room) => room.write(value, 'utf8'),
};

export const octets: Kind<Uint8Array> = {
  read: (value) => new Uint8Array(value),
  write: writeOctets,
};

export const secret: Kind<Secret> = {
  read: (value) => new Secret(value),
  write: (value, room) => writeOctets(value.reveal(), room),
};

export const u32: Kind<number> = {
  read: (value) => (value.length === 4 ? value.readUInt32BE() : undefined),
  write: (value, room) => room.writeUInt32BE(value),
};

/** Behind a tag (RFC 2868 3.1). */
export const u24: Kind<number> = {
  read: (value) => (value.length === 3 ? value.readUIntBE(0, 3) : undefined),
  write: (value, room) => room.writeUIntBE(value, 0, 3),
};

export const u64: Kind<bigint> = {
  read: (value) => (value.length === 8 ? value.readBigUInt64BE() : undefined),
  write: (value, room) => room.writeBigUInt64BE(value),
};

export const ipv4: Kind<Ipv4> = u32;

export const ipv6: Kind<Ipv6> = {
  read: (value) => (value.length === 16 ? joined(value) : undefined),
  write(value, room) {
    room.writeBigUInt64BE(value >> 64n);
    return room.writeBigUInt64BE(value & lowHalf, 8);
  },
};

/** A prefix of any length. Address bits beyond it are 0. */
export interface Prefix {
  readonly address: Ipv6;
  readonly length: number;
}

/** RFC 3162 2.3, RFC 4818 3: a reserved octet, the length, and as many octets of the prefix as it takes, or more. */
export const ipv6Prefix: Kind<Prefix> = {
  read(value) {
    const length = value[1];
    if (value.length < 2 || value.length > 18 || length > 128 || (value.length - 2) * 8 < length) return undefined;
    const whole = Buffer.alloc(16);
    value.copy(whole, 0, 2);
    const beyond = BigInt(128 - length);
    return { address: (joined(whole) >> beyond) << beyond, length };
  },
  write({ address, length }, room) {
    room[0] = 0;
    room[1] = length;
    ipv6.write(address, room.subarray(2));
    return 18;
  },
};

/** As attributes have it. */
export function wirePrefix({ high, length }: Ipv6Prefix): Prefix {
  return { address: high << 64n, length };
}

const lowHalf = 0xffff_ffff_ffff_ffffn;

function joined(sixteen: Buffer): Ipv6 {
  return (sixteen.readBigUInt64BE() << 64n) | sixteen.readBigUInt64BE(8);
}

function writeOctets(value: Uint8Array, room: Buffer): number {
  if (value.length > room.length) throw new RangeError(`${value.length} octets, more than an attribute takes`);
  room.set(value);
  return value.length;
}
