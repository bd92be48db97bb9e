/**
 * Control messages to octets and back (RFC 2661 4.1 - 4.3, 7.1). These are the AVPs behind the header; a ZLB has none.
 */
import { type Result, WireError } from '../errors.ts';
import { type AvpName, type AvpValues, avpNameOf, avpRows, avpTable } from './avp.ts';
import { Reader, Writer } from './bytes.ts';
import { MalformedValue, readValue } from './codec.ts';
import { hideValue, unhideValue } from './hidden.ts';
import {
  type MessageType,
  messageRows,
  messageScope,
  messageTypeOf,
  messageTypes,
  type ReceivedAvps,
  type SentAvps,
} from './message-table.ts';
import type { Secret } from './secret.ts';

export { type MessageType, messageScope, messageTypes };

const mandatoryBit = 0x8000;
const hiddenBit = 0x4000;
const reservedBits = 0x3c00;
const lengthBits = 0x03ff;
const avpHeaderOctets = 6;
const maxAvpOctets = 1023;

/** More AVPs in one message than this is an attack: the RFC has 40 kinds. */
const maxAvpsPerMessage = 256;

/** An AVP that was received and not used, or used although it does not belong there. */
interface Oddity {
  vendor: number;
  type: number;
  why: 'unknown' | 'malformed' | 'duplicate' | 'unexpected';
}

/** A received message, of any type or of the named ones. Narrow by `type` to know which AVPs are surely there. */
export type Message<Of extends MessageType = MessageType> = {
  [Type in Of]: { type: Type; avps: ReceivedAvps<Type>; oddities: readonly Oddity[] };
}[Of];

/** A message to send. */
export type OutgoingMessage<Of extends MessageType = MessageType> = {
  [Type in Of]: { type: Type; avps: SentAvps<Type> };
}[Of];

export interface EncodeOptions {
  /** Hide whatever may be hidden in this message. A random vector of at least 16 octets is recommended. */
  hide?: { secret: Secret; randomVector: Uint8Array };
}

export interface DecodeOptions {
  /** Asked once, and only if something is hidden: the secret shared with the sender of these clear AVPs. */
  secretFor?: (clear: AvpValues) => Secret | undefined;
}

// ---------------------------------------------------------------- encoding

/**
 * The octets behind the header: Message Type, what is clear, then the Random Vector and what is hidden.
 * @throws RangeError when a value is too long for an AVP
 */
export function encodeMessage(message: OutgoingMessage, options: EncodeOptions = {}): Uint8Array {
  const row = messageRows[message.type];
  const avps: AvpValues = message.avps;
  const hide = row.hideable ? options.hide : undefined;
  const toHide: AvpName[] = [];
  const writer = new Writer(128);
  writeAvp(writer, avpTable.messageType.type, mandatoryBit, () => writer.u16(row.code));
  for (const name of [...row.required, ...row.expected, ...row.optional]) {
    if (avps[name] === undefined) continue;
    if (hide && avpRows[name].hideable) toHide.push(name);
    else writeClear(writer, name, avps[name]);
  }
  if (hide && toHide.length > 0) {
    writeAvp(writer, avpTable.randomVector.type, mandatoryBit, () => writer.octets(hide.randomVector));
    for (const name of toHide) writeHidden(writer, name, avps[name], hide.secret, hide.randomVector);
  }
  return writer.finish();
}

function writeClear(writer: Writer, name: AvpName, value: unknown): void {
  const { type, codec, mandatory } = avpRows[name];
  writeAvp(writer, type, mandatory ? mandatoryBit : 0, () => codec.write(writer, value));
}

function writeHidden(writer: Writer, name: AvpName, value: unknown, secret: Secret, randomVector: Uint8Array): void {
  const { type, codec, mandatory } = avpRows[name];
  const clear = new Writer();
  codec.write(clear, value);
  const hidden = hideValue(type, clear.finish(), secret, randomVector);
  writeAvp(writer, type, hiddenBit | (mandatory ? mandatoryBit : 0), () => writer.octets(hidden));
}

function writeAvp(writer: Writer, type: number, flags: number, writeValue: () => void): void {
  const start = writer.length;
  writer.u16(0).u16(0).u16(type);
  writeValue();
  const octets = writer.length - start;
  if (octets > maxAvpOctets) throw new RangeError(`AVP ${type} would have ${octets} octets`);
  writer.patchU16(start, flags | octets);
}

// ---------------------------------------------------------------- decoding

/**
 * Decodes the octets behind a control header.
 *
 * Scope of the errors: `ignore` for an unknown message that may be ignored (it still takes its sequence number);
 * `session` or `tunnel`, by what the message is about, for what RFC 2661 4.1 and 7.1 want to end it.
 * @throws WireError and nothing else
 */
export function decodeMessage(bytes: Uint8Array, start: number, end: number, options: DecodeOptions = {}): Message {
  const reader = new Reader(bytes, start, end);
  const type = readMessageType(reader);
  const decoding = new Decoding(type);
  const hidden: HiddenAvp[] = [];
  let randomVector: Uint8Array | undefined;
  for (let count = 1; reader.left > 0; count++) {
    if (count === maxAvpsPerMessage) throw decoding.error('tooManyAvps', 'too many AVPs', { result: 2, error: 4 });
    const avp = decoding.next(reader);
    if (isRandomVector(avp)) randomVector = avp.value.copy();
    else if (avp.hidden) hidden.push({ avp, randomVector });
    else decoding.take(avp, avp.value);
  }
  if (hidden.length > 0) {
    const secret = options.secretFor?.(decoding.avps);
    for (const each of hidden) decoding.takeHidden(each, secret);
  }
  return decoding.finish();
}

/** An AVP as it stands in the message. */
interface RawAvp {
  vendor: number;
  type: number;
  mandatory: boolean;
  hidden: boolean;
  /** A reserved bit is set, which makes it unrecognized (RFC 2661 4.1). */
  reserved: boolean;
  value: Reader;
}

interface HiddenAvp {
  avp: RawAvp;
  /** The last one before it. */
  randomVector: Uint8Array | undefined;
}

function isRandomVector(avp: RawAvp): boolean {
  return avp.vendor === 0 && avp.type === avpTable.randomVector.type && !avp.hidden && !avp.reserved;
}

/** Splits off the next AVP. A wrong length leaves nothing to go on with. */
function readAvp(reader: Reader, scope: 'tunnel' | 'session', context: string): RawAvp {
  const { left } = reader;
  if (left < avpHeaderOctets) {
    throw new WireError(scope, 'avpLength', `${context}: ${left} octets behind the last AVP`, { result: 2, error: 2 });
  }
  const head = reader.u16();
  const vendor = reader.u16();
  const type = reader.u16();
  const octets = head & lengthBits;
  if (octets < avpHeaderOctets || octets > left) {
    const text = `${context}: AVP ${vendor}/${type} with length ${octets}, ${left} octets left`;
    throw new WireError(scope, 'avpLength', text, { result: 2, error: 2 });
  }
  const valueStart = reader.position;
  reader.skip(octets - avpHeaderOctets);
  return {
    vendor,
    type,
    mandatory: (head & mandatoryBit) !== 0,
    hidden: (head & hiddenBit) !== 0,
    reserved: (head & reservedBits) !== 0,
    value: new Reader(reader.bytes, valueStart, reader.position),
  };
}

/** RFC 2661 4.4.1: the first AVP; its M bit tells whether a message of unknown type may be ignored. */
function readMessageType(reader: Reader): MessageType {
  const first = readAvp(reader, 'tunnel', 'message');
  const isMessageType = first.vendor === 0 && first.type === avpTable.messageType.type;
  if (!isMessageType || first.hidden || first.reserved || first.value.left !== 2) {
    throw new WireError('tunnel', 'messageTypeFirst', 'message does not begin with a proper Message Type AVP', {
      result: 2,
      error: 3,
    });
  }
  const code = first.value.u16();
  const type = messageTypeOf(code);
  if (type === undefined) {
    const scope = first.mandatory ? 'tunnel' : 'ignore';
    throw new WireError(scope, 'unknownMessageType', `unknown message type ${code}`, { result: 2, error: 3 });
  }
  return type;
}

/** One message on its way from AVPs to values. */
class Decoding {
  readonly avps: AvpValues = {};
  private readonly type: MessageType;
  private readonly oddities: Oddity[] = [];
  /** The first defect that ends the message. What follows is still read: it may tell whom the answer is for. */
  private defect: WireError | undefined;

  constructor(type: MessageType) {
    this.type = type;
  }

  error(reason: string, text: string, result: Result): WireError {
    return this.addressed(new WireError(messageScope(this.type), reason, `${this.type}: ${text}`, result));
  }

  next(reader: Reader): RawAvp {
    try {
      return readAvp(reader, messageScope(this.type), this.type);
    } catch (error) {
      throw error instanceof WireError ? this.addressed(error) : error;
    }
  }

  private addressed(error: WireError): WireError {
    error.assignedSessionId = this.avps.assignedSessionId;
    return error;
  }

  /** Takes one AVP whose value is in the clear. Of several with the same name the first counts. */
  take(avp: RawAvp, value: Reader): void {
    const name = this.nameOf(avp);
    if (name === undefined) return;
    if (this.avps[name] !== undefined) {
      this.note(avp, 'duplicate');
      return;
    }
    try {
      Object.assign(this.avps, { [name]: readValue(avpRows[name].codec, value) });
    } catch (error) {
      this.malformed(avp, name, error);
      return;
    }
    const row = messageRows[this.type];
    if (![row.required, row.expected, row.optional].some((names) => names.includes(name))) {
      this.note(avp, 'unexpected');
    }
  }

  takeHidden({ avp, randomVector }: HiddenAvp, secret: Secret | undefined): void {
    const name = this.nameOf(avp);
    if (name === undefined) return;
    try {
      if (!randomVector) throw new MalformedValue(3, 'is hidden without a Random Vector before it');
      if (!secret) throw new MalformedValue(3, 'is hidden, but no secret is shared with this peer');
      this.take({ ...avp, hidden: false }, new Reader(unhideValue(avp.type, avp.value.copy(), secret, randomVector)));
    } catch (error) {
      this.malformed(avp, name, error);
    }
  }

  finish(): Message {
    if (this.defect) throw this.addressed(this.defect);
    for (const name of messageRows[this.type].required) {
      if (this.avps[name] === undefined) {
        throw this.error('missingAvp', `AVP ${name} is missing`, { result: 2, error: 3 });
      }
    }
    // The loop above has checked what the type promises.
    return { type: this.type, avps: this.avps, oddities: this.oddities } as Message;
  }

  /** The AVP's name, or undefined when it is to be ignored (RFC 2661 4.1, 4.2). */
  private nameOf(avp: RawAvp): AvpName | undefined {
    const name = avp.reserved ? undefined : avpNameOf(avp.vendor, avp.type);
    if (name !== undefined) return name;
    if (avp.mandatory) {
      this.defect ??= this.error('unknownAvp', `unknown mandatory AVP, vendor ${avp.vendor} type ${avp.type}`, {
        result: 2,
        error: 8,
      });
      return undefined;
    }
    this.note(avp, 'unknown');
    return undefined;
  }

  /** RFC 2661 7.1: the M bit tells whether a malformed AVP can be passed over. */
  private malformed(avp: RawAvp, name: AvpName, error: unknown): void {
    if (!(error instanceof MalformedValue)) throw error;
    if (avp.mandatory) {
      this.defect ??= this.error('malformedAvp', `AVP ${name} ${error.message}`, { result: 2, error: error.error });
      return;
    }
    this.note(avp, 'malformed');
  }

  private note({ vendor, type }: RawAvp, why: Oddity['why']): void {
    this.oddities.push({ vendor, type, why });
  }
}
