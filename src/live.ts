/** The live world as the reconciler meets it: engine, data plane and address pools behind two methods. */
import type { Host } from './engine/host.ts';
import type { DataPlane, PlaneOp } from './engine/ports.ts';
import type {
  AaaSpec,
  GatewaySpec,
  PoolView,
  PppoeServerView,
  RadiusView,
  SessionView,
  SystemSpec,
  TunnelView,
} from './engine/spec.ts';
import { type Action, emptySystem, type Live, type ObservedState } from './reconciler/live.ts';

/** The AAA that is configured from resources. */
export interface ConfigurableAaa {
  configure(spec: AaaSpec): void;
  pools(): PoolView[];
  radius(): RadiusView | undefined;
}

/** Hooks, plugins and tracing. */
export interface ConfigurableSystem {
  /** @throws Error when a part of it cannot be put in force; all the rest is then. */
  configure(spec: SystemSpec): void | Promise<void>;
}

export class LiveSystem implements Live {
  private readonly host: Host;
  private readonly plane: DataPlane;
  private readonly aaa: ConfigurableAaa;
  private readonly system: ConfigurableSystem;
  private gateway: GatewaySpec | undefined;
  private aaaSpec: AaaSpec | undefined;
  private systemSpec = emptySystem;

  constructor(host: Host, plane: DataPlane, aaa: ConfigurableAaa, system: ConfigurableSystem) {
    this.host = host;
    this.plane = plane;
    this.aaa = aaa;
    this.system = system;
  }

  async apply(action: Action): Promise<void> {
    switch (action.action) {
      case 'configureSystem':
        await this.system.configure(action.spec);
        this.systemSpec = action.spec;
        break;
      case 'configureGateway':
        this.configureGateway(action.spec);
        break;
      case 'configureAaa':
        this.aaa.configure(action.spec);
        this.aaaSpec = action.spec;
        break;
      case 'configureDevice':
        return this.planeOp({ op: 'device', device: action.spec });
      case 'removeDevice':
        return this.planeOp({ op: 'removeDevice', name: action.name });
      case 'repairDevice':
        return this.planeOp({ op: 'repair', name: action.name });
      case 'openTunnel':
        return this.host.openTunnel(action.spec);
      case 'modifyTunnel':
        this.host.modifyTunnel(action.spec);
        break;
      case 'closeTunnel':
        this.host.closeTunnel(action.name);
        break;
      case 'openSession':
        this.host.openSession(action.spec);
        break;
      case 'modifySession':
        this.host.modifySession(action.spec);
        break;
      case 'closeSession':
        this.host.closeSession(action.name);
        break;
      default:
        action satisfies never;
    }
  }

  async observe(): Promise<ObservedState> {
    const { engine } = this.host;
    const devices = await this.plane.list();
    const pppoeServers = [...engine.pppoeServers()];
    return {
      system: this.systemSpec,
      gateway: this.gateway && serving(this.gateway, pppoeServers),
      aaa: this.aaaSpec,
      devices: new Map(devices.map((device) => [device.name, device])),
      tunnels: byName(engine.declaredTunnels()),
      sessions: byName(engine.declaredSessions()),
      accepted: engine.accepted(),
      pools: this.aaa.pools(),
      radius: this.aaa.radius(),
      pppoeServers,
    };
  }

  /** Where a listener is refused, all the rest is in force: that is what is observed then. */
  private configureGateway(spec: GatewaySpec): void {
    try {
      this.host.configure(spec);
    } finally {
      const listen = spec.listen.filter((listener) => this.host.listensOn(listener));
      this.gateway = listen.length === spec.listen.length ? spec : { ...spec, listen };
    }
  }

  private planeOp(op: PlaneOp): Promise<void> {
    return new Promise((done, failed) => {
      this.plane.apply(op, (fact) => (fact.fact === 'failed' ? failed(fact.error) : done()));
    });
  }
}

/** Of the PppoeServers those that the system lets serve: the others are tried again. */
function serving(gateway: GatewaySpec, views: readonly PppoeServerView[]): GatewaySpec {
  const refused = new Set(views.flatMap(({ name, failure }) => (failure === undefined ? [] : [name])));
  if (refused.size === 0) return gateway;
  return { ...gateway, pppoeServers: gateway.pppoeServers.filter(({ name }) => !refused.has(name)) };
}

function byName<View extends TunnelView | SessionView>(views: Iterable<View>): Map<string, View> {
  const named = new Map<string, View>();
  for (const view of views) if (view.name !== undefined) named.set(view.name, view);
  return named;
}
