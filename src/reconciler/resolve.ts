/**
 * Profile inheritance. Values are laid over each other, nearest first:
 *
 * - tunnel: the Tunnel, the TunnelProfile it names, its PeerProfile's TunnelProfile, TunnelProfile `default`, built-in;
 * - session: the Session, the SessionProfile it names, the tunnel's, the PeerProfile's, `default`, built-in;
 * - PPP and Ethernet: the PppProfile or EthernetProfile that the session (or its profile) names, the tunnel's, the
 *   PeerProfile's, `default`, built-in.
 *
 * A profile named by a `default` profile stands after those named anywhere nearer. A profile `default` always exists.
 */
import { SpecError } from '../engine/errors.ts';
import type { TunnelParameters } from '../engine/spec.ts';
import { FittingPeers } from './fitting-peers.ts';
import {
  builtIn,
  type EthernetProfileFields,
  type PppProfileFields,
  type SessionFields,
  type SessionProfileFields,
  type TunnelFields,
  type TunnelProfileFields,
} from './generated.ts';
import { type Filled, giver, type Layer, lay, type Resolved } from './layers.ts';
import type { Kind, Resource } from './resources.ts';

export type ProfileKind = 'TunnelProfile' | 'SessionProfile' | 'PppProfile' | 'EthernetProfile';
export type TunnelValues = Filled<TunnelProfileFields, typeof builtIn.TunnelProfile> &
  Pick<Filled<TunnelFields, typeof builtIn.Tunnel>, 'persist' | 'static'> & {
    hostName: string;
    version: TunnelParameters['version'];
  };
export type SessionValues = Filled<SessionProfileFields, typeof builtIn.SessionProfile> &
  Pick<SessionFields, 'interfaceName' | 'userName' | 'passwordRef' | 'passwordFile'> &
  Pick<SessionFields, 'callingNumber' | 'calledNumber' | 'subAddress' | 'remoteEndId' | 'static'>;
export type PppValues = Filled<PppProfileFields, typeof builtIn.PppProfile>;
export type EthernetValues = Filled<EthernetProfileFields, typeof builtIn.EthernetProfile>;

/** A chain of layers and what it comes to. */
export interface Chain<T> extends Resolved<T> {
  layers: readonly Layer[];
  /** Those before the `default` profile. */
  near: readonly Layer[];
}

export type TunnelChain = Chain<TunnelValues> & { peer: Resource<'PeerProfile'> | undefined };
/** What names profiles for calls and for PPP: a tunnel, or a PppoeServer. */
export type ProfileNamers = Pick<TunnelChain, 'layers' | 'near' | 'peer'>;
export type SessionChain = Chain<SessionValues>;
export type PppChain = Chain<PppValues>;
export type EthernetChain = Chain<EthernetValues>;

/** All resources, to look up and to resolve. Remembers who uses which profile. */
export class Declarations {
  readonly #resources = new Map<string, Resource>();
  readonly #byKind = new Map<Kind, Resource[]>();
  readonly #users = new Map<string, Set<string>>();
  readonly #told = new Set<string>();
  readonly #pppChains = new Map<string, PppChain>();
  readonly #ethernetChains = new Map<string, EthernetChain>();
  readonly errors: SpecError[] = [];

  readonly #machineName: string | undefined;

  readonly #wrong: ReadonlySet<string>;

  #fitting: FittingPeers | undefined;

  /** @param wrong ids of documents with an error, in force or not */
  constructor(resources: readonly Resource[], machineName: string | undefined, wrong: ReadonlySet<string>) {
    this.#machineName = machineName;
    this.#wrong = wrong;
    const sorted = [...resources].sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const resource of sorted) {
      this.#resources.set(resource.id, resource);
      const same = this.#byKind.get(resource.kind);
      if (same) same.push(resource);
      else this.#byKind.set(resource.kind, [resource]);
    }
  }

  /** All of a kind, sorted by name. */
  all<K extends Kind>(kind: K): Resource<K>[] {
    return (this.#byKind.get(kind) ?? []) as unknown as Resource<K>[];
  }

  get<K extends Kind>(kind: K, name: string): Resource<K> | undefined {
    return this.#resources.get(`${kind}/${name}`) as Resource<K> | undefined;
  }

  /** Why a resource that is named cannot be had. */
  missing(id: string, hint = ''): string {
    return this.#wrong.has(id) ? `${id} has an error` : `${id} does not exist${hint}`;
  }

  /** How many resources use each resource, by id. */
  usedBy(): Map<string, number> {
    return new Map([...this.#users].map(([id, users]) => [id, users.size]));
  }

  use(id: string, user: string): void {
    const users = this.#users.get(id) ?? new Set();
    this.#users.set(id, users.add(user));
  }

  report(message: string, layer: Layer | undefined, path: string, resource: string): void {
    const at = layer?.locate(['spec', ...stepsOf(path)]) ?? { path: `spec.${path}` };
    const key = `${resource} ${message}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.errors.push(new SpecError(message, at, resource));
  }

  /** A mistake in a field (`ranges.0`) of a resource's own spec. */
  reportAt({ id, locate }: Pick<Resource, 'id' | 'locate'>, path: string, message: string): void {
    this.errors.push(new SpecError(message, locate(['spec', ...stepsOf(path)]), id));
  }

  tunnel(tunnel: Resource<'Tunnel'>): TunnelChain {
    const { profile, persist, ...values } = tunnel.document.spec;
    const own = layerOf(tunnel, values);
    const named = this.#profile('TunnelProfile', profile, own, 'profile', tunnel.id);
    const nearest = [own, ...named];
    const peer = this.#peerOf(nearest, tunnel.id);
    const near = [...nearest, ...this.#profileOfPeer('TunnelProfile', 'tunnelProfile', peer, tunnel.id)];
    const isStatic = values.static !== undefined;
    const chain = this.#tunnelChain(near, tunnel.id, isStatic ? 'v3' : 'v2');
    const persisting = persist ?? (isStatic || builtIn.Tunnel.persist);
    return {
      ...chain,
      values: { ...chain.values, persist: persisting },
      fields: { ...chain.fields, persist: { value: persisting, from: persist === undefined ? 'built-in' : tunnel.id } },
      peer,
    };
  }

  /** For tunnels that a peer opens. Without one: the built-in PeerProfile `default`. */
  acceptedTunnel(peer: Resource<'PeerProfile'> | undefined): TunnelChain {
    const user = peer?.id ?? 'PeerProfile/default';
    const near = this.#profileOfPeer('TunnelProfile', 'tunnelProfile', peer, user);
    const chain = this.#tunnelChain(near, user, 'auto');
    return { ...chain, values: { ...chain.values, persist: false }, peer };
  }

  /** What tunnels begin with that the AAA grants to calls: no PeerProfile is asked. Without any such call: built-in. */
  grantedTunnel(isWanted: boolean): Resolved<TunnelValues> & Pick<TunnelChain, 'layers'> {
    if (isWanted) return this.#tunnelChain([], 'Gateway', 'v2');
    const layers = this.#names('v2');
    return { ...lay<TunnelValues>(layers), layers };
  }

  session(session: Resource<'Session'>, tunnel: TunnelChain): SessionChain {
    const { profile, tunnel: _, ...values } = session.document.spec;
    const own = layerOf(session, values);
    const named = this.#profile('SessionProfile', profile, own, 'profile', session.id);
    return this.#sessionChain([own, ...named], tunnel, session.id);
  }

  /** What a PppoeServer names, and our name. */
  pppoeServer(server: Resource<'PppoeServer'>): {
    namers: ProfileNamers;
    name: Resolved<{ hostName: string }>;
  } {
    const { sessionProfile, pppProfile } = server.document.spec;
    const near = [layerOf(server, { sessionProfile, pppProfile })];
    return { namers: { layers: near, near, peer: undefined }, name: this.hostName() };
  }

  acceptedSession(tunnel: ProfileNamers, user: string): SessionChain {
    return this.#sessionChain([], tunnel, user);
  }

  ppp(session: SessionChain, tunnel: ProfileNamers, user: string): PppChain {
    const layers = this.#layersOfCall('PppProfile', 'pppProfile', session, tunnel, user);
    return shared(this.#pppChains, { ...layers, far: [...layers.far, builtInPpp] });
  }

  ethernet(session: SessionChain, tunnel: ProfileNamers, user: string): EthernetChain {
    const layers = this.#layersOfCall('EthernetProfile', 'ethernetProfile', session, tunnel, user);
    return shared(this.#ethernetChains, { ...layers, far: [...layers.far, builtInEthernet] });
  }

  #layersOfCall(
    kind: 'PppProfile' | 'EthernetProfile',
    field: 'pppProfile' | 'ethernetProfile',
    session: SessionChain,
    tunnel: ProfileNamers,
    user: string,
  ): { near: Layer[]; far: Layer[] } {
    const near = [
      ...this.#namedIn(kind, field, session.near, user),
      ...this.#namedIn(kind, field, tunnel.near, user),
      ...this.#profileOfPeer(kind, field, tunnel.peer, user),
      ...this.#namedIn(kind, field, session.layers, user),
      ...this.#namedIn(kind, field, tunnel.layers, user),
    ];
    return { near, far: this.#profile(kind, 'default', undefined, '', user) };
  }

  /** What the gateway calls itself where no profile says otherwise. */
  hostName(): Resolved<{ hostName: string }> {
    return lay(this.#names('v2'));
  }

  /** @param version the built-in one */
  #tunnelChain(near: readonly Layer[], user: string, version: TunnelParameters['version']): Chain<TunnelValues> {
    const profile = this.#profile('TunnelProfile', 'default', undefined, '', user);
    return chainOf<TunnelValues>(near, [...profile, ...this.#names(version)]);
  }

  /** Where our name comes from when no profile gives one, before all built-in values of tunnels. */
  #names(version: TunnelParameters['version']): Layer[] {
    const gateway = this.all('Gateway').at(0);
    const hostName = gateway?.document.spec.hostName;
    return [
      ...(gateway ? [layerOf(gateway, { hostName })] : []),
      { from: 'machine', values: { hostName: this.#machineName }, locate: () => ({ path: '' }) },
      builtInTunnels[version],
    ];
  }

  #sessionChain(nearest: readonly Layer[], tunnel: ProfileNamers, user: string): SessionChain {
    const near = [
      ...nearest,
      ...this.#namedIn('SessionProfile', 'sessionProfile', tunnel.near, user),
      ...this.#profileOfPeer('SessionProfile', 'sessionProfile', tunnel.peer, user),
      ...this.#namedIn('SessionProfile', 'sessionProfile', tunnel.layers, user),
    ];
    return chainOf<SessionValues>(near, [
      ...this.#profile('SessionProfile', 'default', undefined, '', user),
      builtInSession,
    ]);
  }

  /** The profile that the nearest of these layers names. */
  #namedIn(kind: ProfileKind, field: string, layers: readonly Layer[], user: string): Layer[] {
    const layer = giver(layers, field);
    const name = (layer?.values as Record<string, string | undefined> | undefined)?.[field];
    return this.#profile(kind, name, layer, field, user);
  }

  #profileOfPeer(
    kind: ProfileKind,
    field: 'tunnelProfile' | 'sessionProfile' | 'pppProfile' | 'ethernetProfile',
    peer: Resource<'PeerProfile'> | undefined,
    user: string,
  ): Layer[] {
    if (!peer) return [];
    if (peer.id !== user) this.use(peer.id, user);
    return this.#profile(kind, peer.document.spec[field], layerOf(peer, peer.document.spec), field, user);
  }

  /** A named profile as a layer; none when none is named; an error when it does not exist. */
  #profile(
    kind: ProfileKind,
    name: string | undefined,
    namer: Layer | undefined,
    field: string,
    user: string,
  ): Layer[] {
    if (name === undefined) return [];
    const profile = this.get(kind, name);
    if (profile) {
      this.use(profile.id, user);
      return [layerOf(profile, profile.document.spec)];
    }
    if (name !== 'default') this.report(this.missing(`${kind}/${name}`), namer, field, user);
    return [];
  }

  /** The PeerProfile that a dialled tunnel names, else the one that fits the peer's address best. */
  #peerOf(layers: readonly Layer[], user: string): Resource<'PeerProfile'> | undefined {
    const namer = giver(layers, 'peerProfile');
    if (!namer) {
      this.#fitting ??= new FittingPeers(this.all('PeerProfile'));
      return this.#fitting.find(lay<TunnelProfileFields>(layers).values.remoteAddress);
    }
    const name = (namer.values as TunnelProfileFields).peerProfile as string;
    const peer = this.get('PeerProfile', name);
    if (!peer && name !== 'default') this.report(this.missing(`PeerProfile/${name}`), namer, 'peerProfile', user);
    return peer;
  }
}

function chainOf<T>(near: readonly Layer[], far: readonly Layer[]): Chain<T> {
  const once = (layers: readonly Layer[]) =>
    layers.filter((layer, at) => layers.findIndex(({ from }) => from === layer.from) === at);
  const layers = once([...near, ...far]);
  return { ...lay<T>(layers), layers, near: once(near) };
}

/** Sessions have no values of PPP and Ethernet of their own: very many share one chain of profiles. */
function shared<T>(chains: Map<string, Chain<T>>, { near, far }: { near: Layer[]; far: Layer[] }): Chain<T> {
  const key = [...near, ...far].map(({ from }) => from).join(' ');
  const chain = chains.get(key) ?? chainOf<T>(near, far);
  chains.set(key, chain);
  return chain;
}

/** `ranges.0` as steps. */
function stepsOf(path: string): (string | number)[] {
  return path.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

function layerOf({ id, locate }: Resource, values: object): Layer {
  return { from: id, values, locate };
}

function builtInLayer(values: object): Layer {
  return { from: 'built-in', values, locate: () => ({ path: '' }) };
}

/** With what a gateway calls itself that has no name, on a machine that has none. */
function builtInTunnel(version: TunnelParameters['version']): Layer {
  return builtInLayer({ version, hostName: 'prol2tp', ...builtIn.TunnelProfile });
}

const builtInTunnels = { auto: builtInTunnel('auto'), v2: builtInTunnel('v2'), v3: builtInTunnel('v3') };
export const builtInTunnelValues = lay<TunnelValues>([builtInTunnels.v2]).values;
const builtInSession = builtInLayer(builtIn.SessionProfile);
const builtInPpp = builtInLayer(builtIn.PppProfile);
/** Of calls without PPP. */
export const builtInPppChain = chainOf<PppValues>([], [builtInPpp]);
const builtInEthernet = builtInLayer(builtIn.EthernetProfile);
