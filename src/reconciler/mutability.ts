/** What a change of a field asks for while a tunnel or session is up. */
import {
  type EthernetSpec,
  mayGoOver,
  type PppSpec,
  type SessionParameters,
  type SessionSpec,
  type TunnelParameters,
  type TunnelSpec,
} from '../engine/spec.ts';
import { type Difference, differences } from './compare.ts';

/** live: changed in place, or of no matter before the next time; reestablish: closed and opened again. */
export type Mutability = 'live' | 'reestablish';

type Table<Spec extends { parameters: object }, Parameters> = {
  readonly [K in keyof Omit<Spec, 'parameters'>]-?: Mutability | Readonly<Record<string, Mutability>>;
} & { readonly parameters: { readonly [K in keyof Parameters]-?: Mutability } };

export const tunnelMutability = {
  name: 'reestablish',
  granted: 'reestablish',
  remoteAddress: 'reestablish',
  remotePort: 'reestablish',
  localAddress: 'reestablish',
  localPort: 'reestablish',
  encapsulation: 'reestablish',
  pmtuDiscovery: 'reestablish',
  static: 'reestablish',
  persist: 'live',
  parameters: {
    // What the peer was told when the tunnel was set up (RFC 2661 6.1, RFC 3931 6.1).
    version: 'reestablish',
    hostName: 'reestablish',
    framingCapabilities: 'reestablish',
    bearerCapabilities: 'reestablish',
    receiveWindow: 'reestablish',
    secret: 'reestablish',
    // Of L2TPv3, which takes either in each message.
    secondSecret: 'live',
    digest: 'reestablish',
    authMode: 'reestablish',
    hideAvps: 'reestablish',
    // Used only while a tunnel is being set up: counts from the next time on.
    useTieBreaker: 'live',
    helloIntervalMs: 'live',
    maxRetries: 'live',
    retryTimeoutMs: 'live',
    transmitWindow: 'live',
    maxSessions: 'live',
    idleTimeoutMs: 'live',
    // Of accepted tunnels only.
    allowPppProxy: 'live',
    controlDscp: 'reestablish',
    trace: 'live',
    // Reaches the calls through their PPP values.
    mtu: 'live',
    // Of accepted tunnels only.
    interfaceName: 'live',
  },
} as const satisfies Table<TunnelSpec, TunnelParameters>;

const rollingMutability = {
  ...tunnelMutability,
  parameters: { ...tunnelMutability.parameters, secret: 'live' },
} as const;

/** What is negotiated, or was used for it, holds until the link ends. */
const pppMutability = {
  // Words.
  profile: 'live',
  idleTimeoutMs: 'live',
  maxConnectMs: 'live',
  interimIntervalMs: 'live',
  rate: 'live',
  filter: 'live',
  aaa: 'reestablish',
  role: 'reestablish',
  mtu: 'reestablish',
  mru: 'reestablish',
  acfc: 'reestablish',
  pfc: 'reestablish',
  magicNumber: 'reestablish',
  authMethods: 'reestablish',
  authenticatePeer: 'reestablish',
  userName: 'reestablish',
  password: 'reestablish',
  localName: 'reestablish',
  chapIntervalMs: 'reestablish',
  chapMaxChallenge: 'reestablish',
  chapRestartMs: 'reestablish',
  papMaxRequests: 'reestablish',
  papRestartMs: 'reestablish',
  papTimeoutMs: 'reestablish',
  lcp: 'reestablish',
  ipcp: 'reestablish',
  echoIntervalMs: 'reestablish',
  echoFailures: 'reestablish',
  mssClamp: 'reestablish',
  mppe: 'reestablish',
  ipv4: 'reestablish',
  ipv6: 'reestablish',
} as const satisfies { readonly [K in keyof PppSpec]-?: Mutability };

/** The attachment of an Ethernet pseudowire is changed while it carries frames; a device of another name is another one. */
const ethernetMutability = {
  mtu: 'live',
  macAddress: 'live',
  bridge: 'live',
  addresses: 'live',
  interfaceName: 'reestablish',
  attach: 'reestablish',
  vlanId: 'reestablish',
  vlanAction: 'reestablish',
} as const satisfies { readonly [K in keyof EthernetSpec]-?: Mutability };

export const sessionMutability = {
  name: 'reestablish',
  tunnel: 'reestablish',
  ppp: pppMutability,
  ethernet: ethernetMutability,
  circuit: 'reestablish',
  remoteEndId: 'reestablish',
  static: 'reestablish',
  proxy: 'reestablish',
  interfaceName: 'reestablish',
  callingNumber: 'reestablish',
  calledNumber: 'reestablish',
  subAddress: 'reestablish',
  parameters: {
    useSequenceNumbers: 'live',
    reorderTimeoutMs: 'live',
    trace: 'live',
    // Of accepted calls only.
    forward: 'live',
    usePppProxy: 'live',
    type: 'reestablish',
    minimumBps: 'reestablish',
    maximumBps: 'reestablish',
    dscp: 'reestablish',
    // What the peer was told when the call was placed (RFC 2661 6.6, 6.8).
    pseudowire: 'reestablish',
    cookieLength: 'reestablish',
    l2SpecificSublayer: 'reestablish',
    dataSequencing: 'reestablish',
    sequencingRequired: 'reestablish',
    privateGroupId: 'reestablish',
    framingType: 'reestablish',
    bearerType: 'reestablish',
    // The LNS of an incoming call is told (RFC 5515 4).
    connectSpeedBps: 'live',
  },
} as const satisfies Table<SessionSpec, SessionParameters>;

export interface Change {
  found: readonly Difference[];
  /** The hardest of what the changed fields ask for; undefined: nothing changed. */
  asks: Mutability | undefined;
}

/** `version`: which the tunnel speaks. L2TPv3 goes over to another secret while it is up. */
export function tunnelChange(before: TunnelSpec | undefined, after: TunnelSpec, version: 2 | 3): Change {
  const rolls = version === 3 && before !== undefined && mayGoOver(before.parameters, after.parameters);
  return changeOf(rolls ? rollingMutability : tunnelMutability, before, after);
}

export function sessionChange(before: SessionSpec | undefined, after: SessionSpec): Change {
  return changeOf(sessionMutability, before, after);
}

function changeOf(table: object, before: object | undefined, after: object): Change {
  const found = before === after ? [] : differences(before ?? {}, after);
  if (found.length === 0) return { found, asks: undefined };
  return { found, asks: found.every(({ path }) => isLive(table, path)) ? 'live' : 'reestablish' };
}

function isLive(table: object, path: readonly string[]): boolean {
  let at: unknown = table;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) break;
    at = (at as Record<string, unknown>)[step];
  }
  return at === 'live';
}
