/** Everything that is declared -> what should be. */
import { SpecError } from '../engine/errors.ts';
import { type DeviceSpec, type FilterSpec, formatIpv4 } from '../engine/spec.ts';
import { aaaOf } from './aaa.ts';
import { reuse } from './compare.ts';
import { type Context, type Fields, layerOf } from './context.ts';
import { devicesOf } from './devices.ts';
import { checkFilters } from './filters.ts';
import { builtIn } from './generated.ts';
import { type Layer, lay } from './layers.ts';
import type { DesiredState } from './live.ts';
import { peersOf } from './peers.ts';
import { pppoeServersOf } from './pppoe.ts';
import { Declarations, type TunnelChain } from './resolve.ts';
import type { Resource, Snapshot } from './resources.ts';
import { secretLookup } from './secrets.ts';
import { claimOfSessions } from './session-claims.ts';
import { sessionOf } from './sessions.ts';
import { settle } from './settle.ts';
import { gatewayOf, routerIdOf } from './specs.ts';
import { systemOf } from './system.ts';
import { claimTunnels, grantedTunnelsOf, tunnelOf } from './tunnels.ts';
import { durationMs } from './units.ts';

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
  const wrong = new Set(snapshot.errors.flatMap(({ resource }) => resource ?? []));
  const declarations = new Declarations(resources, snapshot.machineName, wrong);
  const secretOf = secretLookup(snapshot.secrets, declarations);
  const last = before?.state;
  const fields: Context['fields'] = new Map();

  const gateway = chooseGateway(declarations);
  const gatewayValues = { ...builtIn.Gateway, ...gateway?.document.spec };
  if (gateway) fields.set(gateway.id, () => lay([layerOf(gateway), builtInGateway(declarations, gateway)]).fields);
  const aaa = reuse(last?.aaa, aaaOf(declarations, secretOf, gateway, last?.aaa));

  const context: Context = {
    declarations,
    secretOf,
    pools: new Map(aaa.pools.map((pool) => [pool.name, pool])),
    plugins: (gateway?.document.spec.plugins ?? []).map(({ name }) => name),
    filters: (gateway?.document.spec.filters ?? []).map(({ name }) => name),
    hasRadius: gateway?.document.spec.radius !== undefined,
    forwards: new Map(),
    fields,
  };
  const system = reuse(last?.system, systemOf(declarations, gateway, last?.system));
  const { hostName } = declarations.hostName().values;
  const declared = gatewayOf(gateway?.document.spec ?? {}, hostName);
  const listen = !gateway || checkListeners(declarations, gateway) ? declared.listen : (last?.gateway.listen ?? []);
  const settings = { ...declared, listen };
  // With a mistake in one filter, all stay as they were; what did not change is the same object, for live calls.
  const isGood = !gateway || checkFilters(declarations, gateway);
  const lastFilters = last?.gateway.filters ?? [];
  const filters = isGood
    ? reuse(
        lastFilters,
        settings.filters.map((spec) => sameFilter(lastFilters, spec)),
      )
    : lastFilters;
  const peers = peersOf(context, settings, snapshot, last?.gateway.peers ?? []);
  const pppoeServers = pppoeServersOf(context, last?.gateway.pppoeServers ?? []);
  const devices = settings.listen.length > 0 ? devicesOf(peers, aaa) : new Map<string, DeviceSpec>();
  // Who is connected stays so when no more tunnels are accepted, and still needs the device.
  for (const name of devices.keys()) if (!settings.acceptTunnels && !last?.devices.has(name)) devices.delete(name);

  const chains = new Map<string, TunnelChain>();
  const tunnels = settle(
    declarations,
    'Tunnel',
    [...(last?.tunnels.values() ?? [])],
    (tunnel) => {
      const chain = declarations.tunnel(tunnel);
      chains.set(tunnel.name, chain);
      return tunnelOf(context, tunnel, chain);
    },
    claimTunnels(),
  );
  const sessions = settle(
    declarations,
    'Session',
    [...(last?.sessions.values() ?? [])],
    (session) => sessionOf(context, session, chains),
    claimOfSessions(devices),
  );

  return {
    state: {
      system,
      gateway: reuse(last?.gateway, {
        ...settings,
        filters,
        peers,
        pppoeServers,
        grantedTunnels: grantedTunnelsOf(context),
      }),
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

function sameFilter(before: readonly FilterSpec[], spec: FilterSpec): FilterSpec {
  return reuse(
    before.find(({ name }) => name === spec.name),
    spec,
  );
}

/** A document that is wrong now but was not before stays as it was, where the source has not seen to that. */
function withLastGood({ resources, errors }: Snapshot, before: readonly Resource[]): readonly Resource[] {
  const wrong = new Set(errors.map(({ resource }) => resource));
  const present = new Set(resources.map(({ id }) => id));
  const kept = before.filter(({ id }) => wrong.has(id) && !present.has(id));
  return kept.length === 0 ? resources : [...resources, ...kept];
}

/** Without the values of hooks, RADIUS and metrics where there are none. */
function builtInGateway(declarations: Declarations, { document }: Resource<'Gateway'>): Layer {
  const { hooks, radius, metrics, ...others } = builtIn.Gateway;
  const routerId = formatIpv4(routerIdOf(undefined, declarations.hostName().values.hostName));
  const values = { ...others, routerId };
  const { spec } = document;
  const given = Object.entries(hooks).filter(([event]) => Object.keys(spec.hooks ?? {}).includes(event));
  const parts = { hooks: Object.fromEntries(given), radius: spec.radius && radius, metrics: spec.metrics && metrics };
  return { from: 'built-in', values: { ...values, ...parts }, locate: () => ({ path: '' }) };
}

/** With a mistake in one listener, all stay as they were. */
function checkListeners(declarations: Declarations, gateway: Resource<'Gateway'>): boolean {
  const errors = declarations.errors.length;
  for (const [at, { encapsulation, port }] of (gateway.document.spec.listen ?? []).entries()) {
    if (encapsulation !== 'ip' || port === undefined) continue;
    declarations.reportAt(gateway, `listen.${at}.port`, 'IP has no ports: take it out, or say encapsulation: udp');
  }
  return declarations.errors.length === errors;
}

function chooseGateway(declarations: Declarations): Resource<'Gateway'> | undefined {
  const [first, ...others] = declarations.all('Gateway');
  for (const other of others) {
    const message = `one prol2tpd takes one Gateway, and Gateway/${first.name} is in force; delete one of the two`;
    declarations.errors.push(new SpecError(message, other.locate(['metadata', 'name']), other.id));
  }
  return first;
}
