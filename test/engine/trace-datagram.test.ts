/** Traces of L2TPv3's control messages, over UDP and directly over IP. */
import { describe, expect, test } from 'vitest';
import { type TraceRecord, Tracing } from '../../src/engine/trace.ts';
import { type TracedDatagram, traceDatagram } from '../../src/engine/trace-datagram.ts';
import { dialects } from '../../src/engine/wire/dialect.ts';

const dialect = dialects[3];
const connection = 0x1234_5678;
const remoteSession = 0x8000_0001;

/** Traces a datagram; answers the records and the session id that it was taken to be about. */
function trace(datagram: TracedDatagram): { records: TraceRecord[]; sessionId: number } {
  const records: TraceRecord[] = [];
  const tracing = new Tracing({ record: (record) => records.push(record) });
  tracing.declare(['transport', 'protocol', 'avpData']);
  let sessionId = -1;
  traceDatagram(tracing, dialect, {}, datagram, (header) => {
    sessionId = header.sessionId;
    return { declared: 0, mask: tracing.mask };
  });
  return { records, sessionId };
}

function cdn(): Uint8Array {
  const avps = { resultCode: { result: 3, message: 'so long' }, assignedSessionId: 0x7000_0001 };
  return dialect.encodeControl(connection, 0, 5, 6, dialect.encodeMessage({ type: 'CDN', avps }, remoteSession));
}

describe.each([
  { over: 'UDP', port: 1701, before: 0, remote: '192.0.2.2 port 1701' },
  { over: 'IP', port: 0, before: 4, remote: '192.0.2.2 over IP' },
])('over $over', ({ port, before, remote }) => {
  const ends = { local: { address: '192.0.2.1', port }, remote: { address: '192.0.2.2', port } };

  // What is received is a whole datagram; what is sent is traced before it becomes one.
  test.each([
    { direction: 'received', bytes: Uint8Array.of(...new Uint8Array(before), ...cdn()) },
    { direction: 'sent', bytes: cdn() },
  ] as const)('a message that is $direction shows its session and its AVPs', ({ direction, bytes }) => {
    const { records, sessionId } = trace({ direction, ...ends, bytes, start: 0, end: bytes.length });
    expect(sessionId).toBe(remoteSession);
    const [transport, protocol, avps] = records;
    expect(transport.message).toBe(`${direction} CDN, Ns 5, Nr 6, ${cdn().length} octets`);
    expect(transport.fields).toMatchObject({ tunnelId: connection, sessionId: remoteSession, remote });
    expect(protocol.message).toBe(`${direction} CDN`);
    expect(avps.message).toContain('so long');
    const { packet } = transport;
    expect(packet?.bytes.subarray(packet.start, packet.end)).toEqual(cdn());
    expect(packet?.describe()).toContain('so long');
  });

  test('an acknowledgement is called so', () => {
    const ack = dialect.encodeAck(connection, 5, 6);
    const bytes = Uint8Array.of(...new Uint8Array(before), ...ack);
    const { records } = trace({ direction: 'received', ...ends, bytes, start: 0, end: bytes.length });
    expect(records.map(({ message }) => message)).toEqual([
      `received acknowledgement, Ns 5, Nr 6, ${ack.length} octets`,
    ]);
  });

  test('what cannot be read is told as that', () => {
    const bytes = Uint8Array.of(...new Uint8Array(before), ...cdn().subarray(0, 11));
    const { records } = trace({ direction: 'received', ...ends, bytes, start: 0, end: bytes.length });
    expect(records[0].message).toContain('a message that cannot be read');
  });
});
