/** Resolved values -> the engine's specs: durations become milliseconds, addresses numbers, references secrets. */
import {
  type ForwardSpec,
  type GatewaySpec,
  type ListenSpec,
  type NegotiationLimits,
  type PppAuthMethod,
  type PppSpec,
  parseIpv4,
  parseIpv6,
  type RateLimit,
  type Secret,
  type SessionParameters,
  type SessionType,
  type TunnelParameters,
} from '../engine/spec.ts';
import { filterOf } from './filters.ts';
import { builtIn, type RateLimit as DeclaredRate, type GatewayFields } from './generated.ts';
import { giver } from './layers.ts';
import {
  builtInTunnelValues,
  type PppChain,
  type PppValues,
  type SessionValues,
  type TunnelValues,
} from './resolve.ts';
import { bitsPerSecond, durationMs } from './units.ts';

/** Everything of a GatewaySpec that the Gateway document itself says. */
/** @param hostName what the router id is made from that nobody gives */
export function gatewayOf(fields: GatewayFields, hostName: string): Omit<GatewaySpec, 'peers' | 'pppoeServers'> {
  const values = { ...builtIn.Gateway, ...fields };
  return {
    listen: (values.listen ?? []).map(listenOf),
    acceptTunnels: values.acceptTunnels,
    allowLocalTunnels: values.allowLocalTunnels,
    drain: values.drain,
    maxTunnels: values.maxTunnels,
    maxSessions: values.maxSessions,
    tunnelEstablishTimeoutMs: durationMs(values.tunnelEstablishTimeout),
    sessionEstablishTimeoutMs: durationMs(values.sessionEstablishTimeout),
    vendorName: values.vendorName,
    routerId: routerIdOf(fields.routerId, hostName),
    requestRateLimit: { ...builtIn.Gateway.requestRateLimit, ...fields.requestRateLimit },
    filters: (fields.filters ?? []).map(filterOf),
    grantedTunnels: tunnelParametersOf(builtInTunnelValues, {}),
  };
}

type Listener = NonNullable<GatewayFields['listen']>[number];

function listenOf({ address, port = 1701, encapsulation = 'udp', pmtuDiscovery = false }: Listener): ListenSpec {
  return { address, port: encapsulation === 'ip' ? 0 : port, encapsulation, pmtuDiscovery };
}

/** Without a declared one: a hash of the host name (FNV-1a, 32 bits), which is never 0. */
export function routerIdOf(declared: string | number | undefined, hostName: string): number {
  if (typeof declared === 'number') return declared;
  if (declared !== undefined) return parseIpv4(declared) ?? 1;
  let hash = 0x811c9dc5;
  for (const octet of new TextEncoder().encode(hostName)) hash = Math.imul(hash ^ octet, 0x01000193);
  return hash >>> 0 || 1;
}

export interface TunnelSecrets {
  secret?: Secret;
  secondSecret?: Secret;
}

export function tunnelParametersOf(values: TunnelValues, { secret, secondSecret }: TunnelSecrets): TunnelParameters {
  return {
    version: values.version,
    hostName: values.hostName,
    secret,
    secondSecret,
    digest: values.digest,
    authMode: values.authMode ?? (secret ? 'challenge' : 'none'),
    hideAvps: values.hideAvps,
    useTieBreaker: values.useTieBreaker,
    framingCapabilities: [...values.framingCapabilities],
    bearerCapabilities: [...values.bearerCapabilities],
    helloIntervalMs: durationMs(values.helloInterval),
    maxRetries: values.maxRetries,
    retryTimeoutMs: durationMs(values.retryTimeout),
    receiveWindow: values.receiveWindow,
    transmitWindow: values.transmitWindow,
    maxSessions: values.maxSessions,
    idleTimeoutMs: durationMs(values.idleTimeout),
    allowPppProxy: values.allowPppProxy,
    controlDscp: values.controlDscp,
    trace: [...values.trace],
    mtu: values.mtu,
    interfaceName: values.interfaceName,
  };
}

export function sessionParametersOf(values: SessionValues, forward: ForwardSpec | undefined): SessionParameters {
  const { tx, rx = tx } = values.connectSpeed;
  return {
    type: values.type,
    pseudowire: values.pseudowire,
    cookieLength: values.cookieLength,
    l2SpecificSublayer: values.l2SpecificSublayer,
    dataSequencing: values.dataSequencing,
    sequencingRequired: values.sequencingRequired,
    useSequenceNumbers: values.useSequenceNumbers,
    reorderTimeoutMs: durationMs(values.reorderTimeout),
    minimumBps: values.minimumBps,
    maximumBps: values.maximumBps,
    usePppProxy: values.usePppProxy,
    forward,
    dscp: values.dscp,
    trace: [...values.trace],
    privateGroupId: values.privateGroupId,
    framingType: [...values.framingType],
    bearerType: [...values.bearerType],
    connectSpeedBps: { tx, rx },
  };
}

export interface Credentials {
  userName?: string;
  password?: Secret;
}

const methodsByStrength = ['eap', 'mschapv2', 'chap', 'mschapv1', 'pap'] as const satisfies readonly PppAuthMethod[];

/** An LNS gives addresses, and a LAC takes them for the client that it speaks for. */
export function pppRole(type: SessionType): PppSpec['role'] {
  switch (type) {
    case 'lacIncoming':
    case 'lacOutgoing':
      return 'client';
    case 'lnsIncoming':
    case 'lnsOutgoing':
      return 'server';
    default:
      return type satisfies never;
  }
}

export function pppOf(
  { values, layers }: PppChain,
  role: PppSpec['role'],
  tunnel: Pick<TunnelParameters, 'hostName' | 'mtu'>,
  credentials: Credentials,
): PppSpec {
  return {
    profile: profileOf(layers),
    aaa: values.aaa,
    role,
    mtu: Math.min(values.mtu, tunnel.mtu),
    mru: Math.min(values.mru, tunnel.mtu),
    acfc: values.acfc,
    pfc: values.pfc,
    magicNumber: values.magicNumber,
    authMethods: methodsByStrength.filter((method) => values.auth[method]),
    authenticatePeer: values.authenticatePeer ?? (role === 'server' && !values.auth.none),
    ...credentials,
    localName: values.localName ?? tunnel.hostName,
    chapIntervalMs: durationMs(values.chapInterval),
    chapMaxChallenge: values.chapMaxChallenge,
    chapRestartMs: durationMs(values.chapRestart),
    papMaxRequests: values.papMaxRequests,
    papRestartMs: durationMs(values.papRestart),
    papTimeoutMs: durationMs(values.papTimeout),
    lcp: limitsOf(values.lcp),
    ipcp: limitsOf(values.ipcp),
    echoIntervalMs: durationMs(values.lcpEcho.interval),
    echoFailures: values.lcpEcho.failures,
    idleTimeoutMs: durationMs(values.idleTimeout),
    maxConnectMs: durationMs(values.maxConnectTime),
    interimIntervalMs: durationMs(values.interimInterval),
    rate: limitOf(rateOf(values.rateLimit)),
    filter: values.filter,
    mssClamp: values.mssClamp,
    mppe: values.mppe,
    ipv4: {
      local: ipv4Of(values.ipv4.local),
      remote: ipv4Of(values.ipv4.remote),
      pool: values.ipv4.pool,
      dns: values.ipv4.dns.map((text) => parseIpv4(text) ?? 0),
      wins: values.ipv4.wins.map((text) => parseIpv4(text) ?? 0),
      defaultRoute: values.ipv4.defaultRoute,
      proxyArp: values.ipv4.proxyArp,
    },
    ipv6: {
      enabled: values.ipv6.enabled,
      interfaceId: interfaceIdOf(values.ipv6.interfaceId),
      prefixPool: values.ipv6.prefixPool,
      delegationPool: values.ipv6.delegationPool,
      dns: values.ipv6.dns.map((text) => parseIpv6(text) ?? 0n),
    },
  };
}

/** The name of the PppProfile that says how to authenticate. */
function profileOf(layers: PppChain['layers']): string {
  const { from } = giver(layers, 'auth') ?? {};
  return from?.startsWith('PppProfile/') ? from.slice('PppProfile/'.length) : 'default';
}

export function rateOf({ tx = 0, rx = 0 }: DeclaredRate): RateLimit {
  return { txBps: bitsPerSecond(tx), rxBps: bitsPerSecond(rx) };
}

/** Undefined: no limit either way. */
function limitOf(rate: RateLimit): RateLimit | undefined {
  return rate.txBps === 0 && rate.rxBps === 0 ? undefined : rate;
}

function limitsOf(values: PppValues['lcp']): NegotiationLimits {
  return {
    maxConfigRequests: values.maxConfigRequests,
    maxConfigNaks: values.maxConfigNaks,
    maxTerminateRequests: values.maxTerminateRequests,
    retransmitMs: durationMs(values.retransmit),
  };
}

function ipv4Of(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseIpv4(text);
}

/** `0:0:0:1` as a 64-bit number. */
function interfaceIdOf(text: string | undefined): bigint | undefined {
  return text?.split(':').reduce((id, group) => (id << 16n) | BigInt(`0x${group}`), 0n);
}
