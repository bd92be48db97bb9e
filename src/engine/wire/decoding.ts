/**
 * Octets to control messages (RFC 2661 4.1 - 4.3 and 7.1, RFC 3931 5.1 - 5.3 and 7.1).
 */
import { type Result, WireError } from '../errors.ts';
import { type AvpName, type AvpValues, avpNumber, encodingAvps, type KnownAvp } from './avp.ts';
import { avpHeaderOctets, hiddenBit, lengthBits, mandatoryBit } from './avp-octets.ts';
import { Reader } from './bytes.ts';
import { MalformedValue, readValue } from './codec.ts';
import { unhideValue } from './hidden.ts';
import type { DecodeOptions, Message, Oddity, OtherAvp } from './message.ts';
import { type MessageForm, messageScope } from './message-table.ts';
import type { Vocabulary } from './vocabulary.ts';

/** More AVPs in one message than this is an attack: the longest message of ours has about 40. */
const maxAvpsPerMessage = 256;
/** Hidden octets in one message, each 16 of which cost a digest, also before the peer has shown who it is. */
const maxHiddenOctets = 4_096;
/** AVPs that the table does not know, kept from one message, and the octets of their values. */
const maxOthers = 32;
const maxOtherOctets = 2_048;

/** A vendor's number of 32 bits, and the type (RFC 3931 5.1). */
const extendedVendorOctets = 6;

const noOddities: readonly Oddity[] = Object.freeze([]);
const noOthers: readonly OtherAvp[] = Object.freeze([]);

/**
 * Decodes the octets behind a control header.
 *
 * Scope of the errors: `ignore` for an unknown message that may be ignored (it still takes its sequence number);
 * `session` or `tunnel`, by what the message is about, for what RFC 2661 4.1 and 7.1 want to end it.
 * @throws WireError and nothing else
 */
export function decodeMessage(
  vocabulary: Vocabulary,
  bytes: Uint8Array,
  start: number,
  end: number,
  options: DecodeOptions = {},
): Message {
  const reader = new Reader(bytes, start, end);
  const decoding = new Decoding(vocabulary, readMessageType(vocabulary, reader), options);
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
    const key = secret && vocabulary.hidingKey(secret);
    for (const each of hidden) decoding.takeHidden(each, key);
  }
  return decoding.finish();
}

/** An AVP as it stands in the message. */
interface RawAvp {
  vendor: number;
  type: number;
  mandatory: boolean;
  hidden: boolean;
  /** A reserved bit is set that makes it unrecognized (RFC 2661 4.1). */
  reserved: boolean;
  value: Reader;
}

interface HiddenAvp {
  avp: RawAvp;
  /** The last one before it. */
  randomVector: Uint8Array | undefined;
}

function isRandomVector(avp: RawAvp): boolean {
  return avp.vendor === 0 && avp.type === encodingAvps.randomVector && !avp.hidden && !avp.reserved;
}

/** Splits off the next AVP. A wrong length leaves nothing to go on with. */
function readAvp(
  { unrecognizedBits }: Vocabulary,
  reader: Reader,
  scope: 'tunnel' | 'session',
  context: string,
): RawAvp {
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
    reserved: (head & unrecognizedBits) !== 0,
    value: new Reader(reader.bytes, valueStart, reader.position),
  };
}

/** RFC 2661 4.4.1: the first AVP; its M bit tells whether a message of unknown type may be ignored. */
function readMessageType(vocabulary: Vocabulary, reader: Reader): MessageForm {
  const first = readAvp(vocabulary, reader, 'tunnel', 'message');
  const { vendor, type, hidden, reserved, mandatory, value } = first;
  if (type !== encodingAvps.messageType || hidden || reserved || value.left !== 2) {
    throw new WireError('tunnel', 'messageTypeFirst', 'message does not begin with a proper Message Type AVP', {
      result: 2,
      error: 3,
    });
  }
  const code = value.u16();
  // A vendor has message types of its own.
  const form = vendor === 0 ? vocabulary.formsByCode.get(code) : undefined;
  if (form === undefined) {
    const scope = mandatory ? 'tunnel' : 'ignore';
    const what = vendor === 0 ? `${code}` : `${code} of vendor ${vendor}`;
    throw new WireError(scope, 'unknownMessageType', `unknown message type ${what}`, { result: 2, error: 3 });
  }
  return form;
}

/** One message on its way from AVPs to values. */
class Decoding {
  readonly avps: AvpValues = {};
  private readonly vocabulary: Vocabulary;
  private readonly form: MessageForm;
  private readonly options: DecodeOptions;
  /** What a draft's AVPs have told so far, for as long as the RFC's do not. */
  private fromDrafts: Set<AvpName> | undefined;
  private oddities: Oddity[] | undefined;
  private others: OtherAvp[] | undefined;
  private otherOctets = 0;
  /** The first defect that ends the message. What follows is still read: it may tell whom the answer is for. */
  private defect: WireError | undefined;
  /** The first unknown AVP with the M bit, which ends the message too, or is passed over. */
  private unknownAvp: WireError | undefined;

  constructor(vocabulary: Vocabulary, form: MessageForm, options: DecodeOptions) {
    this.vocabulary = vocabulary;
    this.form = form;
    this.options = options;
  }

  error(reason: string, text: string, result: Result): WireError {
    const { type } = this.form;
    return this.addressed(new WireError(messageScope(type), reason, `${type}: ${text}`, result));
  }

  next(reader: Reader): RawAvp {
    try {
      return readAvp(this.vocabulary, reader, messageScope(this.form.type), this.form.type);
    } catch (error) {
      throw error instanceof WireError ? this.addressed(error) : error;
    }
  }

  private addressed(error: WireError): WireError {
    error.assignedSessionId = this.avps.assignedSessionId;
    error.sessionId = this.avps.remoteSessionId;
    return error;
  }

  /** Takes one AVP whose value is in the clear. Of several with the same name the first counts, where one is due. */
  take(avp: RawAvp, value: Reader): void {
    const number = avpNumber(avp.vendor, avp.type);
    const name = avp.reserved ? undefined : this.vocabulary.names.get(number);
    if (name !== undefined) this.takeKnown(avp, name, value);
    else if (avp.reserved) this.unknown(avp, 'has a reserved bit set');
    else this.takeUnnamed(avp, number, value);
  }

  private takeUnnamed(avp: RawAvp, number: number, value: Reader): void {
    const { aside, foreign, draftNames } = this.vocabulary;
    const draftName = draftNames.get(number);
    if (draftName !== undefined) this.takeDraft(avp, draftName, value);
    else if (isAboutEncoding(avp)) this.malformed(avp, undefined, new MalformedValue(3, 'is out of place'));
    else if (foreign.has(number)) this.note(avp, undefined, 'unexpected', 'belongs to another version');
    else if (avp.vendor === 0 && avp.type === encodingAvps.extendedVendorId) this.takeExtended(avp, value);
    else if (!aside.has(number)) this.takeOther(avp, value);
  }

  takeHidden({ avp, randomVector }: HiddenAvp, key: Uint8Array | undefined): void {
    const { names, aside, foreign } = this.vocabulary;
    const number = avpNumber(avp.vendor, avp.type);
    const name = avp.reserved ? undefined : names.get(number);
    const isIdle = avp.reserved || isAboutEncoding(avp) || aside.has(number) || foreign.has(number);
    // Whatever needs no digest is dealt with first.
    if (isIdle || (name !== undefined && this.isDuplicate(name))) {
      this.take(avp, avp.value);
      return;
    }
    try {
      if (!randomVector) throw new MalformedValue(3, 'is hidden without a Random Vector before it');
      if (!key) throw new MalformedValue(3, 'is hidden, but no secret is shared with this peer');
      this.take(avp, new Reader(unhideValue(avp.type, avp.value.copy(), key, randomVector)));
    } catch (error) {
      if (name === undefined && error instanceof MalformedValue) this.unknown(avp, error.message);
      else this.malformed(avp, name, error);
    }
  }

  finish(): Message {
    if (this.unknownAvp && !this.options.passesOver?.(this.avps)) this.defect ??= this.unknownAvp;
    if (this.defect) throw this.addressed(this.defect);
    for (const name of this.form.required) {
      if (this.avps[name] === undefined) {
        throw this.error('missingAvp', `AVP ${name} is missing`, { result: 2, error: 3 });
      }
    }
    const { avps, oddities = noOddities, others = noOthers } = this;
    // The loop above has checked what the type promises.
    return { type: this.form.type, avps, oddities, others } as Message;
  }

  private isDuplicate(name: AvpName): boolean {
    return !this.row(name).repeats && this.avps[name] !== undefined && !this.fromDrafts?.has(name);
  }

  private row(name: AvpName): KnownAvp {
    const row = this.vocabulary.avps[name];
    if (!row) throw new RangeError(`${name} is not in this version`);
    return row;
  }

  private takeKnown(avp: RawAvp, name: AvpName, value: Reader): void {
    if (this.isDuplicate(name)) {
      this.note(avp, name, 'duplicate', 'is there twice; the first counts');
      return;
    }
    if (this.keep(avp, name, value)) this.fromDrafts?.delete(name);
  }

  private takeDraft(avp: RawAvp, name: AvpName, value: Reader): void {
    if (this.avps[name] !== undefined || !this.keep(avp, name, value)) return;
    this.fromDrafts ??= new Set();
    this.fromDrafts.add(name);
  }

  private keep(avp: RawAvp, name: AvpName, reader: Reader): boolean {
    const slots: Partial<Record<AvpName, unknown>> = this.avps;
    const row = this.row(name);
    try {
      const value = readValue(row.codec, reader);
      const before = slots[name];
      if (!row.repeats) slots[name] = value;
      else if (Array.isArray(before)) before.push(value);
      else slots[name] = [value];
    } catch (error) {
      this.malformed(avp, name, error);
      return false;
    }
    if (!this.form.allowed.has(name)) this.note(avp, name, 'unexpected', 'does not belong there');
    return true;
  }

  /** RFC 3931 5.1. */
  private takeExtended(avp: RawAvp, value: Reader): void {
    if (value.left < extendedVendorOctets) {
      this.malformed(avp, undefined, new MalformedValue(2, `has ${value.left} octets`));
      return;
    }
    this.takeOther({ ...avp, vendor: value.u32(), type: value.u16() }, value);
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
    const message = this.form.type;
    const text = `${message}: AVP ${name ?? `${vendor}/${type}`} ${what}`;
    this.oddities.push({ vendor, type, name, message, why, text });
  }
}

/** A second Message Type, or a Random Vector that cannot be one. */
function isAboutEncoding({ vendor, type }: RawAvp): boolean {
  return vendor === 0 && (type === encodingAvps.messageType || type === encodingAvps.randomVector);
}
