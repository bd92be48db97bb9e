import fc from 'fast-check';
import { type AvpName, avpIn, encodingAvps } from '../../../src/engine/wire/avp.ts';
import type { MessageType, OutgoingMessage } from '../../../src/engine/wire/message.ts';
import { messageForms, messageRows } from '../../../src/engine/wire/message-table.ts';
import { pseudowires, pseudowireTypes } from '../../../src/engine/wire/pseudowire.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const id = fc.integer({ min: 1, max: 0xffff });
const u32 = fc.nat(0xffffffff);
const text = fc.string({ unit: 'binary', maxLength: 40 });
const someText = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 });
const octets = fc.uint8Array({ maxLength: 60 });
const someOctets = fc.uint8Array({ minLength: 1, maxLength: 60 });
const framing = fc.subarray(['sync', 'async']);
const bearer = fc.subarray(['digital', 'analog', 'broadband']);
/** What lines are fast: any rate that a number holds. */
const rate = fc.oneof(u32, fc.maxSafeNat());
const nsap = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => `nsap:${Buffer.from(bytes).toString('hex')}`);
const callNumber = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 40 }).map((digits) => digits.replace(/[^ -~]/g, '0')),
  // An NSAP of ASCII octets only is read as their text.
  nsap.filter((text) => /[^ -~]/.test(Buffer.from(text.slice(5), 'hex').toString('latin1'))),
);
const phbCode = fc
  .record({ code: fc.oneof(fc.record({ dscp: fc.nat(63) }), fc.record({ phbId: fc.nat(4095) })), set: fc.boolean() })
  .map(({ code, set }) => (set ? { ...code, set } : code));
const message = fc.string({ unit: 'grapheme-composite', minLength: 1, maxLength: 40 });
const disconnect = { code: u16, protocol: u16, direction: u8 };

const id32 = fc.integer({ min: 1, max: 0xffffffff });
const pseudowire = fc.oneof(
  fc.constantFrom(...pseudowires),
  u16.filter((type) => !Object.values<number>(pseudowireTypes).includes(type)),
);
const endId = fc.uint8Array({ maxLength: 40 }).map((bytes) => {
  const isText = bytes.every((octet) => octet >= 0x20 && octet <= 0x7e) && !(bytes[0] === 0x30 && bytes[1] === 0x78);
  return isText ? String.fromCharCode(...bytes) : `0x${Buffer.from(bytes).toString('hex')}`;
});
const fault = fc.option(fc.constant<true>(true), { nil: undefined });
const circuitStatus = fc
  .record({
    active: fc.boolean(),
    isNew: fc.boolean(),
    circuitRxFault: fault,
    circuitTxFault: fault,
    pseudowireRxFault: fault,
    pseudowireTxFault: fault,
    standby: fault,
  })
  .map((value) => Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)));
const cookie = fc.constantFrom(0, 4, 8).chain((octets) => fc.uint8Array({ minLength: octets, maxLength: octets }));

/** Values of each AVP that survive a journey unchanged, in L2TPv2 where the versions differ. */
const values: Record<AvpName, fc.Arbitrary<unknown>> = {
  resultCode: fc.oneof(
    fc.record({ result: u8 }),
    fc.record({ result: u8, error: u8 }),
    fc.record({ result: u8, error: u8, message }),
  ),
  protocolVersion: fc.record({ version: u8, revision: u8 }),
  framingCapabilities: framing,
  bearerCapabilities: bearer,
  tieBreaker: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  firmwareRevision: u16,
  hostName: someText,
  vendorName: text,
  assignedTunnelId: id,
  receiveWindowSize: id,
  challenge: someOctets,
  challengeResponse: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  q931Cause: fc.oneof(fc.record({ cause: u16, msg: u8 }), fc.record({ cause: u16, msg: u8, advisory: someText })),
  assignedSessionId: id,
  callSerialNumber: u32,
  minimumBps: u32,
  maximumBps: u32,
  bearerType: bearer,
  framingType: framing,
  calledNumber: callNumber,
  callingNumber: callNumber,
  subAddress: callNumber,
  txConnectSpeedBps: u32,
  rxConnectSpeedBps: u32,
  physicalChannelId: u32,
  privateGroupId: text,
  sequencingRequired: fc.constant(true),
  initialReceivedLcpConfReq: octets,
  lastSentLcpConfReq: octets,
  lastReceivedLcpConfReq: octets,
  proxyAuthenType: u16,
  proxyAuthenName: text,
  proxyAuthenChallenge: someOctets,
  proxyAuthenId: u8,
  proxyAuthenResponse: octets.map((bytes) => new Secret(bytes)),
  callErrors: fc.record({
    crcErrors: u32,
    framingErrors: u32,
    hardwareOverruns: u32,
    bufferOverruns: u32,
    timeoutErrors: u32,
    alignmentErrors: u32,
  }),
  accm: fc.record({ send: u32, receive: u32 }),
  rxMinimumBps: u32,
  rxMaximumBps: u32,
  serviceCategory: fc.constantFrom('realTime', 'nonRealTime'),
  serviceName: someText,
  callingSubAddress: callNumber,
  virtualChannel: fc.record({ vpi: fc.nat(0xfff), vci: u16 }),
  pppDisconnectCauses: fc.array(fc.oneof(fc.record(disconnect), fc.record({ ...disconnect, message: someText })), {
    minLength: 1,
    maxLength: 3,
  }),
  controlConnectionDs: phbCode,
  sessionDs: phbCode,
  lcpWantOptions: octets,
  lcpAllowOptions: octets,
  lnsLastSentLcpConfReq: octets,
  lnsLastReceivedLcpConfReq: octets,
  connectSpeedUpdates: fc.array(fc.record({ remoteSessionId: u16, txConnectSpeedBps: u32, rxConnectSpeedBps: u32 }), {
    minLength: 1,
    maxLength: 4,
  }),
  connectSpeedUpdateEnable: fc.constant(true),
  agentCircuitId: someText,
  agentRemoteId: someText,
  actualDataRateUpstreamBps: rate,
  actualDataRateDownstreamBps: rate,
  minimumDataRateUpstreamBps: rate,
  minimumDataRateDownstreamBps: rate,
  attainableDataRateUpstreamBps: rate,
  attainableDataRateDownstreamBps: rate,
  maximumDataRateUpstreamBps: rate,
  maximumDataRateDownstreamBps: rate,
  minimumDataRateUpstreamLowPowerBps: rate,
  minimumDataRateDownstreamLowPowerBps: rate,
  maximumInterleavingDelayUpstreamMs: u32,
  actualInterleavingDelayUpstreamMs: u32,
  maximumInterleavingDelayDownstreamMs: u32,
  actualInterleavingDelayDownstreamMs: u32,
  accessLoopEncapsulation: fc.record({ dataLink: u8, encapsulation1: u8, encapsulation2: u8 }),
  accessLineType: u8,
  iwfSession: fc.boolean(),
  routerId: u32,
  pseudowireCapabilities: fc.array(pseudowire, { minLength: 1, maxLength: 12 }),
  preferredLanguage: text,
  messageNonce: someOctets,
  assignedControlConnectionId: id32,
  remoteSessionId: u32,
  assignedCookie: cookie,
  remoteEndId: endId,
  pseudowireType: pseudowire,
  l2SpecificSublayer: fc.oneof(fc.constantFrom('none', 'default', 'atm'), fc.integer({ min: 3, max: 0xffff })),
  dataSequencing: fc.constantFrom('none', 'nonIp', 'all'),
  circuitStatus,
  frameRelayHeaderOctets: u16,
  atmMaxConcatenatedCells: u16,
  oamEmulationRequired: fc.constant(true),
  atmAlarmStatus: fc.record({ reason: u16, alarm: u16 }),
  attachmentGroupId: endId,
  localEndId: endId,
  interfaceMtu: u16,
};

/** Where L2TPv3 has other values. */
const valuesV3: Partial<typeof values> = {
  assignedTunnelId: id32,
  assignedSessionId: id32,
  txConnectSpeedBps: rate,
  rxConnectSpeedBps: rate,
  connectSpeedUpdates: fc.array(fc.record({ remoteSessionId: u32, txConnectSpeedBps: rate, rxConnectSpeedBps: rate }), {
    minLength: 1,
    maxLength: 4,
  }),
};

const valuesOf = { 2: values, 3: { ...values, ...valuesV3 } };

export const anyVersion = fc.constantFrom<2 | 3>(2, 3);

/** AVPs that the table does not know. */
const others = fc.array(
  fc.record({
    vendor: fc.oneof(fc.integer({ min: 10, max: 12 }), fc.integer({ min: 0x1_0000, max: 0xffff_ffff })),
    type: u16,
    value: octets,
    mandatory: fc.boolean(),
    hideable: fc.boolean(),
  }),
  { maxLength: 4 },
);

function avpsOf(version: 2 | 3, type: MessageType, allOptional: boolean): fc.Arbitrary<Record<string, unknown>> {
  const { required = [], expected = [], optional = [] } = messageRows[type][version] ?? {};
  const given = optional.filter((name) => name !== 'remoteSessionId');
  const always = [...required, ...expected, ...(allOptional ? given : [])];
  const model = Object.fromEntries([...always, ...given].map((name) => [name, valuesOf[version][name]]));
  return fc.record(model, { requiredKeys: always });
}

/** Any message of this type, or the same with every optional AVP; what a version does not have is left out. */
export function messageOfType(version: 2 | 3, type: MessageType, allOptional = false): fc.Arbitrary<OutgoingMessage> {
  return avpsOf(version, type, allOptional).map((avps) => ({ type, avps }) as OutgoingMessage);
}

export interface VersionedMessage {
  version: 2 | 3;
  message: OutgoingMessage;
}

/** Any message of either version. */
export const anyMessage: fc.Arbitrary<VersionedMessage> = anyVersion.chain((version) =>
  fc
    .constantFrom(...messageForms(version))
    .chain(({ type }) => messageOfType(version, type).map((message) => ({ version, message }))),
);

/** The same with AVPs of vendors. */
export const anyMessageWithOthers: fc.Arbitrary<VersionedMessage> = fc
  .tuple(anyMessage, others)
  .map(([{ version, message }, others]) => ({ version, message: { ...message, others } }));

export const anySecret = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((bytes) => new Secret(bytes));

/** Octets that look like AVPs: known and unknown types, any flags, lengths that mostly fit. */
export const avpLike = fc
  .array(
    fc.record({
      flags: fc.constantFrom(0, 0x8000, 0x4000, 0xc000, 0x0400),
      vendor: fc.constantFrom(0, 0, 0, 9, 3561),
      type: fc.oneof(fc.integer({ min: 0, max: 98 }), fc.integer({ min: 128, max: 146 })),
      value: fc.uint8Array({ maxLength: 40 }),
      lengthError: fc.constantFrom(0, 0, 0, 0, 0, -7, -1, 1, 900),
    }),
    { maxLength: 12 },
  )
  .map((avps) =>
    Buffer.concat(
      avps.map(({ flags, vendor, type, value, lengthError }) => {
        const header = Buffer.alloc(6);
        header.writeUInt16BE(flags | ((6 + value.length + lengthError) & 0x3ff), 0);
        header.writeUInt16BE(vendor, 2);
        header.writeUInt16BE(type, 4);
        return Buffer.concat([header, value]);
      }),
    ),
  );

/** A decoded value as plain data that can be compared and kept in JSON. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Secret) return Buffer.from(value.reveal()).toString('latin1');
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
  }
  return value;
}

/** One AVP as octets, for messages that our encoder would not write. */
export function rawAvp(type: number, value: Uint8Array, flags = 0x8000, vendor = 0): Uint8Array {
  const header = Buffer.alloc(6);
  header.writeUInt16BE(flags | (6 + value.length), 0);
  header.writeUInt16BE(vendor, 2);
  header.writeUInt16BE(type, 4);
  return Buffer.concat([header, value]);
}

export function rawMessage(code: number, ...avps: Uint8Array[]): Uint8Array {
  return Buffer.concat([rawAvp(encodingAvps.messageType, Uint8Array.of(code >>> 8, code)), ...avps]);
}

/** A clear AVP as our table has it. */
export function knownAvp(name: AvpName, value: Uint8Array, version: 2 | 3 = 2): Uint8Array {
  const row = avpIn(version, name);
  if (!row) throw new RangeError(`L2TPv${version} has no ${name}`);
  return rawAvp(row.type, value, row.mandatory ? 0x8000 : 0, row.vendor);
}
