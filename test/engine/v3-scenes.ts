/** Scenes with a scripted peer that speaks L2TPv3, in all the manners that it may. */
import { expect } from 'vitest';
import {
  type GatewaySpec,
  type PeerSpec,
  Secret,
  type SessionParameters,
  type SessionSpec,
  type TunnelParameters,
} from '../../src/engine/spec.ts';
import { messageTypesOf } from '../../src/engine/wire/message-table.ts';
import { bench, type Got, type Manner, type ScriptedPeer } from './scripted-peer.ts';
import {
  ethernetSpec,
  gatewaySpec,
  type Node,
  peerSpec,
  sessionParameters,
  sessionSpec,
  tunnelParameters,
  tunnelSpec,
  type World,
} from './world.ts';

export interface SceneV3 {
  world: World;
  node: Node;
  peer: ScriptedPeer;
}

export const secret = new Secret('tunnel secret');
const nonce = Uint8Array.from({ length: 16 }, (_, index) => index);

export const plainUdp: Manner = { version: 3, encapsulation: 'udp' };
export const authenticUdp: Manner = {
  version: 3,
  encapsulation: 'udp',
  digests: { type: 'hmac-md5', count: 1, secrets: [secret], nonce },
};

/** Every one of them is as good. */
export const manners: Record<string, Manner> = {
  'over UDP': plainUdp,
  'over IP': { version: 3, encapsulation: 'ip' },
  'over IP, checked for damage': {
    version: 3,
    encapsulation: 'ip',
    digests: { type: 'hmac-sha1', count: 1, secrets: [undefined] },
  },
  'over UDP, authenticated': authenticUdp,
  'over IP, authenticated with SHA-1': {
    version: 3,
    encapsulation: 'ip',
    digests: { type: 'hmac-sha1', count: 1, secrets: [secret], nonce },
  },
};

export const messageTypesV3 = messageTypesOf(3);

/** How we speak with a peer of this manner. */
export function ours(manner: Manner, changes: Partial<TunnelParameters> = {}): TunnelParameters {
  const isSecret = manner.digests?.nonce !== undefined;
  const common = { version: 'v3', useTieBreaker: false, secret: isSecret ? secret : undefined } as const;
  return tunnelParameters({ ...common, ...changes });
}

/** Nothing between the two yet. */
export function idle(
  manner: Manner = plainUdp,
  peer: Partial<PeerSpec> = {},
  gateway: Partial<GatewaySpec> = {},
): SceneV3 {
  const peers = [peerSpec({ tunnel: ours(manner), ...peer })];
  return bench(gatewaySpec({ peers, ...gateway }), undefined, manner);
}

export function dialledSpec({ encapsulation, ...manner }: Manner, changes: Partial<TunnelParameters> = {}) {
  return tunnelSpec('10.0.0.9', { encapsulation, parameters: ours({ encapsulation, ...manner }, changes) });
}

/** Our SCCRQ is at the peer. */
export function waitReply(manner: Manner = plainUdp, changes: Partial<TunnelParameters> = {}): SceneV3 {
  const scene = idle(manner);
  scene.node.dial(dialledSpec(manner, changes));
  return scene;
}

export function establishedByUs(manner: Manner = plainUdp, changes: Partial<TunnelParameters> = {}): SceneV3 {
  const scene = waitReply(manner, changes);
  scene.peer.accept();
  return scene;
}

/** The peer's SCCRQ is answered. */
export function waitConnect(manner: Manner = plainUdp, peer: Partial<PeerSpec> = {}): SceneV3 {
  const scene = idle(manner, peer);
  scene.peer.sccrq();
  scene.peer.ack();
  return scene;
}

export function establishedByPeer(manner: Manner = plainUdp, peer: Partial<PeerSpec> = {}): SceneV3 {
  const scene = waitConnect(manner, peer);
  scene.peer.sccn();
  return scene;
}

export const ethernetParameters: SessionParameters = { ...sessionParameters, pseudowire: 'ethernet' };

/** An Ethernet pseudowire of ours. */
export function wire(name = 'pw', changes: Partial<SessionSpec> = {}): SessionSpec {
  const own = { parameters: ethernetParameters, ethernet: ethernetSpec, remoteEndId: 'circuit 1' };
  return sessionSpec(name, { ...own, ...changes });
}

/** A PeerProfile under which the peer may bring Ethernet pseudowires. */
export const bringsEthernet: Partial<PeerSpec> = { session: ethernetParameters };

/** The peer's request for an Ethernet pseudowire. */
export function icrq(peer: ScriptedPeer, avps: Got['avps'] = {}) {
  return {
    type: 'ICRQ',
    avps: {
      assignedSessionId: peer.callId,
      callSerialNumber: 1,
      pseudowireType: 'ethernet',
      remoteEndId: 'peer 1',
      circuitStatus: { active: true, isNew: true },
      ...avps,
    },
  } as const;
}

/** Opens a session; gives what the peer gets of that, also what had to wait for its acknowledgement. */
export function open({ node, peer, world }: SceneV3, spec: SessionSpec): Got[] {
  peer.unread();
  node.run(node.engine.openSession(spec, world.now));
  return [...peer.unread(), ...peer.ack()];
}

/** Our id in the message of a call. */
export function localIdIn(got: Got | undefined): number {
  expect(got?.avps.assignedSessionId).toBeDefined();
  return got?.avps.assignedSessionId ?? 0;
}
