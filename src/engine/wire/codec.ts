/**
 * How single AVP values are written. A codec reads from a Reader that holds exactly the value, and copies what it keeps.
 */
import { hexOf, type Reader, Truncated, type Writer } from './bytes.ts';
import { Secret } from './secret.ts';

/** A value that breaks its AVP's rules. `error` is the Error Code to answer with: 2 length, 3 range (RFC 2661 4.4.2). */
export class MalformedValue extends Error {
  readonly error: 2 | 3;

  constructor(error: 2 | 3, message: string) {
    super(message);
    this.name = 'MalformedValue';
    this.error = error;
  }
}

export interface ValueCodec<T> {
  /** @throws MalformedValue */
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
}

/** A codec that takes exactly so many octets. */
export function fixed<T>(octets: number, codec: ValueCodec<T>): ValueCodec<T> {
  return {
    read(reader) {
      if (reader.left !== octets) throw new MalformedValue(2, `has ${reader.left} octets, not ${octets}`);
      return codec.read(reader);
    },
    write: codec.write,
  };
}

/** A codec that takes at least so many octets. */
export function atLeast<T>(octets: number, codec: ValueCodec<T>): ValueCodec<T> {
  return {
    read(reader) {
      if (reader.left < octets) throw new MalformedValue(2, `has ${reader.left} octets, at least ${octets} needed`);
      return codec.read(reader);
    },
    write: codec.write,
  };
}

function nonZero(codec: ValueCodec<number>): ValueCodec<number> {
  return {
    read(reader) {
      const value = codec.read(reader);
      if (value === 0) throw new MalformedValue(3, 'is zero');
      return value;
    },
    write: codec.write,
  };
}

export const u16 = fixed<number>(2, {
  read: (reader) => reader.u16(),
  write: (writer, value) => writer.u16(value),
});

export const nonZeroU16 = nonZero(u16);

export const u32 = fixed<number>(4, {
  read: (reader) => reader.u32(),
  write: (writer, value) => writer.u32(value),
});

export const nonZeroU32 = nonZero(u32);

export const u64 = fixed<bigint>(8, {
  read: (reader) => reader.u64(),
  write: (writer, value) => writer.u64(value),
});

/** A rate of 64 bits, as a number: no line has 9 Pbit/s. */
export const rateBps = fixed<number>(8, {
  read(reader) {
    const high = reader.u32();
    const value = high * 0x1_0000_0000 + reader.u32();
    if (!Number.isSafeInteger(value)) throw new MalformedValue(3, 'is beyond any rate');
    return value;
  },
  write: (writer, value) => writer.u32(Math.floor(value / 0x1_0000_0000)).u32(value % 0x1_0000_0000),
});

/** A rate of 32 bits; a higher one is sent as the highest. */
export const speed32 = fixed<number>(4, {
  read: (reader) => reader.u32(),
  write: (writer, value) => writer.u32(Math.min(value, 0xffffffff)),
});

/** A rate of 64 bits; one that no number holds is read as the highest that one does. */
export const speed64 = fixed<number>(8, { read: readSpeed64, write: rateBps.write });

export function readSpeed64(reader: Reader): number {
  const high = reader.u32();
  return Math.min(high * 0x1_0000_0000 + reader.u32(), Number.MAX_SAFE_INTEGER);
}

/** One octet behind a reserved one (RFC 2661 4.4.5, Proxy Authen ID). */
export const paddedU8 = fixed<number>(2, {
  read: (reader) => reader.u16() & 0xff,
  write: (writer, value) => writer.u16(value),
});

/** UTF-8. Octets that are not UTF-8 come out as U+FFFD. */
export const text: ValueCodec<string> = {
  read: (reader) => reader.text(),
  write: (writer, value) => writer.text(value),
};

export const nonEmptyText = atLeast(1, text);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const hexForm = /^hex:((?:[0-9a-f]{2})+)$/;

/**
 * Octets of somebody else's that are mostly text and must leave as they came: UTF-8, or else `hex:` and hexadecimal
 * digits. Text that looks like that itself is written so too.
 */
export const opaqueText: ValueCodec<string> = {
  read(reader) {
    const bytes = reader.copy();
    try {
      const value = utf8.decode(bytes);
      if (!hexForm.test(value)) return value;
    } catch {
      // It is no UTF-8.
    }
    return `hex:${hexOf(bytes)}`;
  },
  write(writer, value) {
    const digits = hexForm.exec(value)?.[1];
    if (digits === undefined) writer.text(value);
    for (let at = 0; digits !== undefined && at < digits.length; at += 2) {
      writer.u8(Number.parseInt(digits.slice(at, at + 2), 16));
    }
  },
};

export const nonEmptyOpaqueText = atLeast(1, opaqueText);

export const octets: ValueCodec<Uint8Array> = {
  read: (reader) => reader.copy(),
  write: (writer, value) => writer.octets(value),
};

export const nonEmptyOctets = atLeast(1, octets);
export const octets16 = fixed(16, octets);

/** Octets that may be a password. */
export const secret: ValueCodec<Secret> = {
  read: (reader) => new Secret(reader.copy()),
  write: (writer, value) => writer.octets(value.reveal()),
};

/** A 32-bit 0 or 1. */
export const flag32 = fixed<boolean>(4, {
  read(reader) {
    const value = reader.u32();
    if (value > 1) throw new MalformedValue(3, `is ${value}, not 0 or 1`);
    return value === 1;
  },
  write: (writer, value) => writer.u32(value ? 1 : 0),
});

/** An AVP whose presence is its meaning. */
export const presence = fixed<true>(0, {
  read: () => true,
  write: () => undefined,
});

/** A 32-bit mask as the names of its set bits; bits without a name are ignored. Equal masks give one shared list. */
function mask<Name extends string>(bits: Readonly<Record<Name, number>>): ValueCodec<readonly Name[]> {
  const names = Object.keys(bits) as Name[];
  const lists = new Map<number, readonly Name[]>();
  const known = names.reduce((sum, name) => sum | bits[name], 0);
  return fixed<readonly Name[]>(4, {
    read(reader) {
      const value = reader.u32() & known;
      const list = lists.get(value) ?? Object.freeze(names.filter((name) => (value & bits[name]) !== 0));
      lists.set(value, list);
      return list;
    },
    write: (writer, value) => writer.u32(value.reduce((sum, name) => sum | bits[name], 0)),
  });
}

export const framing = mask({ sync: 1, async: 2 });
/** Broadband is RFC 3301 5.3's. */
export const bearer = mask({ digital: 1, analog: 2, broadband: 4 });

/** RFC 2661 4.4.3, Protocol Version: not the version in the header. */
export interface ProtocolVersion {
  version: number;
  revision: number;
}

export const protocolVersion = fixed<ProtocolVersion>(2, {
  read: (reader) => ({ version: reader.u8(), revision: reader.u8() }),
  write: (writer, value) => writer.u8(value.version).u8(value.revision),
});

/**
 * Reads one value.
 * @throws MalformedValue
 */
export function readValue<T>(codec: ValueCodec<T>, reader: Reader): T {
  try {
    return codec.read(reader);
  } catch (error) {
    if (error instanceof Truncated) throw new MalformedValue(2, error.message);
    throw error;
  }
}
