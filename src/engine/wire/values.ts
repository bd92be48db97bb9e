/**
 * AVP values with parts, and how each is written.
 */
import { maxHideableOctets } from './avp-octets.ts';
import { hexOf, type Reader } from './bytes.ts';
import { atLeast, fixed, MalformedValue, readSpeed64, speed32, speed64, type ValueCodec } from './codec.ts';

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
    if (value.error !== undefined && reader.left > 0) {
      const message = readableText(reader);
      if (message !== undefined) value.message = message;
    }
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

/** What is left, if it is text: Android and MikroTik fill the AVP up with octets that are none. */
function readableText(reader: Reader): string | undefined {
  const text = reader.text().replace(/\0+$/, '');
  return text === '' || /[\p{Cc}\uFFFD]/u.test(text.replace(/[\t\r\n]/g, '')) ? undefined : text;
}

/** The longest beginning of the text that fits, whole characters only. */
function clippedUtf8(value: string, maxOctets: number): Uint8Array {
  const buffer = new Uint8Array(maxOctets);
  return buffer.subarray(0, new TextEncoder().encodeInto(value, buffer).written);
}

/** RFC 2661 4.4.4: cause and message are ITU Q.931 values. */
export interface Q931Cause {
  cause: number;
  /** 0 also when the peer left it out. */
  msg: number;
  advisory?: string;
}

export const q931Cause = atLeast<Q931Cause>(2, {
  read(reader) {
    const value: Q931Cause = { cause: reader.u16(), msg: reader.left > 0 ? reader.u8() : 0 };
    if (reader.left > 0) value.advisory = reader.text();
    return value;
  },
  write(writer, { cause, msg, advisory }) {
    writer.u16(cause).u8(msg);
    if (advisory !== undefined) writer.text(advisory);
  },
});

/** RFC 3145 2. `describeDisconnect` has the codes in words. */
export interface PppDisconnectCause {
  code: number;
  /** The PPP protocol that failed, 0 for none. */
  protocol: number;
  /** 0 global, 1 at the peer, 2 at the sender of the AVP. */
  direction: number;
  message?: string;
}

export const pppDisconnectCause = atLeast<PppDisconnectCause>(5, {
  read(reader) {
    const value: PppDisconnectCause = { code: reader.u16(), protocol: reader.u16(), direction: reader.u8() };
    if (reader.left > 0) value.message = reader.text();
    return value;
  },
  write(writer, { code, protocol, direction, message }) {
    writer.u16(code).u16(protocol).u8(direction);
    if (message !== undefined) writer.text(message);
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

const nsapOctets = 20;
const nsapPrefix = 'nsap:';

/** Whether a number is an NSAP address: `nsap:` and 40 hexadecimal digits. */
export function isNsap(callNumber: string): boolean {
  return callNumber.length === nsapPrefix.length + 2 * nsapOctets && /^nsap:[0-9a-f]{40}$/.test(callNumber);
}

/**
 * The number of a call: ASCII text, or with a broadband bearer an NSAP address of 20 octets (RFC 3301 5.3), which we
 * write as `nsap:` and 40 hexadecimal digits. 20 octets that are not ASCII text are taken for one, so that the number
 * can be read without the Bearer Type, which may come later or hidden. An OCRQ needs its number: one that is too long for
 * an AVP, as no number is, is cut.
 */
export const callNumber: ValueCodec<string> = {
  read(reader) {
    const { bytes, position } = reader;
    if (reader.left !== nsapOctets || isAscii(bytes, position, reader.end)) return reader.text();
    return nsapPrefix + hexOf(reader.copy());
  },
  write(writer, value) {
    if (!isNsap(value)) {
      writer.octets(clippedUtf8(value, maxHideableOctets));
      return;
    }
    for (let at = nsapPrefix.length; at < value.length; at += 2)
      writer.u8(Number.parseInt(value.slice(at, at + 2), 16));
  },
};

function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] < 0x20 || bytes[at] > 0x7e) return false;
  return true;
}

/** RFC 3301 5.2, Service Category. */
export type ServiceCategory = 'realTime' | 'nonRealTime';

export const serviceCategory = fixed<ServiceCategory>(2, {
  read: (reader) => ((reader.u16() & 1) === 1 ? 'realTime' : 'nonRealTime'),
  write: (writer, value) => writer.u16(value === 'realTime' ? 1 : 0),
});

/** RFC 3301 5.2: an ATM circuit, VPI of 12 bits and VCI of 16. */
export interface VirtualChannel {
  vpi: number;
  vci: number;
}

export const virtualChannel = fixed<VirtualChannel>(4, {
  read: (reader) => ({ vpi: reader.u16() & 0xfff, vci: reader.u16() }),
  write: (writer, { vpi, vci }) => writer.u16(vpi & 0xfff).u16(vci),
});

/**
 * A per-hop behaviour, or with `set` a set of them, as RFC 3140 2 codes it: a standard one by its recommended DSCP
 * (6 bits; of a set the smallest), another one by its registered 12-bit id.
 */
export type PhbCode = { dscp: number; set?: true } | { phbId: number; set?: true };

const phbSetBit = 0x0002;
const phbIdBit = 0x0001;

export const phbCode = fixed<PhbCode>(2, {
  read(reader) {
    const code = reader.u16();
    const byId = (code & phbIdBit) !== 0;
    if ((code & (byId ? 0x000c : 0x03fc)) !== 0) throw new MalformedValue(3, 'has reserved bits set');
    const value: PhbCode = byId ? { phbId: code >>> 4 } : { dscp: code >>> 10 };
    if ((code & phbSetBit) !== 0) value.set = true;
    return value;
  },
  write(writer, value) {
    const code = 'dscp' in value ? (value.dscp & 0x3f) << 10 : ((value.phbId & 0xfff) << 4) | phbIdBit;
    writer.u16(code | (value.set ? phbSetBit : 0));
  },
});

/** RFC 5515 5.17; avp-text.ts has the codes in words. */
export interface AccessLoopEncapsulation {
  dataLink: number;
  encapsulation1: number;
  encapsulation2: number;
}

export const accessLoopEncapsulation = fixed<AccessLoopEncapsulation>(3, {
  read: (reader) => ({ dataLink: reader.u8(), encapsulation1: reader.u8(), encapsulation2: reader.u8() }),
  write: (writer, value) => writer.u8(value.dataLink).u8(value.encapsulation1).u8(value.encapsulation2),
});

/**
 * RFC 5515 5.18: the transmission system, before three reserved octets. ANCP and PPPoE have it as a number of 32 bits
 * (RFC 6320), and so may a peer that only passes it on: 0 is no system.
 */
export const accessLineType = fixed<number>(4, {
  read(reader) {
    const value = reader.u32();
    return value >>> 24 || value & 0xff;
  },
  write: (writer, value) => writer.u8(value).u8(0).u16(0),
});

/** RFC 5515 6.1. In a CSURQ both speeds are 0. */
export interface ConnectSpeedUpdate {
  /** The id that the receiver of the message gave to the session. */
  remoteSessionId: number;
  /** From the LAC to the remote system. */
  txConnectSpeedBps: number;
  /** From the remote system to the LAC. */
  rxConnectSpeedBps: number;
}

/** As L2TPv2 has it. */
export const connectSpeedUpdate32 = fixed<ConnectSpeedUpdate>(12, {
  read(reader) {
    reader.skip(2);
    return { remoteSessionId: reader.u16(), txConnectSpeedBps: reader.u32(), rxConnectSpeedBps: reader.u32() };
  },
  write(writer, { remoteSessionId, txConnectSpeedBps, rxConnectSpeedBps }) {
    writer.u16(0).u16(remoteSessionId);
    speed32.write(writer, txConnectSpeedBps);
    speed32.write(writer, rxConnectSpeedBps);
  },
});

/** As L2TPv3 has it. */
export const connectSpeedUpdate64 = fixed<ConnectSpeedUpdate>(20, {
  read: (reader) => ({
    remoteSessionId: reader.u32(),
    txConnectSpeedBps: readSpeed64(reader),
    rxConnectSpeedBps: readSpeed64(reader),
  }),
  write(writer, { remoteSessionId, txConnectSpeedBps, rxConnectSpeedBps }) {
    writer.u32(remoteSessionId);
    speed64.write(writer, txConnectSpeedBps);
    speed64.write(writer, rxConnectSpeedBps);
  },
});

/** RFC 3931 5.4.5, with RFC 5641's faults. Where there is a fault, the circuit is not active. */
export interface CircuitStatus {
  active: boolean;
  isNew: boolean;
  /** The attachment circuit cannot receive, or not transmit. */
  circuitRxFault?: true;
  circuitTxFault?: true;
  /** The same towards the peer. */
  pseudowireRxFault?: true;
  pseudowireTxFault?: true;
  standby?: true;
}

const activeBit = 0x0001;
const newBit = 0x0002;
const circuitBits = {
  circuitRxFault: 0x0004,
  circuitTxFault: 0x0008,
  pseudowireRxFault: 0x0010,
  pseudowireTxFault: 0x0020,
  standby: 0x0040,
} as const satisfies Record<Exclude<keyof CircuitStatus, 'active' | 'isNew'>, number>;

const circuitFlags = Object.keys(circuitBits) as (keyof typeof circuitBits)[];

export const circuitStatus = fixed<CircuitStatus>(2, {
  read(reader) {
    const bits = reader.u16();
    const value: CircuitStatus = { active: (bits & activeBit) !== 0, isNew: (bits & newBit) !== 0 };
    for (const flag of circuitFlags) if ((bits & circuitBits[flag]) !== 0) value[flag] = true;
    return value;
  },
  write(writer, value) {
    let bits = (value.active ? activeBit : 0) | (value.isNew ? newBit : 0);
    for (const flag of circuitFlags) if (value[flag]) bits |= circuitBits[flag];
    writer.u16(bits);
  },
});

/** RFC 3931 5.4.4: 0, 4 or 8 octets. */
export const cookie: ValueCodec<Uint8Array> = {
  read(reader) {
    if (reader.left !== 0 && reader.left !== 4 && reader.left !== 8) {
      throw new MalformedValue(2, `has ${reader.left} octets, not 0, 4 or 8`);
    }
    return reader.copy();
  },
  write: (writer, value) => writer.octets(value),
};

const endIdHex = /^0x((?:[0-9a-fA-F]{2})*)$/;

/**
 * What names an end of a circuit: printable ASCII that does not begin with `0x` stands for itself, all else is `0x` and
 * hexadecimal digits.
 */
export const endId: ValueCodec<string> = {
  read: (reader) => endIdText(reader.copy()),
  write: (writer, value) => writer.octets(endIdOctets(value)),
};

function endIdText(octets: Uint8Array): string {
  const begins0x = octets[0] === 0x30 && octets[1] === 0x78;
  if (begins0x || !isAscii(octets, 0, octets.length)) return `0x${hexOf(octets)}`;
  return String.fromCharCode(...octets);
}

function endIdOctets(text: string): Uint8Array {
  const digits = endIdHex.exec(text)?.[1];
  if (digits === undefined) return new TextEncoder().encode(text);
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}

/** The one way to write an end id: two that name the same octets are equal then. */
export function canonicalEndId(text: string): string {
  return endIdText(endIdOctets(text));
}

/** RFC 4454 8.1: why an ATM circuit is in the state that its Circuit Status tells. avp-text.ts has the codes in words. */
export interface AtmAlarmStatus {
  reason: number;
  alarm: number;
}

export const atmAlarmStatus = fixed<AtmAlarmStatus>(4, {
  read: (reader) => ({ reason: reader.u16(), alarm: reader.u16() }),
  write: (writer, { reason, alarm }) => writer.u16(reason).u16(alarm),
});
