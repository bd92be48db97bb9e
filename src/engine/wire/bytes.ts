/**
 * Big-endian reading and writing over a Uint8Array. Everything on the wire of L2TP and PPP is in network byte order.
 * A Reader never reads outside [position, end): it throws `Truncated`, which each parser turns into its own error.
 */
export class Truncated extends Error {
  constructor(wanted: number, left: number) {
    super(`wanted ${wanted} more octets, ${left} left`);
    this.name = 'Truncated';
  }
}

export class Reader {
  readonly bytes: Uint8Array;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  get left(): number {
    return this.end - this.position;
  }

  private take(octets: number): number {
    const at = this.position;
    if (octets > this.end - at) throw new Truncated(octets, this.end - at);
    this.position = at + octets;
    return at;
  }

  u8(): number {
    return this.bytes[this.take(1)];
  }

  u16(): number {
    const at = this.take(2);
    return (this.bytes[at] << 8) | this.bytes[at + 1];
  }

  u32(): number {
    const at = this.take(4);
    return readU32(this.bytes, at);
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  /** A copy of the next octets: what is kept must never point into a receive buffer. (A Buffer's slice would.) */
  copy(octets = this.left): Uint8Array {
    const at = this.take(octets);
    return new Uint8Array(this.bytes.subarray(at, at + octets));
  }

  skip(octets: number): void {
    this.take(octets);
  }

  /** The next octets as UTF-8 text; wrong sequences become U+FFFD. */
  text(octets = this.left): string {
    const at = this.take(octets);
    return utf8Decoder.decode(this.bytes.subarray(at, at + octets));
  }
}

/** Appends to a buffer that grows as needed. */
export class Writer {
  protected buffer: Uint8Array;
  protected used = 0;

  constructor(expectedOctets = 64) {
    this.buffer = new Uint8Array(expectedOctets);
  }

  get length(): number {
    return this.used;
  }

  private room(octets: number): number {
    const at = this.used;
    const wanted = at + octets;
    if (wanted > this.buffer.length) {
      const grown = new Uint8Array(Math.max(wanted, this.buffer.length * 2));
      grown.set(this.buffer);
      this.buffer = grown;
    }
    this.used = wanted;
    return at;
  }

  u8(value: number): this {
    const at = this.room(1);
    this.buffer[at] = value;
    return this;
  }

  u16(value: number): this {
    const at = this.room(2);
    writeU16(this.buffer, at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.room(4);
    writeU32(this.buffer, at, value);
    return this;
  }

  u64(value: bigint): this {
    return this.u32(Number((value >> 32n) & 0xffffffffn)).u32(Number(value & 0xffffffffn));
  }

  /** Appends value[start, end). */
  octets(value: Uint8Array, start = 0, end = value.length): this {
    const at = this.room(end - start);
    for (let i = start; i < end; i++) this.buffer[at + i - start] = value[i];
    return this;
  }

  text(value: string): this {
    return this.octets(utf8Encoder.encode(value));
  }

  /** Takes back what was written from here on. */
  rewind(to: number): void {
    this.used = to;
  }

  /** Overwrites two octets already written, for lengths known only afterwards. */
  patchU16(at: number, value: number): void {
    writeU16(this.buffer, at, value);
  }

  /** The octets written so far, as a view; the Writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.buffer.subarray(0, this.used);
  }
}

export function readU16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Two lower-case digits an octet. */
export function hexOf(bytes: Uint8Array, separator = ''): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join(separator);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', { ignoreBOM: true });
