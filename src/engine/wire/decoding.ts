/**
 * Octets to control messages (RFC 2661 4.1 - 4.3, 7.1).
 */
import { type Result, WireError } from '../errors.ts';
import { type AvpName, type AvpValues, avpNameOf, avpRows, avpTable } from './avp.ts';
import { avpHeaderOctets, hiddenBit, lengthBits, mandatoryBit, reservedBits } from './avp-octets.ts';
import { Reader } from './bytes.ts';
import { MalformedValue, readValue } from './codec.ts';
import { unhideValue } from './hidden.ts';
import type { DecodeOptions, Message, Oddity, OtherAvp } from './message.ts';
import { belongs, type MessageType, messageRows, messageScope, messageTypeOf } from './message-table.ts';
import type { Secret } from './secret.ts';

/** More AVPs in one message than this is an attack: the longest message of ours has about 40. */
const maxAvpsPerMessage = 256;
/** Hidden octets in one message, each 16 of which cost a digest, also before the peer has shown who it is. */
const maxHiddenOctets = 4_096;
/** AVPs that the table does not know, kept from one message, and the octets of their values. */
const maxOthers = 32;
const maxOtherOctets = 2_048;

const noOddities: readonly Oddity[] = Object.freeze([]);
const noOthers: readonly OtherAvp[] = Object.freeze([]);

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
  const decoding = new Decoding(type, options);
  let hidden: HiddenAvp[] | undefined;
  let hiddenOctets = 0;
  let randomVector: Uint8Array | undefined;
  for (let count = 1; reader.left > 0; count++) {
    if (count === maxAvpsPerMessage) throw decoding.error('tooManyAvps', 'too many AVPs', { result: 2, error: 4 });
    const avp = decoding.next(reader);
    if (isRandomVector(avp)) {
      randomVector = avp.value.copy();
    } else if (avp.hidden) {
      hiddenOctets += avp.value.left;
      if (hiddenOctets > maxHiddenOctets) {
        throw decoding.error('tooMuchHidden', 'too many hidden octets', { result: 2, error: 4 });
      }
      hidden ??= [];
      hidden.push({ avp, randomVector });
    } else {
      decoding.take(avp, avp.value);
    }
  }
  if (hidden) {
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
  private readonly options: DecodeOptions;
  private oddities: Oddity[] | undefined;
  private others: OtherAvp[] | undefined;
  private otherOctets = 0;
  /** The first defect that ends the message. What follows is still read: it may tell whom the answer is for. */
  private defect: WireError | undefined;
  /** The first unknown AVP with the M bit, which ends the message too, or is passed over. */
  private unknownAvp: WireError | undefined;

  constructor(type: MessageType, options: DecodeOptions) {
    this.type = type;
    this.options = options;
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

  /** Takes one AVP whose value is in the clear. Of several with the same name the first counts, where one is due. */
  take(avp: RawAvp, value: Reader): void {
    const name = this.nameOf(avp);
    if (name !== undefined) this.takeKnown(avp, name, value);
    else if (avp.reserved) this.unknown(avp, 'has a reserved bit set');
    else if (isAboutEncoding(avp)) this.malformed(avp, undefined, new MalformedValue(3, 'is out of place'));
    else this.takeOther(avp, value);
  }

  takeHidden({ avp, randomVector }: HiddenAvp, secret: Secret | undefined): void {
    const name = this.nameOf(avp);
    // Whatever needs no digest is dealt with first.
    if (avp.reserved || isAboutEncoding(avp) || (name !== undefined && this.isDuplicate(name))) {
      this.take(avp, avp.value);
      return;
    }
    try {
      if (!randomVector) throw new MalformedValue(3, 'is hidden without a Random Vector before it');
      if (!secret) throw new MalformedValue(3, 'is hidden, but no secret is shared with this peer');
      this.take(avp, new Reader(unhideValue(avp.type, avp.value.copy(), secret, randomVector)));
    } catch (error) {
      if (name === undefined && error instanceof MalformedValue) this.unknown(avp, error.message);
      else this.malformed(avp, name, error);
    }
  }

  finish(): Message {
    if (this.unknownAvp && !this.options.passesOver?.(this.avps)) this.defect ??= this.unknownAvp;
    if (this.defect) throw this.addressed(this.defect);
    for (const name of messageRows[this.type].required) {
      if (this.avps[name] === undefined) {
        throw this.error('missingAvp', `AVP ${name} is missing`, { result: 2, error: 3 });
      }
    }
    const { type, avps, oddities = noOddities, others = noOthers } = this;
    // The loop above has checked what the type promises.
    return { type, avps, oddities, others } as Message;
  }

  private nameOf(avp: RawAvp): AvpName | undefined {
    return avp.reserved ? undefined : avpNameOf(avp.vendor, avp.type);
  }

  private isDuplicate(name: AvpName): boolean {
    return !avpRows[name].repeats && this.avps[name] !== undefined;
  }

  private takeKnown(avp: RawAvp, name: AvpName, reader: Reader): void {
    if (this.isDuplicate(name)) {
      this.note(avp, name, 'duplicate', 'is there twice; the first counts');
      return;
    }
    const slots: Partial<Record<AvpName, unknown>> = this.avps;
    const row = avpRows[name];
    try {
      const value = readValue(row.codec, reader);
      const before = slots[name];
      if (!row.repeats) slots[name] = value;
      else if (Array.isArray(before)) before.push(value);
      else slots[name] = [value];
    } catch (error) {
      this.malformed(avp, name, error);
      return;
    }
    if (!belongs(this.type, name)) this.note(avp, name, 'unexpected', 'does not belong there');
  }

  /** Keeps an AVP that the table does not know, within the limits. */
  private takeOther(avp: RawAvp, value: Reader): void {
    const { vendor, type, hidden } = avp;
    const known = this.options.knows?.(vendor, type) ?? false;
    if (!known && avp.mandatory) {
      this.unknown(avp, 'is not known');
      return;
    }
    this.others ??= [];
    if (this.others.length >= maxOthers || this.otherOctets + value.left > maxOtherOctets) {
      if (known && avp.mandatory) {
        this.defect ??= this.error('tooManyAvps', 'too many AVPs of vendors', { result: 2, error: 4 });
      }
      this.note(avp, undefined, 'unknown', 'is not kept, there are too many');
      return;
    }
    this.otherOctets += value.left;
    const other: OtherAvp = { vendor, type, value: value.copy() };
    if (hidden) other.hidden = true;
    this.others.push(other);
    if (!known) this.note(avp, undefined, 'unknown', 'is not known');
  }

  /** RFC 2661 4.1, 4.2: the M bit tells whether an AVP that is not recognized can be passed over. */
  private unknown(avp: RawAvp, what: string): void {
    if (avp.mandatory) {
      const text = `unknown mandatory AVP, vendor ${avp.vendor} type ${avp.type}`;
      this.unknownAvp ??= this.error('unknownAvp', text, { result: 2, error: 8 });
    }
    this.note(avp, undefined, 'unknown', what);
  }

  /** RFC 2661 7.1: the M bit tells whether a malformed AVP can be passed over. */
  private malformed(avp: RawAvp, name: AvpName | undefined, error: unknown): void {
    if (!(error instanceof MalformedValue)) throw error;
    if (avp.mandatory) {
      const text = `AVP ${name ?? avp.type} ${error.message}`;
      this.defect ??= this.error('malformedAvp', text, { result: 2, error: error.error });
      return;
    }
    this.note(avp, name, 'malformed', error.message);
  }

  private note({ vendor, type }: RawAvp, name: AvpName | undefined, why: Oddity['why'], what: string): void {
    this.oddities ??= [];
    const text = `${this.type}: AVP ${name ?? `${vendor}/${type}`} ${what}`;
    this.oddities.push({ vendor, type, name, message: this.type, why, text });
  }
}

/** A second Message Type, or a Random Vector that cannot be one. */
function isAboutEncoding({ vendor, type }: RawAvp): boolean {
  return vendor === 0 && (type === avpTable.messageType.type || type === avpTable.randomVector.type);
}
