import type { AvpName, AvpValues } from '../../../src/engine/wire/avp.ts';
import type { MessageType, OutgoingMessage } from '../../../src/engine/wire/message.ts';
import { messageForms } from '../../../src/engine/wire/message-table.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';

/** What RFC 3931 wants of each session. */
const session = {
  l2SpecificSublayer: 'default',
  dataSequencing: 'nonIp',
  txConnectSpeedBps: 1_000_000,
  rxConnectSpeedBps: 2_000_000,
} as const;

const circuit = {
  assignedCookie: Uint8Array.of(0xc0, 1, 2, 3, 4, 5, 6, 7),
  circuitStatus: { active: true, isNew: true },
  frameRelayHeaderOctets: 4,
  atmMaxConcatenatedCells: 28,
  oamEmulationRequired: true,
  interfaceMtu: 1_500,
} as const;

const connection = {
  routerId: 0xc0000201,
  pseudowireCapabilities: ['ethernet', 'vlan', 'ppp', 0x1234],
  messageNonce: Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i),
  preferredLanguage: 'de-DE',
} as const;

/** One sensible message of each type, with every AVP that it may hold in either version. */
export const samples: { [Type in MessageType]: OutgoingMessage<Type> } = {
  SCCRQ: {
    type: 'SCCRQ',
    avps: {
      ...connection,
      assignedControlConnectionId: 0x1234_5678,
      protocolVersion: { version: 1, revision: 0 },
      hostName: 'lac.example',
      framingCapabilities: ['sync', 'async'],
      assignedTunnelId: 4711,
      bearerCapabilities: ['digital'],
      receiveWindowSize: 10,
      challenge: Uint8Array.from({ length: 16 }, (_, i) => i),
      tieBreaker: 0x0123456789abcdefn,
      firmwareRevision: 0x0100,
      vendorName: 'ProL2TP',
      controlConnectionDs: { dscp: 46 },
    },
  },
  SCCRP: {
    type: 'SCCRP',
    avps: {
      ...connection,
      protocolVersion: { version: 1, revision: 0 },
      framingCapabilities: ['sync'],
      hostName: 'lns.example',
      assignedTunnelId: 815,
      bearerCapabilities: ['analog'],
      firmwareRevision: 0x0100,
      vendorName: 'ProL2TP',
      receiveWindowSize: 8,
      challenge: Uint8Array.of(7, 7, 7),
      challengeResponse: new Uint8Array(16).fill(0x5a),
      controlConnectionDs: { dscp: 10, set: true },
    },
  },
  SCCCN: { type: 'SCCCN', avps: { challengeResponse: new Uint8Array(16).fill(0xa5) } },
  StopCCN: {
    type: 'StopCCN',
    avps: { resultCode: { result: 2, error: 4, message: 'out of tunnels' }, assignedTunnelId: 4711 },
  },
  HELLO: { type: 'HELLO', avps: {} },
  OCRQ: {
    type: 'OCRQ',
    avps: {
      ...session,
      ...circuit,
      pseudowireType: 'ppp',
      remoteEndId: 'line 7',
      tieBreaker: 0xfedcba9876543210n,
      attachmentGroupId: 'group',
      localEndId: '0x00ff',
      assignedSessionId: 21,
      callSerialNumber: 1001,
      minimumBps: 9600,
      maximumBps: 64000,
      bearerType: ['digital', 'analog'],
      framingType: ['async'],
      calledNumber: '5551212',
      subAddress: '9',
      rxMinimumBps: 19_200,
      rxMaximumBps: 128_000,
      serviceCategory: 'realTime',
      serviceName: 'pvc-17',
      sessionDs: { phbId: 0xabc },
      proxyAuthenName: 'user@isp.example',
    },
  },
  OCRP: {
    type: 'OCRP',
    avps: {
      ...session,
      ...circuit,
      assignedSessionId: 22,
      physicalChannelId: 33,
      virtualChannel: { vpi: 8, vci: 35 },
      sessionDs: { dscp: 0 },
    },
  },
  OCCN: {
    type: 'OCCN',
    avps: {
      ...session,
      circuitStatus: { active: true, isNew: false },
      assignedSessionId: 22,
      txConnectSpeedBps: 64000,
      framingType: ['sync'],
      rxConnectSpeedBps: 32000,
      sequencingRequired: true,
      lcpWantOptions: Uint8Array.of(1, 4, 0x05, 0xd4),
      lcpAllowOptions: Uint8Array.of(7, 2, 8, 2),
    },
  },
  ICRQ: {
    type: 'ICRQ',
    avps: {
      ...session,
      ...circuit,
      pseudowireType: 'ethernet',
      remoteEndId: '0x01020304',
      tieBreaker: 0x0123456789abcdefn,
      attachmentGroupId: 'group',
      localEndId: 'port 2',
      assignedSessionId: 23,
      callSerialNumber: 1002,
      bearerType: ['broadband'],
      physicalChannelId: 34,
      callingNumber: '4930123',
      calledNumber: '4989456',
      subAddress: '12',
      serviceCategory: 'nonRealTime',
      serviceName: 'pvc-18',
      callingSubAddress: `nsap:47${'00112233445566778899'.repeat(2).slice(2)}`,
      virtualChannel: { vpi: 0xfff, vci: 0xffff },
      sessionDs: { dscp: 46 },
      proxyAuthenName: 'user@isp.example',
      connectSpeedUpdateEnable: true,
      agentCircuitId: 'dslam atm 3/0:100.33',
      agentRemoteId: 'line-4711',
      actualDataRateUpstreamBps: 1_000_001,
      actualDataRateDownstreamBps: 10_000_002,
      minimumDataRateUpstreamBps: 1_003,
      minimumDataRateDownstreamBps: 1_004,
      attainableDataRateUpstreamBps: 2_000_005,
      attainableDataRateDownstreamBps: 10_000_000_006,
      maximumDataRateUpstreamBps: 2_000_007,
      maximumDataRateDownstreamBps: 20_000_008,
      minimumDataRateUpstreamLowPowerBps: 109,
      minimumDataRateDownstreamLowPowerBps: 110,
      maximumInterleavingDelayUpstreamMs: 11,
      actualInterleavingDelayUpstreamMs: 12,
      maximumInterleavingDelayDownstreamMs: 13,
      actualInterleavingDelayDownstreamMs: 14,
      accessLoopEncapsulation: { dataLink: 1, encapsulation1: 2, encapsulation2: 0 },
      accessLineType: 5,
      iwfSession: true,
    },
  },
  ICRP: {
    type: 'ICRP',
    avps: { ...session, ...circuit, assignedSessionId: 24, physicalChannelId: 35, sessionDs: { dscp: 46 } },
  },
  ICCN: {
    type: 'ICCN',
    avps: {
      ...session,
      circuitStatus: { active: false, isNew: false, circuitRxFault: true },
      assignedSessionId: 23,
      txConnectSpeedBps: 1_000_000,
      framingType: ['sync'],
      initialReceivedLcpConfReq: Uint8Array.of(1, 4, 0x05, 0xd4, 5, 6, 1, 2, 3, 4),
      lastSentLcpConfReq: Uint8Array.of(3, 4, 0xc0, 0x23),
      lastReceivedLcpConfReq: Uint8Array.of(1, 4, 0x05, 0xd4),
      proxyAuthenType: 2,
      proxyAuthenName: 'user@isp.example',
      proxyAuthenChallenge: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8),
      proxyAuthenId: 9,
      proxyAuthenResponse: new Secret(new Uint8Array(16).fill(0x33)),
      privateGroupId: 'blue',
      rxConnectSpeedBps: 2_000_000,
      sequencingRequired: true,
      lcpWantOptions: Uint8Array.of(1, 4, 0x05, 0xd4),
      lcpAllowOptions: Uint8Array.of(7, 2, 8, 2),
    },
  },
  CDN: {
    type: 'CDN',
    avps: {
      resultCode: { result: 3, error: 0, message: 'closed by the operator' },
      assignedSessionId: 23,
      q931Cause: { cause: 16, msg: 0x45, advisory: 'normal' },
      pppDisconnectCauses: [
        { code: 16, protocol: 0xc223, direction: 1, message: 'wrong password' },
        { code: 18, protocol: 0x8021, direction: 0 },
      ],
    },
  },
  WEN: {
    type: 'WEN',
    avps: {
      assignedSessionId: 23,
      callErrors: {
        crcErrors: 101,
        framingErrors: 102,
        hardwareOverruns: 103,
        bufferOverruns: 104,
        timeoutErrors: 105,
        alignmentErrors: 106,
      },
    },
  },
  SLI: {
    type: 'SLI',
    avps: {
      assignedSessionId: 24,
      circuitStatus: { active: false, isNew: false, circuitTxFault: true, pseudowireRxFault: true, standby: true },
      atmMaxConcatenatedCells: 7,
      oamEmulationRequired: true,
      atmAlarmStatus: { reason: 7, alarm: 3 },
      accm: { send: 0xffffffff, receive: 0x000a0000 },
      lnsLastSentLcpConfReq: Uint8Array.of(3, 4, 0xc0, 0x23),
      lnsLastReceivedLcpConfReq: Uint8Array.of(1, 4, 0x05, 0xd4),
    },
  },
  ACK: { type: 'ACK', avps: {} },
  CSUN: {
    type: 'CSUN',
    avps: {
      connectSpeedUpdates: [
        { remoteSessionId: 23, txConnectSpeedBps: 16_000_000, rxConnectSpeedBps: 1_000_000 },
        { remoteSessionId: 24, txConnectSpeedBps: 8_000_000, rxConnectSpeedBps: 500_000 },
      ],
    },
  },
  CSURQ: {
    type: 'CSURQ',
    avps: { connectSpeedUpdates: [{ remoteSessionId: 23, txConnectSpeedBps: 0, rxConnectSpeedBps: 0 }] },
  },
};

/** Ids of L2TPv3 have 32 bits. */
const wideIds = { assignedTunnelId: 0x8765_4321, assignedSessionId: 0xfedc_ba98 };

/** The sample of a message as a version has it, with every AVP that it may hold there but the peer's session id. */
export function sampleOf(version: 2 | 3, type: MessageType): OutgoingMessage {
  const form = messageForms(version).find((each) => each.type === type);
  const values: AvpValues = samples[type].avps;
  const names = (Object.keys(values) as AvpName[]).filter((name) => form?.allowed.has(name));
  const ids: Partial<Record<AvpName, unknown>> = version === 3 ? wideIds : {};
  return { type, avps: Object.fromEntries(names.map((name) => [name, ids[name] ?? values[name]])) } as OutgoingMessage;
}
