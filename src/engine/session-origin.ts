/** Where a call comes from, and what follows from that for its settings. */
import type { CallFacts } from './aaa.ts';
import type { CircuitFacts } from './circuit.ts';
import type { EngineCore } from './core.ts';
import type { SwitchedCall } from './forwarding.ts';
import type { IpAttachment } from './ports.ts';
import type {
  Ipv4,
  PeerSpec,
  PppSpec,
  Pseudowire,
  QuirkName,
  SessionParameters,
  SessionSpec,
  SessionType,
  TunnelParameters,
} from './spec.ts';
import type { TraceSubject } from './trace.ts';
import type { AvpValues } from './wire/avp.ts';
import type { Dialect } from './wire/dialect.ts';

/** What a session needs to know of its tunnel, fixed for its life. */
export interface SessionTunnel {
  readonly core: EngineCore;
  readonly dialect: Dialect;
  readonly localId: number;
  readonly name?: string;
  readonly parameters: TunnelParameters;
  /** What both ends can carry. */
  readonly pseudowires: readonly Pseudowire[];
  /** What the peer takes. */
  readonly peerFraming: TunnelParameters['framingCapabilities'];
  readonly peerBearer: NonNullable<AvpValues['bearerCapabilities']>;
  readonly quirks: ReadonlySet<QuirkName>;
  /** Our IPv4 address towards the peer; 0 over IPv6. */
  readonly localIpv4: Ipv4;
  readonly facts: CallFacts['tunnel'];
  /** Who the other end is, for what the two have between them in all of their tunnels. */
  readonly peer: string;
  /** What is traced of the tunnel, and so of its calls, beside what is of everything. */
  readonly traceMask: number;
  readonly traceSubject: TraceSubject;
}

/** Who wants the session: a declaration of ours, a peer that matched a profile, or a call that is switched into it. */
export type SessionOrigin =
  /** `type`: not as declared, since the peer asked first. */
  | { declared: SessionSpec; type?: 'lnsIncoming' | 'lacOutgoing' }
  /** `endId`: the peer's Remote End ID. */
  | { accepted: PeerSpec; type: 'lnsIncoming' | 'lacOutgoing'; endId?: string }
  | { switched: SwitchedCall };

export function typeOf(origin: SessionOrigin): SessionType {
  if ('declared' in origin) return origin.type ?? origin.declared.parameters.type;
  return 'accepted' in origin ? origin.type : origin.switched.type;
}

export function parametersOf(origin: SessionOrigin): SessionParameters {
  if ('declared' in origin) return origin.declared.parameters;
  return 'accepted' in origin ? origin.accepted.session : origin.switched.parameters;
}

export function pppOf(origin: SessionOrigin): PppSpec {
  if ('declared' in origin) return origin.declared.ppp;
  if ('switched' in origin) return origin.switched.ppp;
  return origin.type === 'lnsIncoming' ? origin.accepted.ppp : origin.accepted.clientPpp;
}

/** Subscribers that a peer brings share a device; a call of another kind has one of its own. */
export function interfaceOf(origin: SessionOrigin): IpAttachment['interface'] {
  if ('accepted' in origin && origin.type === 'lnsIncoming') {
    return { kind: 'shared', name: origin.accepted.tunnel.interfaceName };
  }
  return { kind: 'own', name: 'declared' in origin ? origin.declared.interfaceName : undefined };
}

/** What a pseudowire that is not PPP is attached to. A circuit behind a socket has to be declared. */
export function attachmentOf(origin: SessionOrigin): CircuitFacts | undefined {
  if ('accepted' in origin) return { ethernet: origin.accepted.ethernet };
  if ('switched' in origin) return undefined;
  const { ethernet, circuit } = origin.declared;
  if (ethernet) return { ethernet };
  return circuit && { circuit };
}

/**
 * By which both ends know the circuit (RFC 3931 5.4.4, Remote End ID). A PPP call is no circuit that both ends could ask
 * for: its name says from where it comes, too.
 */
export function endIdOf(origin: SessionOrigin, hostName: string): string {
  if ('accepted' in origin) return origin.endId ?? '';
  if ('switched' in origin) return origin.switched.call.remoteEndId ?? `${hostName}:${origin.switched.ingress.title}`;
  const { declared } = origin;
  if (declared.parameters.pseudowire !== 'ppp') return circuitEndId(declared);
  return declared.remoteEndId ?? `${hostName}:${declared.name}`;
}

/** The Remote End ID of a circuit that a Session declares. */
export function circuitEndId({ remoteEndId, name }: SessionSpec): string {
  return remoteEndId ?? name;
}
