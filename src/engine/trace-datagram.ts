/** Control datagrams in traces: the transport, the message, its AVPs. Everything here runs only when it is wanted. */
import { WireError } from './errors.ts';
import { type TraceCategory, type TracedPacket, type TraceSubject, type Tracing, traceBit } from './trace.ts';
import { type AvpText, describeAvps, describeOthers } from './wire/avp-text.ts';
import { hiddenAvps } from './wire/avp-walk.ts';
import type { Dialect } from './wire/dialect.ts';
import { decodeHeader, type Header, isControl, newHeader, zeroSessionOctets } from './wire/header.ts';
import type { DecodeOptions, Message } from './wire/message.ts';

/** The categories that want to see datagrams. */
export const datagramBits =
  traceBit.transport | traceBit.protocol | traceBit.avpInfo | traceBit.avpHide | traceBit.avpData;

export type TracedDatagram = Omit<TracedPacket, 'describe'> & {
  /** What the transport says of it: `again`, `duplicate`, `out of order`. */
  remark?: string;
};

/** A decoded datagram, as far as it goes. */
interface Reading {
  header: Header;
  /** Undefined: there is none, or it breaks the rules of encoding. */
  message: Message | undefined;
  /** Why it cannot be read. */
  defect?: string;
}

/** @param subjectOf what the datagram is about, and everything that is traced of that */
export function traceDatagram(
  tracing: Tracing,
  dialect: Dialect,
  options: DecodeOptions,
  whole: TracedDatagram,
  subjectOf: (header: Header, message: Message | undefined) => TraceSubject & { mask: number },
): void {
  const datagram = messageIn(whole);
  const reading = read(dialect, options, datagram);
  if (!reading) return;
  const { header, message, defect } = reading;
  const subject = subjectOf(header, message);
  const emit = (category: TraceCategory, text: string, more: { fields?: Record<string, unknown>; error?: true } = {}) =>
    tracing.record(subject, { category, message: text, ...more });
  const wants = (category: TraceCategory) => (subject.mask & traceBit[category]) !== 0;
  const { direction, remark } = datagram;

  if (wants('transport')) {
    const packet = { ...datagram, describe: () => describe(reading, datagram) };
    const { ns, nr, tunnelId, sessionId } = header;
    const octets = datagram.end - datagram.start;
    const { address, port } = datagram.remote;
    const remote = port === 0 ? `${address} over IP` : `${address} port ${port}`;
    const fields = { direction, ns, nr, tunnelId, sessionId, octets, remark, remote };
    const what = `${direction} ${titleOf(reading)}, Ns ${ns}, Nr ${nr}, ${octets} octets`;
    tracing.record(subject, {
      category: 'transport',
      message: remark === undefined ? what : `${what}, ${remark}`,
      fields,
      packet,
    });
  }
  if (!message) {
    if (defect !== undefined && wants('protocol')) emit('protocol', `${direction} ${defect}`, { error: true });
    return;
  }
  if (wants('protocol')) {
    emit('protocol', `${direction} ${message.type}`);
    if (direction === 'received') for (const { text } of message.oddities) emit('protocol', text, { error: true });
  }
  if (!wants('avpInfo') && !wants('avpData') && !wants('avpHide')) return;
  const avps = textsOf(message);
  if (wants('avpInfo')) emit('avpInfo', `${message.type}: ${avps.map(({ label }) => label).join(', ') || 'no AVPs'}`);
  if (wants('avpData') && avps.length > 0) emit('avpData', `${message.type}: ${valuesOf(avps)}`, fieldsOf(avps));
  if (!wants('avpHide')) return;
  const hidden = hiddenOnes(avps, datagram, header);
  if (hidden.length > 0) emit('avpHide', `${message.type} hides ${valuesOf(hidden)}`, fieldsOf(hidden));
}

/** What comes directly over IP has the session id 0 in front of the message (RFC 3931 4.1.1.2). */
function messageIn(datagram: TracedDatagram): TracedDatagram {
  const { bytes, start, end } = datagram;
  return isControl(bytes, start, end) ? datagram : { ...datagram, start: start + zeroSessionOctets };
}

function read(dialect: Dialect, options: DecodeOptions, { bytes, start, end }: TracedDatagram): Reading | undefined {
  const header = newHeader();
  try {
    decodeHeader(bytes, start, end, header);
    if (dialect.isAck(bytes, header)) return { header, message: undefined };
    const message = dialect.decodeMessage(bytes, header.payloadStart, header.payloadEnd, options);
    header.sessionId = dialect.sessionIdOf(header.sessionId, message.avps);
    return { header, message };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { header, message: undefined, defect: error.message };
  }
}

function titleOf({ message, defect }: Reading): string {
  return message?.type ?? (defect === undefined ? 'acknowledgement' : `a message that cannot be read (${defect})`);
}

/** For a capture: the message, and each AVP in a line of its own. */
function describe(reading: Reading, datagram: TracedDatagram): string {
  const { message, header } = reading;
  if (!message) return titleOf(reading);
  const avps = textsOf(message);
  const hidden = new Set(hiddenOnes(avps, datagram, header));
  const lines = avps.map((avp) => `${avp.label}: ${avp.text}${hidden.has(avp) ? ' (hidden)' : ''}`);
  for (const { text } of message.oddities) lines.push(`! ${text}`);
  return [message.type, ...lines].join('\n');
}

function textsOf({ type, avps, others }: Message): AvpText[] {
  return [...describeAvps(avps, type === 'StopCCN' ? 'StopCCN' : 'CDN'), ...describeOthers(others)];
}

function hiddenOnes(
  avps: AvpText[],
  { bytes }: TracedDatagram,
  { version, payloadStart, payloadEnd }: Header,
): AvpText[] {
  const names = hiddenAvps(version, bytes, payloadStart, payloadEnd);
  return avps.filter(({ name }) => names.has(name));
}

function valuesOf(avps: AvpText[]): string {
  return avps.map(({ label, text }) => `${label} ${text}`).join('; ');
}

function fieldsOf(avps: AvpText[]) {
  return { fields: Object.fromEntries(avps.map(({ name, text }) => [name, text])) };
}
