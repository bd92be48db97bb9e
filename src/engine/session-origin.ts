/** Where a call comes from, and what follows from that for its settings. */
import type { SwitchedCall } from './forwarding.ts';
import type { IpAttachment } from './ports.ts';
import type { PeerSpec, PppSpec, SessionParameters, SessionSpec, SessionType } from './spec.ts';

/** Who wants the session: a declaration of ours, a peer that matched a profile, or a call that is switched into it. */
export type SessionOrigin =
  | { declared: SessionSpec }
  | { accepted: PeerSpec; type: 'lnsIncoming' | 'lacOutgoing' }
  | { switched: SwitchedCall };

export function typeOf(origin: SessionOrigin): SessionType {
  if ('declared' in origin) return origin.declared.parameters.type;
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
