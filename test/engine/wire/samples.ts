import type { MessageType, OutgoingMessage } from '../../../src/engine/wire/message.ts';
import { Secret } from '../../../src/engine/wire/secret.ts';

/** One sensible message of each type, with every AVP that it may hold. */
export const samples: { [Type in MessageType]: OutgoingMessage<Type> } = {
  SCCRQ: {
    type: 'SCCRQ',
    avps: {
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
    },
  },
  SCCRP: {
    type: 'SCCRP',
    avps: {
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
      assignedSessionId: 21,
      callSerialNumber: 1001,
      minimumBps: 9600,
      maximumBps: 64000,
      bearerType: ['digital', 'analog'],
      framingType: ['async'],
      calledNumber: '5551212',
      subAddress: '9',
    },
  },
  OCRP: { type: 'OCRP', avps: { assignedSessionId: 22, physicalChannelId: 33 } },
  OCCN: {
    type: 'OCCN',
    avps: { txConnectSpeedBps: 64000, framingType: ['sync'], rxConnectSpeedBps: 32000, sequencingRequired: true },
  },
  ICRQ: {
    type: 'ICRQ',
    avps: {
      assignedSessionId: 23,
      callSerialNumber: 1002,
      bearerType: [],
      physicalChannelId: 34,
      callingNumber: '4930123',
      calledNumber: '4989456',
      subAddress: '12',
    },
  },
  ICRP: { type: 'ICRP', avps: { assignedSessionId: 24 } },
  ICCN: {
    type: 'ICCN',
    avps: {
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
    },
  },
  CDN: {
    type: 'CDN',
    avps: {
      resultCode: { result: 3, error: 0, message: 'closed by the operator' },
      assignedSessionId: 23,
      q931Cause: { cause: 16, msg: 0x45, advisory: 'normal' },
    },
  },
  WEN: {
    type: 'WEN',
    avps: {
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
  SLI: { type: 'SLI', avps: { accm: { send: 0xffffffff, receive: 0x000a0000 } } },
};
