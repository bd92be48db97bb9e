/**
 * The engine's live shell: it has the clock, the randomness and one alarm, and carries out what the engine returns.
 */
import { randomBytes, randomFillSync, randomInt } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Aaa, AaaEvents, SessionLimits, TerminateCause } from './aaa.ts';
import type { EngineEffect, Instant, Notice, Random } from './effects.ts';
import { Engine } from './engine.ts';
import { PlaneError } from './errors.ts';
import type {
  Datagram,
  DataPlane,
  ForwardAnswer,
  ForwardRequest,
  PlaneFact,
  PlaneOp,
  SessionKey,
  SocketId,
  Transport,
} from './ports.ts';
import {
  type Endpoint,
  type GatewaySpec,
  type ListenSpec,
  maxTimerMs,
  noCounters,
  type SessionSpec,
  type TunnelSpec,
} from './spec.ts';
import type { TraceRecord } from './trace.ts';
import type { CircuitStatus } from './wire/avp.ts';
import { controlStart } from './wire/header.ts';
import type { DecodeOptions } from './wire/message.ts';

/** How long a daemon that ends waits for its peers' acknowledgements. */
const farewellMs = 3_000;
const farewellStepMs = 20;
/** Look-ups at once. Each takes one of the four threads that also read files: one is left for these. */
const maxLookups = 3;

export interface HostPorts {
  transport: Transport;
  plane: DataPlane;
  aaa: Aaa;
  /** Asks a plugin where a call goes; `answer` is called exactly once. */
  chooseForward: (request: ForwardRequest, answer: (answer: ForwardAnswer) => void) => void;
  onNotice: (notice: Notice) => void;
  /** Takes what resources want traced. Must not throw. */
  onTrace?: (record: TraceRecord) => void;
  /** Which AVPs plugins understand. Must not throw. */
  knows?: DecodeOptions['knows'];
}

/** Drawn from the system at once: a call for each challenge costs ten times the rest of it. */
const drawn = new Uint8Array(8_192);
let drawnLeft = 0;

const systemRandom: Random = {
  below: (bound) => randomInt(bound),
  bytes: (octets) => {
    if (octets > drawn.length) return randomBytes(octets);
    if (octets > drawnLeft) {
      randomFillSync(drawn);
      drawnLeft = drawn.length;
    }
    drawnLeft -= octets;
    const bytes = drawn.slice(drawnLeft, drawnLeft + octets);
    drawn.fill(0, drawnLeft, drawnLeft + octets);
    return bytes;
  },
};

export class Host implements AaaEvents {
  readonly engine: Engine;
  private readonly ports: HostPorts;
  private readonly listeners = new Map<string, SocketId>();
  /** The listeners' own endpoints. */
  private readonly listening = new Map<SocketId, Endpoint>();
  private alarm: NodeJS.Timeout | undefined;
  private alarmAt: Instant = Number.POSITIVE_INFINITY;
  private tickSoon: NodeJS.Immediate | undefined;
  private lookups = 0;
  private readonly lookupsWaiting: (() => void)[] = [];
  private ended = false;
  private carrying = false;
  /** What answers have led to while effects are carried out. */
  private readonly waiting: EngineEffect[] = [];

  constructor(gateway: GatewaySpec, ports: HostPorts) {
    this.ports = ports;
    const { knows, onTrace = () => undefined } = ports;
    const counters = (session: SessionKey) => ports.plane.counters(session);
    const { pseudowires } = ports.plane.capabilities;
    this.engine = new Engine(
      {
        random: systemRandom,
        epochMs: performance.timeOrigin,
        trace: { record: onTrace },
        counters,
        knows,
        pseudowires,
      },
      { ...gateway, listen: [] },
    );
  }

  // ------------------------------------------------------------ what is declared

  /**
   * Opens and closes listeners, then takes the settings.
   * @throws PlaneError when a listener cannot be opened; the others stay
   */
  configure(gateway: GatewaySpec): void {
    const wanted = new Map(gateway.listen.map((listen) => [listenKey(listen), listen]));
    for (const [key, socket] of this.listeners) {
      if (wanted.has(key)) continue;
      this.run(this.engine.closeListener(socket, performance.now()));
      this.ports.transport.close(socket);
      this.listeners.delete(key);
      this.listening.delete(socket);
      this.traceListener(key, 'no longer listens');
    }
    let failure: PlaneError | undefined;
    for (const [key, listen] of wanted) {
      if (this.listeners.has(key)) continue;
      try {
        const socket = this.ports.transport.open(listen);
        this.listeners.set(key, socket);
        this.listening.set(socket, this.ports.transport.local(socket));
        this.traceListener(key, 'listens');
      } catch (error) {
        if (!(error instanceof PlaneError)) throw error;
        failure = error;
        this.traceListener(key, `cannot listen: ${error.message}`);
      }
    }
    this.run(this.engine.configure(gateway, performance.now()));
    if (failure) throw failure;
  }

  private traceListener(key: string, message: string): void {
    const { tracing } = this.engine;
    if (tracing.traces('system')) tracing.system({ category: 'system', message: `${key}: ${message}` });
  }

  listensOn(listen: ListenSpec): boolean {
    return this.listeners.has(listenKey(listen));
  }

  /**
   * Resolves the peer's name and dials.
   * @throws PlaneError when there is no such address, or no socket can be had, or the daemon ended meanwhile
   */
  async openTunnel(spec: TunnelSpec): Promise<void> {
    const resolved = await this.resolve(spec.remoteAddress);
    if (this.ended) throw new PlaneError('ESHUTDOWN', 'the daemon ends');
    const { encapsulation, pmtuDiscovery } = spec;
    const isUdp = encapsulation === 'udp';
    const remote = this.ports.transport.endpoint(resolved, isUdp ? spec.remotePort : 0);
    const address = spec.localAddress ?? (remote.address.includes(':') ? '::' : '0.0.0.0');
    const port = isUdp ? spec.localPort : 0;
    const socket = this.ports.transport.open({ address, port, encapsulation, pmtuDiscovery });
    const local = this.ports.transport.local(socket);
    this.run(this.engine.openTunnel(spec, { socket, local, remote }, performance.now()));
  }

  /** Dials for a call that waits for it. */
  private async dial(spec: TunnelSpec): Promise<void> {
    try {
      await this.openTunnel(spec);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.ports.onNotice({ subject: 'tunnel', name: spec.name, event: 'refused', message, declared: false });
      this.run(this.engine.dialled(spec.name, false, performance.now()));
    }
  }

  private async resolve(host: string): Promise<string> {
    if (isIP(host) !== 0) return host;
    if (this.lookups < maxLookups) this.lookups++;
    else await new Promise<void>((turn) => this.lookupsWaiting.push(turn));
    try {
      return (await lookup(host)).address;
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'ENOTFOUND';
      throw new PlaneError(code, `cannot resolve ${host}`);
    } finally {
      const next = this.lookupsWaiting.shift();
      if (next) next();
      else this.lookups--;
    }
  }

  modifyTunnel(spec: TunnelSpec): void {
    this.engine.modifyTunnel(spec);
    this.arm();
  }

  closeTunnel(name: string): void {
    this.run(this.engine.closeTunnel(name, performance.now()));
  }

  openSession(spec: SessionSpec): void {
    this.run(this.engine.openSession(spec, performance.now()));
  }

  modifySession(spec: SessionSpec): void {
    this.run(this.engine.modifySession(spec, performance.now()));
  }

  closeSession(name: string): void {
    this.run(this.engine.closeSession(name, performance.now()));
  }

  // ------------------------------------------------------------ what arrives

  /** Every datagram of the transport's: control messages to the engine, data to the plane. */
  datagram(datagram: Datagram): void {
    const { encapsulation, bytes, start, end } = datagram;
    if (controlStart(encapsulation, bytes, start, end) >= 0) {
      this.run(this.engine.datagram(datagram, this.listening.get(datagram.socket), performance.now()));
    } else {
      this.ports.plane.deliver(datagram);
    }
  }

  /** A PPP control frame that the plane does not carry itself. */
  frame(session: number, bytes: Uint8Array, start: number, end: number): void {
    this.run(this.engine.frame(session, bytes, start, end, performance.now()));
  }

  /** So many frames of a session were dropped by the plane. */
  framesDropped(session: number, frames: number): void {
    this.run(this.engine.framesDropped(session, frames, performance.now()));
  }

  /** The circuit that a session is attached to is in another state now. */
  circuit(session: SessionKey, status: CircuitStatus): void {
    this.run(this.engine.circuit(session, status, performance.now()));
  }

  /** A PPPoE discovery packet. */
  discovery(interfaceName: string, peer: Uint8Array, bytes: Uint8Array, start: number, end: number): void {
    this.run(this.engine.discovery(interfaceName, peer, bytes, start, end, performance.now()));
  }

  /** An interface with PPPoE went away, or came back. */
  pppoeServed(interfaceName: string, failure: string | undefined): void {
    this.engine.pppoeOpened(interfaceName, failure);
  }

  /** The AAA ends a call. */
  disconnect(session: SessionKey, cause: TerminateCause, message: string): boolean {
    const effects = this.engine.disconnect(session, cause, message, performance.now());
    this.run(effects ?? []);
    return effects !== undefined;
  }

  /** The AAA puts other limits in force. */
  change(session: SessionKey, limits: SessionLimits): ReturnType<AaaEvents['change']> {
    if (limits.filter !== undefined && !this.engine.hasFilter(limits.filter)) return 'unknownFilter';
    const effects = this.engine.changeLimits(session, limits, performance.now());
    this.run(effects ?? []);
    return effects === undefined ? 'unknownSession' : 'changed';
  }

  /** Says goodbye to every peer and waits for them a little. Sockets and plane are the owner's to close afterwards. */
  async shutdown(): Promise<void> {
    this.ended = true;
    const until = performance.now() + farewellMs;
    this.run(this.engine.shutdown(performance.now()));
    while (!this.engine.quiet && performance.now() < until) {
      await new Promise((resume) => setTimeout(resume, farewellStepMs));
    }
    clearTimeout(this.alarm);
    clearImmediate(this.tickSoon);
    for (const socket of this.listeners.values()) this.ports.transport.close(socket);
    this.listeners.clear();
    this.listening.clear();
  }

  // ------------------------------------------------------------ effects and time

  /**
   * In their order: what an answer that comes at once leads to comes after what was wanted before it. Else a call that
   * the plane refuses would be released first and then asked for.
   */
  private run(effects: readonly EngineEffect[]): void {
    if (this.carrying) {
      for (const effect of effects) this.waiting.push(effect);
      return;
    }
    this.carrying = true;
    try {
      for (const effect of effects) this.carryOut(effect);
      for (let at = 0; at < this.waiting.length; at++) this.carryOut(this.waiting[at]);
    } finally {
      this.waiting.length = 0;
      this.carrying = false;
    }
    this.arm();
  }

  private carryOut(effect: EngineEffect): void {
    const { transport, plane, aaa, onNotice } = this.ports;
    switch (effect.effect) {
      case 'send':
        transport.send(effect.socket, effect.to, effect.from, effect.datagram, effect.dscp);
        break;
      case 'frame':
        plane.sendControl(effect.session, effect.frame);
        break;
      case 'plane':
        plane.apply(effect.op, (fact) => this.planeAnswered(effect.op, fact));
        break;
      case 'authenticate': {
        const { request } = effect;
        aaa.authenticate(request, (answer) => {
          this.run(this.engine.authenticated(request, answer, performance.now()));
        });
        break;
      }
      case 'allocate': {
        const { request } = effect;
        aaa.allocate(request, (answer) => {
          this.run(this.engine.allocated(request, answer, performance.now()));
        });
        break;
      }
      case 'account':
        aaa.account(effect.record, plane.counters(effect.record.session) ?? noCounters);
        break;
      case 'discovery':
        plane.sendDiscovery(effect.interface, effect.peer, effect.packet);
        break;
      case 'forward': {
        const { request } = effect;
        this.ports.chooseForward(request, (answer) => {
          this.run(this.engine.forwardChosen(request, answer, performance.now()));
        });
        break;
      }
      case 'dial':
        void this.dial(effect.spec);
        break;
      case 'release':
        aaa.release(effect.session);
        break;
      case 'closeSocket':
        transport.close(effect.socket);
        break;
      case 'notice':
        onNotice(effect.notice);
        break;
      default:
        effect satisfies never;
    }
  }

  private planeAnswered(op: PlaneOp, fact: PlaneFact): void {
    switch (op.op) {
      case 'pppoeOpen':
        this.engine.pppoeOpened(op.interface, fact.fact === 'failed' ? fact.error.message : undefined);
        break;
      case 'sessionUp':
      case 'pppoeUp':
      case 'splice':
      case 'attach':
      case 'attachEthernet':
      case 'attachCircuit':
      // Nobody goes on unencrypted or unlimited who was to be otherwise.
      case 'encrypt':
      case 'limit':
        if (fact.fact !== 'done') this.run(this.engine.planeFact(op.session, fact, performance.now()));
        break;
      default: {
        if (fact.fact !== 'failed') break;
        const { message } = fact.error;
        this.ports.onNotice({ subject: 'gateway', name: op.op, event: 'refused', message, declared: true });
      }
    }
  }

  /** Keeps the one alarm at the engine's earliest deadline. */
  private arm(): void {
    const at = this.engine.deadline();
    if (at === undefined || at >= this.alarmAt || this.tickSoon) return;
    const delayMs = at - performance.now();
    if (delayMs <= 0) {
      this.tickSoon = setImmediate(() => {
        this.tickSoon = undefined;
        this.tick();
      });
      return;
    }
    clearTimeout(this.alarm);
    this.alarmAt = at;
    this.alarm = setTimeout(
      () => {
        this.alarmAt = Number.POSITIVE_INFINITY;
        this.tick();
      },
      Math.min(Math.ceil(delayMs), maxTimerMs),
    );
  }

  private tick(): void {
    const now = performance.now();
    for (let at = this.engine.deadline(); at !== undefined && at <= now; at = this.engine.deadline()) {
      this.run(this.engine.tick(now));
    }
    this.arm();
  }
}

function listenKey({ address, port, encapsulation, pmtuDiscovery }: ListenSpec): string {
  return `${address} ${encapsulation} ${port}${pmtuDiscovery ? ' with path MTU discovery' : ''}`;
}
