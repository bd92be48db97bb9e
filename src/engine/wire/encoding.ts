/**
 * Control messages to octets (RFC 2661 4.1, 4.3). These are the AVPs behind the header; a ZLB has none.
 */
import { type AvpName, type AvpValues, avpRows, avpTable } from './avp.ts';
import { hiddenBit, mandatoryBit, maxAvpOctets, maxHideableOctets } from './avp-octets.ts';
import { Writer } from './bytes.ts';
import { hideValue } from './hidden.ts';
import type { EncodeOptions, OutgoingMessage } from './message.ts';
import { belongs, type MessageType, messageRows } from './message-table.ts';

/**
 * The octets behind the header: Message Type, what is clear, then the Random Vector and what is hidden. Within these the
 * AVPs come as they stand in the message, whose type must allow them. Those that the message can do without are left out
 * when their values are too long, as somebody else's can be that we pass on: hidden they are longer than they came, and
 * so is text that was no UTF-8.
 * @throws RangeError when a value that the message needs is too long for an AVP
 */
export function encodeMessage(message: OutgoingMessage, options: EncodeOptions = {}): Uint8Array {
  const row = messageRows[message.type];
  const avps: AvpValues = message.avps;
  const hide = row.hideable ? options.hide : undefined;
  const writer = new Writer(128);
  const type = beginAvp(writer, 0, avpTable.messageType.type);
  writer.u16(row.code);
  endAvp(writer, type, row.ignorable ? 0 : mandatoryBit);
  let somethingToHide = false;
  const names = Object.keys(avps) as AvpName[];
  for (const name of names) {
    const value = avps[name];
    if (value === undefined || !belongs(message.type, name)) continue;
    if (hide && avpRows[name].hideable) somethingToHide = true;
    else writeKnown(writer, message.type, name, value);
  }
  for (const other of message.others ?? []) {
    if (hide && other.hideable) somethingToHide = true;
    else writeClear(writer, other.vendor, other.type, other.mandatory ?? false, other.value);
  }
  if (!hide || !somethingToHide) return writer.finish();

  const vector = beginAvp(writer, 0, avpTable.randomVector.type);
  writer.octets(hide.randomVector);
  endAvp(writer, vector, mandatoryBit);
  for (const name of names) {
    const value = avps[name];
    if (value === undefined || !avpRows[name].hideable || !belongs(message.type, name)) continue;
    writeKnown(writer, message.type, name, value, hide);
  }
  for (const other of message.others ?? []) {
    if (other.hideable) writeHidden(writer, other.vendor, other.type, other.mandatory ?? false, other.value, hide);
  }
  return writer.finish();
}

type Hide = NonNullable<EncodeOptions['hide']>;

/** Writes an AVP of the table, or all that it stands for. */
function writeKnown(writer: Writer, type: MessageType, name: AvpName, value: unknown, hide?: Hide): void {
  if (avpRows[name].repeats && Array.isArray(value)) {
    for (const each of value) writeOne(writer, type, name, each, hide);
  } else {
    writeOne(writer, type, name, value, hide);
  }
}

function writeOne(writer: Writer, message: MessageType, name: AvpName, value: unknown, hide: Hide | undefined): void {
  const row = avpRows[name];
  const { vendor, type, codec } = row;
  const mandatory = row.mandatory && !row.optionalWhen?.(value);
  const isNeeded = messageRows[message].required.includes(name);
  if (hide) {
    const clear = new Writer();
    codec.write(clear, value);
    if (clear.length > maxHideableOctets && !isNeeded) return;
    writeHidden(writer, vendor, type, mandatory, clear.finish(), hide);
    return;
  }
  const start = beginAvp(writer, vendor, type);
  codec.write(writer, value);
  if (writer.length - start > maxAvpOctets && !isNeeded) writer.rewind(start);
  else endAvp(writer, start, mandatory ? mandatoryBit : 0);
}

function writeClear(writer: Writer, vendor: number, type: number, mandatory: boolean, value: Uint8Array): void {
  const start = beginAvp(writer, vendor, type);
  writer.octets(value);
  endAvp(writer, start, mandatory ? mandatoryBit : 0);
}

function writeHidden(
  writer: Writer,
  vendor: number,
  type: number,
  mandatory: boolean,
  value: Uint8Array,
  { secret, randomVector }: Hide,
): void {
  const start = beginAvp(writer, vendor, type);
  writer.octets(hideValue(type, value, secret, randomVector));
  endAvp(writer, start, hiddenBit | (mandatory ? mandatoryBit : 0));
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
