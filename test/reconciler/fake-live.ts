import type {
  AaaSpec,
  DeviceSpec,
  GatewaySpec,
  PlaneDevice,
  SessionSpec,
  SessionView,
  TunnelSpec,
  TunnelView,
} from '../../src/engine/spec.ts';
import { type Action, emptySystem, type Live, type ObservedState } from '../../src/reconciler/live.ts';
import type { ReconcilerClock } from '../../src/reconciler/reconciler.ts';

/** Time that stands still unless advanced. The wall clock is 1,000,000 s ahead. */
export class VirtualClock implements ReconcilerClock {
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + 1_000_000_000;
  }

  get pending(): number {
    return this.#timers.length;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.#now + delayMs, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** Lets time pass, calling back in order and letting what was called settle each time. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await settled();
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.callback();
      await settled();
    }
    this.#now = until;
  }
}

function settled(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

const counters = { sent: 0, received: 0, retransmitted: 0, duplicates: 0, outOfOrder: 0, digestFailures: 0 };

export function tunnelView(spec: TunnelSpec, state: TunnelView['state'], more: Partial<TunnelView> = {}): TunnelView {
  return {
    name: spec.name,
    direction: 'dialled',
    state,
    version: spec.parameters.version === 'v3' ? 3 : 2,
    encapsulation: spec.encapsulation,
    localId: 1,
    remoteId: 2,
    local: { address: '192.0.2.1', port: 1701 },
    remote: { address: spec.remoteAddress, port: spec.remotePort },
    authenticated: false,
    spec,
    parameters: spec.parameters,
    sessions: { established: 0, total: 0 },
    transport: counters,
    ...more,
  };
}

export function sessionView(
  spec: SessionSpec,
  state: SessionView['state'],
  more: Partial<SessionView> = {},
): SessionView {
  return {
    name: spec.name,
    tunnel: spec.tunnel,
    tunnelLocalId: 1,
    version: 2,
    state,
    direction: 'dialled',
    type: 'lacIncoming',
    localId: 3,
    remoteId: 4,
    pseudowire: spec.parameters.pseudowire,
    spec,
    call: {},
    ppp: { phase: 'dead', peerMru: 1500 },
    ...more,
  };
}

const openPpp: SessionView['ppp'] = { phase: 'network', peerMru: 1500, ipv4: { local: 1, remote: 2, dns: [] } };

export const nothing: ObservedState = {
  system: emptySystem,
  gateway: undefined,
  aaa: undefined,
  devices: new Map(),
  tunnels: new Map(),
  sessions: new Map(),
  accepted: { tunnels: 0, sessions: 0 },
  pools: [],
  pppoeServers: [],
};

/** A world that obeys, unless told otherwise. */
export class FakeLive implements Live {
  readonly #clock: VirtualClock;
  system = emptySystem;
  gateway: GatewaySpec | undefined;
  aaa: AaaSpec | undefined;
  readonly devices = new Map<string, PlaneDevice>();
  readonly tunnels = new Map<string, TunnelView>();
  readonly sessions = new Map<string, SessionView>();
  /** Every action that was asked for, with the time. */
  readonly asked: { at: number; action: Action }[] = [];
  observations = 0;
  /** Why an action is refused; undefined: it is not. */
  refuse: (action: Action) => string | Error | undefined = () => undefined;
  /** Whether a peer answers. */
  answers: (address: string) => boolean = () => true;
  /** Whether PPP opens in a call. */
  pppOpens = true;
  /** Whether a pseudowire gets its device. */
  attaches = true;
  onChange: () => void = () => undefined;
  #nextId = 1;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  async observe(): Promise<ObservedState> {
    this.observations++;
    return {
      system: this.system,
      gateway: this.gateway,
      aaa: this.aaa,
      devices: new Map(this.devices),
      tunnels: new Map(this.tunnels),
      sessions: new Map(this.sessions),
      accepted: { tunnels: 0, sessions: 0 },
      pools: (this.aaa?.pools ?? []).map(({ name }) => ({
        name,
        total: 10,
        used: 0,
        prefixes: { total: 0, used: 0 },
        refused: 0,
      })),
      pppoeServers: (this.gateway?.pppoeServers ?? []).map(({ name }) => ({ name, sessions: 0 })),
    };
  }

  /** The actions since the last call of this, as `openTunnel t`. */
  taken(): string[] {
    return this.asked.splice(0).map(({ action }) => {
      const name = 'name' in action ? action.name : 'name' in action.spec ? action.spec.name : '';
      return `${action.action} ${name}`.trim();
    });
  }

  async apply(action: Action): Promise<void> {
    this.asked.push({ at: this.#clock.now(), action });
    const refusal = this.refuse(action);
    if (refusal !== undefined) throw refusal instanceof Error ? refusal : new Error(refusal);
    switch (action.action) {
      case 'configureSystem':
        this.system = action.spec;
        break;
      case 'configureGateway':
        this.gateway = action.spec;
        break;
      case 'configureAaa':
        this.aaa = action.spec;
        break;
      case 'configureDevice':
        this.devices.set(action.spec.name, device(action.spec));
        break;
      case 'removeDevice':
        this.devices.delete(action.name);
        break;
      case 'repairDevice': {
        const found = this.devices.get(action.name);
        if (found) this.devices.set(action.name, { ...found, gaps: [] });
        break;
      }
      case 'openTunnel':
        this.#openTunnel(action.spec);
        break;
      case 'modifyTunnel': {
        const view = this.tunnels.get(action.spec.name);
        if (!view) throw new Error('no such tunnel');
        this.tunnels.set(action.spec.name, { ...view, spec: action.spec });
        break;
      }
      case 'closeTunnel':
        if (!this.tunnels.delete(action.name)) throw new Error('no such tunnel');
        this.#dropSessions(action.name);
        break;
      case 'openSession':
        this.#openSession(action.spec);
        break;
      case 'modifySession': {
        const view = this.sessions.get(action.spec.name);
        if (!view) throw new Error('no such session');
        this.sessions.set(action.spec.name, { ...view, spec: action.spec });
        break;
      }
      case 'closeSession':
        if (!this.sessions.delete(action.name)) throw new Error('no such session');
        break;
    }
  }

  /** The peer or the line fails. */
  loseTunnel(name: string): void {
    const view = this.tunnels.get(name);
    if (!view) return;
    this.tunnels.set(name, { ...view, state: 'closed', failure: failure(this.#clock, 'the peer does not answer') });
    this.#dropSessions(name);
    this.onChange();
  }

  loseSession(name: string): void {
    const view = this.sessions.get(name);
    if (!view) return;
    this.sessions.set(name, { ...view, state: 'closed', failure: failure(this.#clock, 'the call ended') });
    this.onChange();
  }

  #openTunnel(spec: TunnelSpec): void {
    const known = this.tunnels.get(spec.name);
    if (known && known.state !== 'closed') throw new Error('is open already');
    const view = tunnelView(spec, 'waitReply', { localId: this.#nextId++ });
    this.tunnels.set(spec.name, view);
    this.#later(100, () => {
      const now = this.tunnels.get(spec.name);
      if (now?.localId !== view.localId) return;
      if (this.answers(now.remote.address)) this.tunnels.set(spec.name, { ...now, state: 'established' });
      else this.loseTunnel(spec.name);
    });
  }

  #openSession(spec: SessionSpec): void {
    const tunnel = this.tunnels.get(spec.tunnel);
    if (tunnel?.state !== 'established') throw new Error('its tunnel is not established');
    const known = this.sessions.get(spec.name);
    if (known && known.state !== 'closed') throw new Error('is open already');
    const view = sessionView(spec, 'waitReply', { localId: this.#nextId++, tunnelLocalId: tunnel.localId });
    this.sessions.set(spec.name, view);
    this.#later(50, () => {
      const now = this.sessions.get(spec.name);
      if (now?.localId !== view.localId || now.state !== 'waitReply') return;
      const carries =
        spec.parameters.pseudowire === 'ppp'
          ? { ppp: this.pppOpens ? openPpp : now.ppp }
          : { interface: this.attaches ? `l2tpeth${now.localId}` : undefined };
      this.sessions.set(spec.name, { ...now, state: 'established', ...carries });
    });
  }

  #dropSessions(tunnel: string): void {
    for (const view of this.sessions.values()) if (view.tunnel === tunnel) this.loseSession(view.name ?? '');
  }

  #later(delayMs: number, happens: () => void): void {
    this.#clock.setTimer(delayMs, () => {
      happens();
      this.onChange();
    });
  }
}

function device(spec: DeviceSpec): PlaneDevice {
  return { name: spec.name, owner: 'Gateway', spec, gaps: [] };
}

function failure(clock: VirtualClock, message: string) {
  return { atMs: clock.wall(), message };
}
