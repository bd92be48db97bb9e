/**
 * Control messages to octets (RFC 2661 4.1 and 4.3, RFC 3931 5.1 and 5.3). These are the AVPs behind the header; a ZLB has
 * none.
 */
import { type AvpName, type AvpValues, draftVendor, encodingAvps, type KnownAvp } from './avp.ts';
import { hiddenBit, mandatoryBit, maxAvpOctets, maxHideableOctets } from './avp-octets.ts';
import { Writer } from './bytes.ts';
import type { ValueCodec } from './codec.ts';
import { type DigestRoom, emptyDigest } from './digest.ts';
import { hideValue } from './hidden.ts';
import type { EncodeOptions, OutgoingAvp, OutgoingMessage } from './message.ts';
import type { MessageForm } from './message-table.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A vendor with a higher number stands in an AVP of its own kind (RFC 3931 5.1). */
const maxVendor = 0xffff;

/**
 * The octets behind the header: Message Type, digests to be signed, what is clear, then the Random Vector and what is
 * hidden. Within these the AVPs come as they stand in the message, the peer's session id before them; those that do not
 * belong to the message are left out. So are those that it can do without when their values are too long, as somebody
 * else's can be that we pass on: hidden they are longer than they came, and so is text that was no UTF-8.
 * @throws RangeError when a value that the message needs is too long for an AVP, or the version does not have the message
 */
export function encodeMessage(
  vocabulary: Vocabulary,
  message: OutgoingMessage,
  remoteSessionId: number,
  options: EncodeOptions = {},
): Uint8Array {
  const form = vocabulary.forms.get(message.type);
  if (!form) throw new RangeError(`this version has no ${message.type}`);
  const { hide, digests } = options;
  const writer = new Writer(128);
  const type = beginAvp(writer, 0, encodingAvps.messageType);
  writer.u16(form.code);
  endAvp(writer, type, form.ignorable ? 0 : mandatoryBit);
  if (digests) writeDigests(writer, digests, vocabulary.digestIsMandatory);

  const encoding = new Encoding(vocabulary, form, writer, options);
  encoding.write(message, remoteSessionId);
  if (!hide || !encoding.hasMore) return writer.finish();

  const vector = beginAvp(writer, 0, encodingAvps.randomVector);
  writer.octets(hide.randomVector);
  endAvp(writer, vector, mandatoryBit);
  encoding.pad = { key: vocabulary.hidingKey(hide.secret), randomVector: hide.randomVector };
  encoding.write(message, remoteSessionId);
  return writer.finish();
}

interface Pad {
  key: Uint8Array;
  randomVector: Uint8Array;
}

/** One message on its way from values to AVPs: first what is clear, then with `pad` what is hidden. */
class Encoding {
  pad: Pad | undefined;
  /** Whether something is left to hide. */
  hasMore = false;
  private readonly vocabulary: Vocabulary;
  private readonly form: MessageForm;
  private readonly writer: Writer;
  private readonly hides: boolean;
  private readonly drafts: boolean;

  constructor(vocabulary: Vocabulary, form: MessageForm, writer: Writer, { hide, drafts = false }: EncodeOptions) {
    this.vocabulary = vocabulary;
    this.form = form;
    this.writer = writer;
    this.hides = form.hideable && hide !== undefined;
    this.drafts = drafts && vocabulary.draftNames.size > 0;
  }

  write({ avps, others }: OutgoingMessage, remoteSessionId: number): void {
    const values: AvpValues = avps;
    const { offers } = this.vocabulary;
    const makesOffer = values.assignedControlConnectionId !== undefined;
    this.known('remoteSessionId', remoteSessionId);
    for (const name of Object.keys(avps) as AvpName[]) {
      if (name !== 'remoteSessionId' && (makesOffer || !offers.has(name))) this.known(name, values[name]);
    }
    for (const other of others ?? []) {
      if (this.isDue(other.hideable ?? false)) this.other(other);
    }
  }

  /** Whether an AVP is to be written now. */
  private isDue(hideable: boolean): boolean {
    const hidden = this.hides && hideable;
    if (hidden && !this.pad) this.hasMore = true;
    return hidden === (this.pad !== undefined);
  }

  /** Writes an AVP of the table, or all that it stands for. */
  private known(name: AvpName, value: unknown): void {
    const row = this.vocabulary.avps[name];
    if (value === undefined || !row || !this.form.allowed.has(name) || !this.isDue(row.hideable)) return;
    if (!row.repeats || !Array.isArray(value)) this.one(name, row, value);
    else for (const each of value) this.one(name, row, each);
  }

  private one(name: AvpName, row: KnownAvp, value: unknown): void {
    const { vendor, type, codec, draftType } = row;
    const hasCopy = this.drafts && draftType !== undefined;
    // Who only knows the drafts passes over the RFC's.
    const mandatory = row.mandatory && !row.optionalWhen?.(value) && !hasCopy;
    const isNeeded = this.form.required.includes(name);
    this.value(vendor, type, mandatory, isNeeded, codec, value);
    if (hasCopy) this.value(draftVendor, draftType, false, isNeeded, codec, value);
  }

  private value(
    vendor: number,
    type: number,
    mandatory: boolean,
    isNeeded: boolean,
    codec: ValueCodec<unknown>,
    value: unknown,
  ): void {
    const { writer, pad } = this;
    if (pad) {
      const clear = new Writer();
      codec.write(clear, value);
      if (clear.length > maxHideableOctets && !isNeeded) return;
      this.octets(vendor, type, mandatory, clear.finish());
      return;
    }
    const start = beginAvp(writer, vendor, type);
    codec.write(writer, value);
    if (writer.length - start > maxAvpOctets && !isNeeded) writer.rewind(start);
    else endAvp(writer, start, mandatory ? mandatoryBit : 0);
  }

  private other({ vendor, type, mandatory = false, value }: OutgoingAvp): void {
    if (vendor <= maxVendor) {
      this.octets(vendor, type, mandatory, value);
      return;
    }
    const extended = new Writer(value.length + 6).u32(vendor).u16(type).octets(value).finish();
    this.octets(0, encodingAvps.extendedVendorId, false, extended);
  }

  private octets(vendor: number, type: number, mandatory: boolean, value: Uint8Array): void {
    const { writer, pad } = this;
    const start = beginAvp(writer, vendor, type);
    writer.octets(pad ? hideValue(type, value, pad.key, pad.randomVector) : value);
    endAvp(writer, start, (pad ? hiddenBit : 0) | (mandatory ? mandatoryBit : 0));
  }
}

/** RFC 3931 5.4.1: right behind the Message Type. */
function writeDigests(writer: Writer, room: DigestRoom, mandatory: boolean): void {
  const { vendor, type, value } = emptyDigest(room);
  for (let n = 0; n < room.count; n++) {
    const start = beginAvp(writer, vendor, type);
    writer.octets(value);
    endAvp(writer, start, mandatory ? mandatoryBit : 0);
  }
}

/** Writes a header whose length is not known yet, and returns where it is. */
function beginAvp(writer: Writer, vendor: number, type: number): number {
  const start = writer.length;
  writer.u16(0).u16(vendor).u16(type);
  return start;
}

function endAvp(writer: Writer, start: number, flags: number): void {
  const octets = writer.length - start;
  if (octets > maxAvpOctets) throw new RangeError(`an AVP would have ${octets} octets`);
  writer.patchU16(start, flags | octets);
}
