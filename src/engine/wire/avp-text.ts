/**
 * AVPs in words, for operators: `describe`, traces and capture comments. What may be a secret is never shown, and what
 * a peer wrote cannot steer a terminal.
 */
import type { AvpName, AvpValue, AvpValues } from './avp.ts';
import { hexOf } from './bytes.ts';
import { describeDisconnect } from './disconnect-cause.ts';
import type { OtherAvp } from './message.ts';
import type { DataSequencing, Pseudowire } from './pseudowire.ts';
import { describeResult } from './result-text.ts';
import type { AccessLoopEncapsulation, CircuitStatus, PhbCode } from './values.ts';

/** One AVP as the operator reads it. */
export interface AvpText {
  /** The AVP's name in `AvpValues`, or `vendor/type`. */
  name: string;
  /** What the RFC calls it. */
  label: string;
  text: string;
}

/** Octets that are shown of a value; of a longer one also how many there are. */
const maxShownOctets = 64;

/** The message that a Result Code came in: its codes mean different things. */
type ResultOf = 'StopCCN' | 'CDN';

interface Row<T> {
  readonly label: string;
  text(value: T, of: ResultOf): string;
}

function row<T>(label: string, text: (value: T, of: ResultOf) => string): Row<T> {
  return { label, text };
}

const plain = (label: string) => row<number>(label, String);
const text = (label: string) => row<string>(label, printable);
const bps = (label: string) => row<number>(label, formatBps);
const ms = (label: string) => row<number>(label, (value) => `${value} ms`);
const hex = (label: string) => row<Uint8Array>(label, hexText);
const masked = (label: string) => row<Uint8Array>(label, (value) => notShown(value.length));
const present = (label: string) => row<true>(label, () => 'yes');
const names = (label: string) => row<readonly string[]>(label, (value) => value.join(', ') || 'none');
const phb = (label: string) => row<PhbCode>(label, phbText);

const rows: { [Name in AvpName]: Row<AvpValue<Name>> } = {
  resultCode: row('Result Code', (value, of) => printable(describeResult(of, value))),
  protocolVersion: row('Protocol Version', ({ version, revision }) => `${version}.${revision}`),
  framingCapabilities: names('Framing Capabilities'),
  bearerCapabilities: names('Bearer Capabilities'),
  tieBreaker: row('Tie Breaker', (value) => `0x${value.toString(16).padStart(16, '0')}`),
  firmwareRevision: row('Firmware Revision', (value) => `0x${value.toString(16).padStart(4, '0')}`),
  hostName: text('Host Name'),
  vendorName: text('Vendor Name'),
  assignedTunnelId: plain('Assigned Tunnel ID'),
  receiveWindowSize: row('Receive Window Size', (value) => `${value} messages`),
  challenge: masked('Challenge'),
  challengeResponse: masked('Challenge Response'),

  // A number, although it often looks like an address.
  routerId: row('Router ID', (value) => `0x${value.toString(16).padStart(8, '0')}`),
  pseudowireCapabilities: row('Pseudowire Capabilities List', (value) => value.map(pseudowireText).join(', ')),
  preferredLanguage: text('Preferred Language'),
  messageNonce: masked('Control Message Authentication Nonce'),
  assignedControlConnectionId: plain('Assigned Control Connection ID'),

  q931Cause: row('Q.931 Cause Code', ({ cause, msg, advisory }) => {
    const words = q931Words.get(cause);
    return `${words === undefined ? '' : `${words}, `}cause ${cause}, message 0x${msg.toString(16).padStart(2, '0')}${
      advisory ? `: ${printable(advisory)}` : ''
    }`;
  }),
  assignedSessionId: plain('Assigned Session ID'),
  remoteSessionId: plain('Remote Session ID'),
  // Who knows it can send data into the session.
  assignedCookie: masked('Assigned Cookie'),
  remoteEndId: text('Remote End ID'),
  pseudowireType: row('Pseudowire Type', pseudowireText),
  l2SpecificSublayer: row('L2-Specific Sublayer', (value) => `${value}`),
  dataSequencing: row('Data Sequencing', (value) => sequencingWords[value]),
  circuitStatus: row('Circuit Status', circuitText),
  callSerialNumber: plain('Call Serial Number'),
  minimumBps: bps('Minimum BPS'),
  maximumBps: bps('Maximum BPS'),
  bearerType: names('Bearer Type'),
  framingType: names('Framing Type'),
  calledNumber: text('Called Number'),
  callingNumber: text('Calling Number'),
  subAddress: text('Sub-Address'),
  txConnectSpeedBps: bps('(Tx) Connect Speed'),
  rxConnectSpeedBps: bps('Rx Connect Speed'),
  physicalChannelId: plain('Physical Channel ID'),
  privateGroupId: text('Private Group ID'),
  sequencingRequired: present('Sequencing Required'),

  initialReceivedLcpConfReq: hex('Initial Received LCP CONFREQ'),
  lastSentLcpConfReq: hex('Last Sent LCP CONFREQ'),
  lastReceivedLcpConfReq: hex('Last Received LCP CONFREQ'),
  proxyAuthenType: row('Proxy Authen Type', (value) => named(proxyAuthenTypes, value)),
  proxyAuthenName: text('Proxy Authen Name'),
  // With the response it would let anybody guess the password.
  proxyAuthenChallenge: masked('Proxy Authen Challenge'),
  proxyAuthenId: plain('Proxy Authen ID'),
  proxyAuthenResponse: row('Proxy Authen Response', (value) => notShown(value.octets)),

  callErrors: row(
    'Call Errors',
    (value) =>
      `${value.crcErrors} CRC, ${value.framingErrors} framing, ${value.hardwareOverruns} hardware overruns, ` +
      `${value.bufferOverruns} buffer overruns, ${value.timeoutErrors} time-outs, ${value.alignmentErrors} alignment`,
  ),
  accm: row('ACCM', ({ send, receive }) => `send ${hex32(send)}, receive ${hex32(receive)}`),

  rxMinimumBps: bps('Rx Minimum BPS'),
  rxMaximumBps: bps('Rx Maximum BPS'),
  serviceCategory: row('Service Category', (value) => (value === 'realTime' ? 'real time' : 'non-real time')),
  serviceName: text('Service Name'),
  callingSubAddress: text('Calling Sub-Address'),
  virtualChannel: row('VPI/VCI Identifier', ({ vpi, vci }) => `${vpi}/${vci}`),

  pppDisconnectCauses: row('PPP Disconnect Cause Code', (value) => {
    return value.map((cause) => printable(describeDisconnect(cause))).join('; ');
  }),

  controlConnectionDs: phb('Control Connection DS'),
  sessionDs: phb('Session DS'),

  lcpWantOptions: hex('LCP Want Options'),
  lcpAllowOptions: hex('LCP Allow Options'),
  lnsLastSentLcpConfReq: hex('LNS Last Sent LCP Confreq'),
  lnsLastReceivedLcpConfReq: hex('LNS Last Received LCP Confreq'),

  frameRelayHeaderOctets: row('Frame Relay Header Length', (value) => `${value} octets`),
  atmMaxConcatenatedCells: plain('ATM Maximum Concatenated Cells'),
  oamEmulationRequired: present('OAM Emulation Required'),
  atmAlarmStatus: row('ATM Alarm Status', ({ reason, alarm }) => {
    return `${named(atmReasons, reason)}, ${named(atmAlarms, alarm)}`;
  }),
  attachmentGroupId: text('Attachment Group Identifier'),
  localEndId: text('Local End ID'),
  interfaceMtu: row('Interface Maximum Transmission Unit', (value) => `${value} octets`),

  connectSpeedUpdates: row('Connect Speed Update', (value) =>
    value
      .map(
        ({ remoteSessionId, txConnectSpeedBps, rxConnectSpeedBps }) =>
          `session ${remoteSessionId}: tx ${formatBps(txConnectSpeedBps)}, rx ${formatBps(rxConnectSpeedBps)}`,
      )
      .join('; '),
  ),
  connectSpeedUpdateEnable: present('Connect Speed Update Enable'),

  agentCircuitId: text('Agent-Circuit-Id'),
  agentRemoteId: text('Agent-Remote-Id'),
  actualDataRateUpstreamBps: bps('Actual-Data-Rate-Upstream'),
  actualDataRateDownstreamBps: bps('Actual-Data-Rate-Downstream'),
  minimumDataRateUpstreamBps: bps('Minimum-Data-Rate-Upstream'),
  minimumDataRateDownstreamBps: bps('Minimum-Data-Rate-Downstream'),
  attainableDataRateUpstreamBps: bps('Attainable-Data-Rate-Upstream'),
  attainableDataRateDownstreamBps: bps('Attainable-Data-Rate-Downstream'),
  maximumDataRateUpstreamBps: bps('Maximum-Data-Rate-Upstream'),
  maximumDataRateDownstreamBps: bps('Maximum-Data-Rate-Downstream'),
  minimumDataRateUpstreamLowPowerBps: bps('Minimum-Data-Rate-Upstream-Low-Power'),
  minimumDataRateDownstreamLowPowerBps: bps('Minimum-Data-Rate-Downstream-Low-Power'),
  maximumInterleavingDelayUpstreamMs: ms('Maximum-Interleaving-Delay-Upstream'),
  actualInterleavingDelayUpstreamMs: ms('Actual-Interleaving-Delay-Upstream'),
  maximumInterleavingDelayDownstreamMs: ms('Maximum-Interleaving-Delay-Downstream'),
  actualInterleavingDelayDownstreamMs: ms('Actual-Interleaving-Delay-Downstream'),
  accessLoopEncapsulation: row('Access-Loop-Encapsulation', loopText),
  accessLineType: row('ANCP Access Line Type', (value) => named(lineTypes, value)),
  iwfSession: row('IWF-Session', (value) => (value ? 'performed' : 'not performed')),
};

const order = Object.keys(rows) as AvpName[];

/** Every AVP that is there, in the order of the RFCs. `resultOf` says which message a Result Code is from. */
export function describeAvps(avps: AvpValues, resultOf: ResultOf = 'CDN'): AvpText[] {
  const out: AvpText[] = [];
  for (const name of order) {
    const text = textOf(avps, name, resultOf);
    if (text !== undefined) out.push({ name, label: rows[name].label, text });
  }
  return out;
}

function textOf<Name extends AvpName>(avps: AvpValues, name: Name, of: ResultOf): string | undefined {
  const value: AvpValue<Name> | undefined = avps[name];
  return value === undefined ? undefined : rows[name].text(value, of);
}

/** AVPs that the table does not know. Who hid one does not want it shown. */
export function describeOthers(others: readonly OtherAvp[]): AvpText[] {
  return others.map(({ vendor, type, value, hidden }) => ({
    name: `${vendor}/${type}`,
    label: `Vendor ${vendor} Type ${type}`,
    text: hidden ? notShown(value.length) : hexText(value),
  }));
}

function notShown(octets: number): string {
  return `(${octets} ${octets === 1 ? 'octet' : 'octets'}, not shown)`;
}

function hexText(value: Uint8Array): string {
  if (value.length === 0) return '(empty)';
  const out = hexOf(value.subarray(0, maxShownOctets));
  return value.length > maxShownOctets ? `${out}... (${value.length} octets)` : out;
}

/** A peer's text without anything that a terminal or a log would obey. */
function printable(value: string): string {
  return value.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

const bpsUnits = [
  [1_000_000_000, 'Gbit/s'],
  [1_000_000, 'Mbit/s'],
  [1_000, 'kbit/s'],
] as const;

/** A rate, exactly: in the largest unit that leaves at most three decimals. */
function formatBps(value: number): string {
  for (const [factor, unit] of bpsUnits) {
    if (value >= factor && value % (factor / 1_000) === 0) return `${value / factor} ${unit}`;
  }
  return `${value} bit/s`;
}

function phbText(value: PhbCode): string {
  const what = 'dscp' in value ? `DSCP ${value.dscp}` : `PHB id ${value.phbId}`;
  return value.set ? `the set of ${what}` : what;
}

function named(words: readonly (string | undefined)[], value: number): string {
  const word = words[value];
  return word === undefined ? String(value) : `${word} (${value})`;
}

const pseudowireWords: Readonly<Record<Pseudowire, string>> = {
  ppp: 'PPP',
  ethernet: 'Ethernet',
  vlan: 'Ethernet VLAN',
  hdlc: 'HDLC',
  frameRelay: 'Frame Relay',
  atmAal5: 'ATM AAL5',
  atmCellPort: 'ATM cells of a port',
  atmCellVcc: 'ATM cells of a VCC',
  atmCellVpc: 'ATM cells of a VPC',
};

function pseudowireText(value: Pseudowire | number): string {
  return typeof value === 'number' ? `type ${value}` : pseudowireWords[value];
}

const sequencingWords: Readonly<Record<DataSequencing, string>> = {
  none: 'none',
  nonIp: 'all but IP',
  all: 'all',
};

const faultWords = [
  ['circuitRxFault', 'the circuit cannot receive'],
  ['circuitTxFault', 'the circuit cannot transmit'],
  ['pseudowireRxFault', 'the pseudowire cannot receive'],
  ['pseudowireTxFault', 'the pseudowire cannot transmit'],
  ['standby', 'standby'],
] as const;

export function circuitText(value: CircuitStatus): string {
  const faults = faultWords.filter(([fault]) => value[fault]).map(([, words]) => words);
  return [value.active ? 'active' : 'not active', ...(value.isNew ? ['new'] : []), ...faults].join(', ');
}

/** RFC 4454 8.1. */
const atmReasons = [
  undefined,
  'no alarm',
  'unspecified alarm',
  'F1 alarm',
  'F2 alarm',
  'F3 alarm',
  'F4 alarm',
  'F5 alarm',
  'port shut down',
  'loop-back timed out',
];
const atmAlarms = [
  undefined,
  'no alarm type',
  'alarm indication signal',
  'remote defect indicator',
  'loss of signal',
  'loss of pointer',
  'loss of framer',
  'loop-back cells',
  'continuity check',
];

/** RFC 2661 4.4.5. */
const proxyAuthenTypes = [undefined, 'text', 'CHAP', 'PAP', 'none', 'MS-CHAPv1'];

/** RFC 5515 5.18. */
const lineTypes = [undefined, 'ADSL1', 'ADSL2', 'ADSL2+', 'VDSL1', 'VDSL2', 'SDSL', 'unknown'];

/** RFC 5515 5.17. */
const dataLinks = ['ATM AAL5', 'Ethernet'];
const encapsulations1 = ['not available', 'untagged Ethernet', 'single-tagged Ethernet'];
const encapsulations2 = [
  'not available',
  'PPPoA LLC',
  'PPPoA null',
  'IPoA LLC',
  'IPoA null',
  'Ethernet over AAL5 LLC with FCS',
  'Ethernet over AAL5 LLC without FCS',
  'Ethernet over AAL5 null with FCS',
  'Ethernet over AAL5 null without FCS',
];

function loopText({ dataLink, encapsulation1, encapsulation2 }: AccessLoopEncapsulation): string {
  return [
    `data link ${named(dataLinks, dataLink)}`,
    `encapsulation 1 ${named(encapsulations1, encapsulation1)}`,
    `encapsulation 2 ${named(encapsulations2, encapsulation2)}`,
  ].join(', ');
}

/** The causes of ITU-T Q.850 that calls end with mostly. */
const q931Words = new Map([
  [1, 'unallocated number'],
  [2, 'no route to the transit network'],
  [3, 'no route to the destination'],
  [6, 'channel unacceptable'],
  [16, 'normal clearing'],
  [17, 'user busy'],
  [18, 'no user responding'],
  [19, 'no answer'],
  [20, 'subscriber absent'],
  [21, 'call rejected'],
  [22, 'number changed'],
  [26, 'non-selected user clearing'],
  [27, 'destination out of order'],
  [28, 'invalid number format'],
  [29, 'facility rejected'],
  [31, 'normal, unspecified'],
  [34, 'no circuit available'],
  [38, 'network out of order'],
  [41, 'temporary failure'],
  [42, 'switching equipment congestion'],
  [43, 'access information discarded'],
  [44, 'requested circuit not available'],
  [47, 'resource unavailable'],
  [50, 'facility not subscribed'],
  [57, 'bearer capability not authorized'],
  [58, 'bearer capability not available'],
  [63, 'service not available'],
  [65, 'bearer capability not implemented'],
  [69, 'facility not implemented'],
  [79, 'service not implemented'],
  [81, 'invalid call reference'],
  [88, 'incompatible destination'],
  [95, 'invalid message'],
  [96, 'mandatory information element is missing'],
  [97, 'message type not implemented'],
  [98, 'message not compatible with the call state'],
  [99, 'information element not implemented'],
  [100, 'invalid information element contents'],
  [101, 'message not compatible with the call state'],
  [102, 'recovery on timer expiry'],
  [111, 'protocol error'],
  [127, 'interworking, unspecified'],
]);
