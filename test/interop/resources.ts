import { stringify } from 'yaml';
import type {
  AddressPoolFields,
  EthernetProfileFields,
  GatewayFields,
  PeerProfileFields,
  PppoeServerFields,
  PppProfileFields,
  SessionFields,
  SessionProfileFields,
  SubscriberFields,
  TunnelFields,
  TunnelProfileFields,
} from '../../src/reconciler/generated.ts';

interface Fields {
  AddressPool: AddressPoolFields;
  EthernetProfile: EthernetProfileFields;
  Gateway: GatewayFields;
  PeerProfile: PeerProfileFields;
  PppoeServer: PppoeServerFields;
  PppProfile: PppProfileFields;
  Session: SessionFields;
  SessionProfile: SessionProfileFields;
  Subscriber: SubscriberFields;
  Tunnel: TunnelFields;
  TunnelProfile: TunnelProfileFields;
}

/** One YAML document, as an operator would write it. */
export function resource<Kind extends keyof Fields>(kind: Kind, name: string, spec: Fields[Kind]): string {
  return stringify({ apiVersion: 'prol2tp.io/v1alpha1', kind, metadata: { name }, spec });
}

export function secret(name: string, stringData: Record<string, string>): string {
  return stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData });
}
