/** Everything that is declared -> what should be. */
import { SpecError } from '../engine/errors.ts';
import type { DeviceSpec, GatewaySpec, PeerSpec, SessionSpec, TunnelSpec } from '../engine/spec.ts';
import { aaaOf } from './aaa.ts';
import { canonicalPrefix } from './addresses.ts';
import { reuse } from './compare.ts';
import { devicesOf } from './devices.ts';
import { builtIn } from './generated.ts';
import { type Field, type Layer, lay } from './layers.ts';
import { type DesiredState, emptySystem } from './live.ts';
import { Declarations, type PppChain, type TunnelChain } from './resolve.ts';
import type { Resource, Snapshot } from './resources.ts';
import { type SecretLookup, secretLookup } from './secrets.ts';
import { type Claim, claimOnce, settle } from './settle.ts';
import { gatewayOf, pppOf, sessionParametersOf, tunnelParametersOf } from './specs.ts';
import { durationMs } from './units.ts';

export type Fields = Readonly<Record<string, Field>>;

export interface Desired {
  state: DesiredState;
  /** The longest waits before a persistent tunnel or one of its calls is dialled again. */
  redialBounds: { tunnelMs: number; sessionMs: number };
  resources: readonly Resource[];
  /** Mistakes in documents and between them. A resource with one keeps the spec it had before, or has none. */
  errors: readonly SpecError[];
  /** Every resolved field of a resource and where it came from; undefined for what is not resolved. */
  explain(id: string): Fields | undefined;
  /** How many resources use each profile and pool, by id. */
  usedBy: ReadonlyMap<string, number>;
}

/** Resolves all resources. `before` gives what stays in force for those with errors. */
export function desired(snapshot: Snapshot, before?: Desired): Desired {
  const resources = withLastGood(snapshot, before?.resources ?? []);
  const declarations = new Declarations(resources, snapshot.machineName);
  const secretOf = secretLookup(snapshot.secrets, declarations);
  const last = before?.state;
  const fields = new Map<string, () => Fields>();

  const gateway = chooseGateway(declarations);
  const gatewayValues = { ...builtIn.Gateway, ...gateway?.document.spec };
  if (gateway) fields.set(gateway.id, () => lay([layerOf(gateway), builtInGateway]).fields);
  const aaa = reuse(last?.aaa, aaaOf(declarations, secretOf, last?.aaa));

  const context: Context = { declarations, secretOf, pools: new Set(aaa.pools.map(({ name }) => name)), fields };
  const settings = gatewayOf(gateway?.document.spec ?? {});
  const peers = peersOf(context, settings, snapshot, last?.gateway.peers ?? []);
  const devices = settings.listen.length > 0 ? devicesOf(peers, aaa) : new Map<string, DeviceSpec>();
  // Who is connected stays so when no more tunnels are accepted, and still needs the device.
  for (const name of devices.keys()) if (!settings.acceptTunnels && !last?.devices.has(name)) devices.delete(name);

  const chains = new Map<string, TunnelChain>();
  const tunnels = settle(declarations, 'Tunnel', [...(last?.tunnels.values() ?? [])], (tunnel) => {
    const chain = declarations.tunnel(tunnel);
    chains.set(tunnel.name, chain);
    return tunnelOf(context, tunnel, chain);
  });
  const sessions = settle(
    declarations,
    'Session',
    [...(last?.sessions.values() ?? [])],
    (session) => sessionOf(context, session, chains),
    claimInterfaces(devices),
  );

  return {
    state: {
      system: emptySystem,
      gateway: reuse(last?.gateway, { ...settings, peers }),
      aaa,
      devices,
      tunnels: new Map(tunnels.map((spec) => [spec.name, spec])),
      sessions: new Map(sessions.map((spec) => [spec.name, spec])),
    },
    redialBounds: {
      tunnelMs: durationMs(gatewayValues.tunnelPersistPendTimeout),
      sessionMs: durationMs(gatewayValues.sessionPersistPendTimeout),
    },
    resources,
    errors: [...snapshot.errors, ...declarations.errors],
    explain: (id) => fields.get(id)?.(),
    usedBy: declarations.usedBy(),
  };
}

/** A document that is wrong now but was not before stays as it was, where the source has not seen to that. */
function withLastGood({ resources, errors }: Snapshot, before: readonly Resource[]): readonly Resource[] {
  const wrong = new Set(errors.map(({ resource }) => resource));
  const present = new Set(resources.map(({ id }) => id));
  const kept = before.filter(({ id }) => wrong.has(id) && !present.has(id));
  return kept.length === 0 ? resources : [...resources, ...kept];
}

interface Context {
  declarations: Declarations;
  secretOf: SecretLookup;
  /** The names of the pools in force. */
  pools: ReadonlySet<string>;
  fields: Map<string, () => Fields>;
}

const builtInGateway: Layer = { from: 'built-in', values: builtIn.Gateway, locate: () => ({ path: '' }) };

function layerOf({ id, document, locate }: Resource): Layer {
  return { from: id, values: document.spec, locate };
}

function chooseGateway(declarations: Declarations): Resource<'Gateway'> | undefined {
  const [first, ...others] = declarations.all('Gateway');
  for (const other of others) {
    const message = `one prol2tpd takes one Gateway, and Gateway/${first.name} is in force; delete one of the two`;
    declarations.errors.push(new SpecError(message, other.locate(['metadata', 'name']), other.id));
  }
  return first;
}

// ---------------------------------------------------------------- peers

function peersOf(
  context: Context,
  settings: Omit<GatewaySpec, 'peers'>,
  snapshot: Snapshot,
  before: readonly PeerSpec[],
): PeerSpec[] {
  const { declarations } = context;
  const peers = settle(
    declarations,
    'PeerProfile',
    before,
    (peer) => peerOf(context, declarations.acceptedTunnel(peer), peer),
    claimPeers(),
  );
  const none = declarations.all('PeerProfile').length === 0;
  // A document that cannot be read may have been the PeerProfile that keeps strangers out.
  const hidden = snapshot.errors.some(({ resource }) => resource === undefined || resource.startsWith('PeerProfile/'));
  const opened = before.length === 1 && before[0].name === 'default' && isOpen(before[0]);
  const accepts = settings.acceptTunnels || opened;
  if (none && settings.listen.length > 0 && accepts && (!hidden || opened)) {
    const errors = declarations.errors.length;
    const spec = peerOf(context, declarations.acceptedTunnel(undefined), undefined);
    if (declarations.errors.length === errors) return [spec];
    return opened ? [...before] : [];
  }
  return peers;
}

function isOpen({ match }: PeerSpec): boolean {
  return match.hostName === undefined && match.addresses.length === 0;
}

/** A PeerProfile; the built-in one named `default` when none is declared. */
function peerOf(context: Context, chain: TunnelChain, peer: Resource<'PeerProfile'> | undefined): PeerSpec {
  const { declarations, fields } = context;
  const id = peer?.id ?? 'PeerProfile/default';
  const session = declarations.acceptedSession(chain, id);
  const ppp = declarations.ppp(session, chain, id);
  const { match = {}, role = builtIn.PeerProfile.role } = peer?.document.spec ?? {};
  const tunnel = tunnelParameters(context, chain, id);
  checkPpp(context, ppp, 'server', id);
  if (peer) fields.set(id, () => joined({ tunnel: chain.fields, session: session.fields, ppp: ppp.fields }));
  return {
    name: peer?.name ?? 'default',
    match: { hostName: match.hostName, addresses: [...(match.addresses ?? [])] },
    role,
    quirks: [],
    tunnel,
    session: sessionParametersOf(session.values),
    ppp: pppOf(ppp.values, 'server', tunnel, {}),
  };
}

const claimPeers = (): Claim<PeerSpec> =>
  claimOnce(matchKeys, (holder, { name }) => ({
    message: `PeerProfile/${holder} and PeerProfile/${name} fit the same peers; make one of them narrower`,
    path: 'match',
  }));

function matchKeys({ match }: PeerSpec): string[] {
  const host = match.hostName?.toLowerCase() ?? '';
  const prefixes = match.addresses.length === 0 ? [''] : match.addresses.map(canonicalPrefix);
  return prefixes.map((prefix) => `${host} ${prefix}`);
}

// ---------------------------------------------------------------- tunnels and sessions

function tunnelOf(context: Context, tunnel: Resource<'Tunnel'>, chain: TunnelChain): TunnelSpec {
  const { values } = chain;
  if (values.remoteAddress === undefined) {
    const message = 'is missing: give it here or in the TunnelProfile';
    context.declarations.reportAt(tunnel, 'remoteAddress', message);
  }
  context.fields.set(tunnel.id, () => chain.fields);
  return {
    name: tunnel.name,
    parameters: tunnelParameters(context, chain, tunnel.id),
    remoteAddress: values.remoteAddress ?? '',
    remotePort: values.remotePort,
    localAddress: values.localAddress,
    localPort: values.localPort,
    persist: values.persist,
  };
}

function tunnelParameters({ declarations, secretOf }: Context, chain: TunnelChain, user: string) {
  const errors = declarations.errors.length;
  const secret = secretOf(chain.layers, 'secret', user);
  if (!secret && declarations.errors.length === errors) {
    const needs = 'needs a secret: give secretRef or secretFile';
    const layerWith = (field: string) => chain.layers.find(({ values }) => field in values);
    if (chain.values.hideAvps) declarations.report(needs, layerWith('hideAvps'), 'hideAvps', user);
    if (chain.values.authMode === 'challenge') declarations.report(needs, layerWith('authMode'), 'authMode', user);
  }
  return tunnelParametersOf(chain.values, secret);
}

function sessionOf(
  context: Context,
  session: Resource<'Session'>,
  tunnels: ReadonlyMap<string, TunnelChain>,
): SessionSpec {
  const { declarations, secretOf, fields } = context;
  const { tunnel: tunnelName } = session.document.spec;
  const declared = tunnels.get(tunnelName);
  if (!declared) declarations.reportAt(session, 'tunnel', `Tunnel/${tunnelName} does not exist`);
  const tunnel = declared ?? declarations.acceptedTunnel(undefined);
  const chain = declarations.session(session, tunnel);
  const ppp = declarations.ppp(chain, tunnel, session.id);
  checkPpp(context, ppp, 'client', session.id);
  fields.set(session.id, () => ({ ...chain.fields, ...joined({ ppp: ppp.fields }) }));
  const { values } = chain;
  const password = secretOf([layerOf(session)], 'password', session.id);
  return {
    name: session.name,
    tunnel: tunnelName,
    parameters: sessionParametersOf(values),
    ppp: pppOf(ppp.values, 'client', tunnel.values, { userName: values.userName, password }),
    interfaceName: values.interfaceName,
    callingNumber: values.callingNumber,
    calledNumber: values.calledNumber,
    subAddress: values.subAddress,
  };
}

function claimInterfaces(devices: DesiredState['devices']): Claim<SessionSpec> {
  const path = 'interfaceName';
  const claimName = claimOnce<SessionSpec>(
    ({ interfaceName }) => (interfaceName === undefined ? [] : [interfaceName]),
    (holder) => ({ message: `Session/${holder} has the same interfaceName`, path }),
  );
  return (spec) => {
    if (spec.interfaceName === undefined || !devices.has(spec.interfaceName)) return claimName(spec);
    return { message: "is the interface that accepted calls share (the TunnelProfile's interfaceName)", path };
  };
}

function checkPpp({ declarations, pools }: Context, chain: PppChain, role: 'client' | 'server', user: string): void {
  const { auth, authenticatePeer, ipv4 } = chain.values;
  const layerWith = (field: string) => chain.layers.find(({ values }) => field in values);
  if (!auth.pap && !auth.chap && !auth.mschapv2 && (authenticatePeer ?? (role === 'server' && !auth.none))) {
    const message = 'peers must authenticate themselves, but every method is off: turn one on, or set none to true';
    declarations.report(message, layerWith('auth'), 'auth', user);
  }
  if (role !== 'server' || ipv4.pool === undefined) return;
  declarations.use(`AddressPool/${ipv4.pool}`, user);
  if (pools.has(ipv4.pool)) return;
  const exists = declarations.get('AddressPool', ipv4.pool) !== undefined;
  const message = `AddressPool/${ipv4.pool} ${exists ? 'has an error' : 'does not exist'}`;
  const from = chain.layers.find(({ from }) => from === chain.fields['ipv4.pool'].from);
  declarations.report(message, from, 'ipv4.pool', user);
}

function joined(parts: Readonly<Record<string, Fields>>): Fields {
  return Object.fromEntries(
    Object.entries(parts).flatMap(([prefix, fields]) =>
      Object.entries(fields).map(([path, field]) => [`${prefix}.${path}`, field]),
    ),
  );
}
