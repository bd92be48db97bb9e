/**
 * How single AVP values are written. A codec reads from a Reader that holds exactly the value, and copies what it keeps.
 */
import { type Reader, Truncated, type Writer } from './bytes.ts';
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
function fixed<T>(octets: number, codec: ValueCodec<T>): ValueCodec<T> {
  return {
    read(reader) {
      if (reader.left !== octets) throw new MalformedValue(2, `has ${reader.left} octets, not ${octets}`);
      return codec.read(reader);
    },
    write: codec.write,
  };
}

/** A codec that takes at least so many octets. */
function atLeast<T>(octets: number, codec: ValueCodec<T>): ValueCodec<T> {
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

export const u64 = fixed<bigint>(8, {
  read: (reader) => reader.u64(),
  write: (writer, value) => writer.u64(value),
});

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
export const bearer = mask({ digital: 1, analog: 2 });

/** RFC 2661 4.4.3, Protocol Version: not the version in the header. */
export interface ProtocolVersion {
  version: number;
  revision: number;
}

export const protocolVersion = fixed<ProtocolVersion>(2, {
  read: (reader) => ({ version: reader.u8(), revision: reader.u8() }),
  write: (writer, value) => writer.u8(value.version).u8(value.revision),
});

/** RFC 2661 4.4.2. Peers leave out the tail, or the message alone. */
export interface ResultCode {
  result: number;
  error?: number;
  message?: string;
}

/** What fits into one AVP besides its header, the result and the error. */
const maxResultMessageOctets = 1023 - 6 - 4;

export const resultCode = atLeast<ResultCode>(2, {
  read(reader) {
    const value: ResultCode = { result: unswapped(reader.u16()) };
    if (reader.left >= 2) value.error = unswapped(reader.u16());
    if (value.error !== undefined && reader.left > 0) value.message = reader.text();
    return value;
  },
  write(writer, { result, error, message }) {
    writer.u16(result);
    if (error !== undefined || message !== undefined) writer.u16(error ?? 0);
    if (message !== undefined) writer.octets(clippedUtf8(message, maxResultMessageOctets));
  },
});

/** All codes fit into one octet; macOS sends them with their octets swapped, so that 3 arrives as 768. */
function unswapped(code: number): number {
  return code > 0xff && (code & 0xff) === 0 ? code >>> 8 : code;
}

/** The longest beginning of the text that fits, whole characters only. */
function clippedUtf8(value: string, maxOctets: number): Uint8Array {
  const buffer = new Uint8Array(maxOctets);
  return buffer.subarray(0, new TextEncoder().encodeInto(value, buffer).written);
}

/** RFC 2661 4.4.4: cause and message are ITU Q.931 values. */
export interface Q931Cause {
  cause: number;
  msg: number;
  advisory?: string;
}

export const q931Cause = atLeast<Q931Cause>(3, {
  read(reader) {
    const value: Q931Cause = { cause: reader.u16(), msg: reader.u8() };
    if (reader.left > 0) value.advisory = reader.text();
    return value;
  },
  write(writer, { cause, msg, advisory }) {
    writer.u16(cause).u8(msg);
    if (advisory !== undefined) writer.text(advisory);
  },
});

/** RFC 2661 4.4.6: counters since the call was established. */
export interface CallErrors {
  crcErrors: number;
  framingErrors: number;
  hardwareOverruns: number;
  bufferOverruns: number;
  timeoutErrors: number;
  alignmentErrors: number;
}

export const callErrors = fixed<CallErrors>(26, {
  read(reader) {
    reader.skip(2);
    return {
      crcErrors: reader.u32(),
      framingErrors: reader.u32(),
      hardwareOverruns: reader.u32(),
      bufferOverruns: reader.u32(),
      timeoutErrors: reader.u32(),
      alignmentErrors: reader.u32(),
    };
  },
  write(writer, value) {
    writer.u16(0);
    writer.u32(value.crcErrors).u32(value.framingErrors).u32(value.hardwareOverruns);
    writer.u32(value.bufferOverruns).u32(value.timeoutErrors).u32(value.alignmentErrors);
  },
});

/** RFC 2661 4.4.6: the asynchronous control character maps that the LNS negotiated. */
export interface Accm {
  send: number;
  receive: number;
}

export const accm = fixed<Accm>(10, {
  read(reader) {
    reader.skip(2);
    return { send: reader.u32(), receive: reader.u32() };
  },
  write: (writer, value) => writer.u16(0).u32(value.send).u32(value.receive),
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
