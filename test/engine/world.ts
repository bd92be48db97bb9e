/**
 * Engines on a virtual clock, joined by a network that loses, repeats, reorders and delays, all from one seed.
 */
import type { AccountRecord, AuthenticateAnswer, AuthenticateRequest, Grant } from '../../src/engine/aaa.ts';
import type { EngineEffect, Notice, Random } from '../../src/engine/effects.ts';
import { Engine } from '../../src/engine/engine.ts';
import {
  type DataFormat,
  type Datagram,
  type ForwardAnswer,
  type ForwardRequest,
  type PlaneOp,
  type SessionKey,
  sessionKeyOf,
} from '../../src/engine/ports.ts';
import type {
  DataSequencing,
  Encapsulation,
  Endpoint,
  EthernetSpec,
  GatewaySpec,
  PeerSpec,
  PppSpec,
  SessionCounters,
  SessionParameters,
  SessionSpec,
  TunnelParameters,
  TunnelSpec,
} from '../../src/engine/spec.ts';
import { pseudowires, Secret } from '../../src/engine/spec.ts';
import type { TraceRecord } from '../../src/engine/trace.ts';
import type { CircuitStatus } from '../../src/engine/wire/avp.ts';
import { controlStart } from '../../src/engine/wire/header.ts';
import type { PppoeClient } from './pppoe-client.ts';

/** mulberry32: small, and good enough to choose faults by. */
export class SeededRandom implements Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  bytes(octets: number): Uint8Array {
    return Uint8Array.from({ length: octets }, () => this.below(256));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }
}

export interface Faults {
  loss: number;
  duplication: number;
  minDelayMs: number;
  maxDelayMs: number;
}

export const noFaults: Faults = { loss: 0, duplication: 0, minDelayMs: 1, maxDelayMs: 1 };

interface Happening {
  at: number;
  order: number;
  run: () => void;
}

/** A plane without packets: it knows which sessions are up and what is attached. */
interface TwinSession {
  /** 0 for PPPoE. */
  tunnel: number;
  remoteSessionId: number;
  attached: boolean;
  /** Of L2TPv3. */
  format?: DataFormat;
  sequencing?: DataSequencing;
  /** Of a session that is attached to a circuit: whether the one at the peer is active. */
  circuit?: { peerActive: boolean };
  /** Of one behind a socket. */
  maxCells?: number;
  /** Every frame goes out of this one. */
  splicedWith?: SessionKey;
  /** The PPPoE client's address. */
  peer?: Uint8Array;
}

/** Where PPPoE clients of a node are. */
export const ethernet = 'eth0';

/** The sockets of every node that wait for peers. Over IP all share one. */
const listener = 1;
const ipListener = 2;

interface Socket {
  local: Endpoint;
  encapsulation: Encapsulation;
  users: number;
}

export class Node {
  readonly address: string;
  readonly notices: Notice[] = [];
  /** What resources want traced. */
  readonly traces: TraceRecord[] = [];
  engine: Engine;
  gateway: GatewaySpec;
  planeTunnels = new Map<number, { version: 2 | 3; remoteTunnelId: number; remote: Endpoint }>();
  planeSessions = new Map<SessionKey, TwinSession>();
  leases = new Map<SessionKey, number>();
  openSockets = 0;
  private readonly world: World;
  private nextPort = 40_000;
  private nextSocket = ipListener + 1;
  private sockets = new Map<number, Socket>();
  /** PPPoE clients on the node's Ethernet, by their addresses. */
  readonly clients = new Map<string, PppoeClient>();
  /** What a plugin answers when it is asked for the way of a call. */
  chooseForward: (request: ForwardRequest) => ForwardAnswer = () => undefined;
  /** What accounting was told. */
  readonly accounts: AccountRecord[] = [];
  /** How long the AAA thinks about a question; undefined: for ever. */
  aaaDelayMs: () => number | undefined = () => this.world.random.below(5);
  /** What the AAA was asked. */
  readonly asked: AuthenticateRequest[] = [];
  /** What the plane would have counted. */
  readonly counters = new Map<SessionKey, SessionCounters>();
  /** Whose accounting has begun and not ended. */
  readonly accounted = new Set<SessionKey>();
  /** Nothing of its PPP gets out. */
  mute = false;
  /** Rate and filter that the plane was told of. */
  readonly limits: Extract<PlaneOp, { op: 'limit' }>[] = [];
  /** What subscribers get. */
  readonly grants = new Map<string, Grant>();
  /** The passwords of our subscribers. */
  readonly subscribers = new Map<string, Secret>();

  constructor(world: World, address: string, gateway: GatewaySpec) {
    this.world = world;
    this.address = address;
    this.gateway = gateway;
    this.engine = this.boot();
  }

  private boot(): Engine {
    const { address } = this;
    this.sockets = new Map([
      [listener, { local: { address, port: 1701 }, encapsulation: 'udp', users: 1 }],
      [ipListener, { local: { address, port: 0 }, encapsulation: 'ip', users: 1 }],
    ]);
    this.planeTunnels.clear();
    this.planeSessions.clear();
    this.leases.clear();
    this.accounted.clear();
    this.openSockets = 0;
    const trace = { record: (record: TraceRecord) => this.traces.push(record) };
    return new Engine(
      { random: this.world.random, epochMs: 0, trace, counters: (session) => this.counters.get(session), pseudowires },
      this.gateway,
    );
  }

  /** Everything is forgotten, nobody is told. */
  crash(): void {
    this.engine = this.boot();
  }

  dial(spec: TunnelSpec): void {
    const { encapsulation } = spec;
    const isUdp = encapsulation === 'udp';
    const socket = isUdp ? this.nextSocket++ : ipListener;
    const local = { address: this.address, port: isUdp ? this.nextPort++ : 0 };
    const users = (this.sockets.get(socket)?.users ?? 0) + 1;
    this.sockets.set(socket, { local, encapsulation, users });
    this.openSockets++;
    const remote = { address: spec.remoteAddress, port: isUdp ? spec.remotePort : 0 };
    this.run(this.engine.openTunnel(spec, { socket, local, remote }, this.world.now));
  }

  /** Accounting begins once and ends once. */
  private account(record: AccountRecord): void {
    const { event, session } = record;
    this.accounts.push(record);
    if (this.accounted.has(session) === (event === 'start')) throw new Error(`${event} of session ${session}`);
    if (event === 'start') this.accounted.add(session);
    if (event === 'stop') this.accounted.delete(session);
  }

  private judge({ user = '', credentials }: AuthenticateRequest): AuthenticateAnswer {
    const grant = this.grants.get(user) ?? {};
    if (credentials.method === 'none') return { verdict: 'accept', grant };
    const secret = this.subscribers.get(user);
    return secret ? { verdict: 'check', secret, grant } : { verdict: 'reject', message: 'unknown' };
  }

  /** Answers of before a crash are for nobody. */
  private answerLater(run: (engine: Engine) => void): void {
    const { engine } = this;
    const delayMs = this.aaaDelayMs();
    if (delayMs === undefined) return;
    this.world.after(delayMs, () => {
      if (engine === this.engine) run(engine);
    });
  }

  /** Some time later, as with a name that has to be resolved. */
  private dialGranted(spec: TunnelSpec): void {
    const { engine } = this;
    this.world.after(this.world.random.below(50), () => {
      if (engine === this.engine) this.dial(spec);
    });
  }

  run(effects: EngineEffect[]): void {
    const { world } = this;
    for (const effect of effects) {
      switch (effect.effect) {
        case 'send': {
          const socket = this.sockets.get(effect.socket);
          if (!socket) throw new Error(`sending on closed socket ${effect.socket}`);
          world.transmit(socket.local, effect.to, effect.datagram);
          break;
        }
        case 'frame':
          this.sendFrame(effect.session, effect.frame);
          break;
        case 'plane':
          this.plane(effect.op);
          break;
        case 'authenticate': {
          const { request } = effect;
          this.asked.push(request);
          this.answerLater((engine) => this.run(engine.authenticated(request, this.judge(request), world.now)));
          break;
        }
        case 'allocate': {
          const { request } = effect;
          const { session } = request;
          const taken = new Set(this.leases.values());
          let ipv4 = this.leases.get(session) ?? 0x0a630002;
          while (!this.leases.has(session) && taken.has(ipv4)) ipv4++;
          this.leases.set(session, ipv4);
          const answer = { ipv4 };
          this.answerLater((engine) => this.run(engine.allocated(request, answer, world.now)));
          break;
        }
        case 'discovery': {
          const packet = effect.packet.slice();
          const client = this.clients.get(effect.peer.join());
          world.underFaults(() => client?.discovery(packet));
          break;
        }
        case 'forward': {
          const { request } = effect;
          const { engine } = this;
          world.after(world.random.below(50), () => {
            if (engine !== this.engine) return;
            this.run(engine.forwardChosen(request, this.chooseForward(request), world.now));
          });
          break;
        }
        case 'account':
          this.account(effect.record);
          break;
        case 'dial':
          this.dialGranted(effect.spec);
          break;
        case 'release':
          this.leases.delete(effect.session);
          break;
        case 'closeSocket': {
          const socket = this.sockets.get(effect.socket);
          if (!socket) throw new Error(`socket ${effect.socket} closed twice`);
          if (--socket.users === 0) this.sockets.delete(effect.socket);
          this.openSockets--;
          break;
        }
        case 'notice':
          this.notices.push(effect.notice);
          break;
        default:
          effect satisfies never;
      }
    }
    world.wake(this);
  }

  arrive(to: Endpoint, from: Endpoint, bytes: Uint8Array): void {
    for (const [socket, { local, encapsulation }] of this.sockets) {
      if (local.port !== to.port) continue;
      const end = bytes.length;
      const datagram: Datagram = { socket, encapsulation, from, to: undefined, bytes, start: 0, end };
      const listening = socket === listener || socket === ipListener ? local : undefined;
      if (controlStart(encapsulation, bytes, 0, end) >= 0) {
        this.run(this.engine.datagram(datagram, listening, this.world.now));
      }
      return;
    }
  }

  frame(key: SessionKey, frame: Uint8Array): void {
    this.received(key, frame);
  }

  /** The state of a session's circuit changes. */
  circuit(key: SessionKey, status: CircuitStatus): void {
    this.run(this.engine.circuit(key, status, this.world.now));
  }

  /** A PPP frame of a PPPoE client. */
  ingressFrame(sessionId: number, frame: Uint8Array): void {
    this.received(sessionId, frame);
  }

  discovery(peer: Uint8Array, packet: Uint8Array): void {
    this.run(this.engine.discovery(ethernet, peer, packet, 0, packet.length, this.world.now));
  }

  private received(key: SessionKey, frame: Uint8Array): void {
    const session = this.planeSessions.get(key);
    if (session?.splicedWith !== undefined) this.sendFrame(session.splicedWith, frame);
    else if (session) this.run(this.engine.frame(key, frame, 0, frame.length, this.world.now));
  }

  private sendFrame(key: SessionKey, frame: Uint8Array): void {
    const session = this.planeSessions.get(key);
    if (session?.peer) {
      const client = this.clients.get(session.peer.join());
      const copy = frame.slice();
      this.world.underFaults(() => client?.frame(key, copy));
      return;
    }
    const tunnel = session && this.planeTunnels.get(session.tunnel);
    if (this.mute) return;
    if (!session || !tunnel) throw new Error('a frame for a session that the plane does not have');
    const { version, remote, remoteTunnelId } = tunnel;
    const remoteKey = sessionKeyOf(version, remoteTunnelId, session.remoteSessionId);
    this.world.transmitFrame(remote.address, remoteKey, frame);
  }

  private unsplice(key: SessionKey): void {
    const other = this.planeSessions.get(key)?.splicedWith;
    const spliced = other === undefined ? undefined : this.planeSessions.get(other);
    if (spliced) spliced.splicedWith = undefined;
  }

  private plane(op: PlaneOp): void {
    switch (op.op) {
      case 'tunnelUp':
        if (this.planeTunnels.has(op.localTunnelId)) throw new Error('tunnelUp twice');
        this.planeTunnels.set(op.localTunnelId, op);
        break;
      case 'tunnelDown':
        if (!this.planeTunnels.delete(op.localTunnelId)) throw new Error('tunnelDown without tunnelUp');
        for (const session of this.planeSessions.values()) {
          if (session.tunnel === op.localTunnelId) throw new Error('tunnelDown before its sessions');
        }
        break;
      case 'sessionUp':
        if (!this.planeTunnels.has(op.localTunnelId)) throw new Error('sessionUp without tunnelUp');
        this.planeSessions.set(op.session, {
          tunnel: op.localTunnelId,
          remoteSessionId: op.remoteSessionId,
          attached: false,
          format: op.format,
          sequencing: op.sequencing,
        });
        break;
      case 'attachEthernet':
      case 'attachCircuit': {
        const session = this.planeSessions.get(op.session);
        if (!session) throw new Error(`${op.op} without sessionUp`);
        session.circuit ??= { peerActive: true };
        if (op.op === 'attachCircuit') session.maxCells = op.attachment.circuit.maxCells;
        const fact = { fact: 'attached', session: op.session, interface: 'tap0' } as const;
        this.run(this.engine.planeFact(op.session, fact, this.world.now));
        break;
      }
      case 'peerCircuit': {
        const circuit = this.planeSessions.get(op.session)?.circuit;
        if (!circuit) throw new Error('peerCircuit of what is not attached');
        circuit.peerActive = op.active;
        break;
      }
      case 'sessionModify': {
        const session = this.planeSessions.get(op.session);
        if (!session) throw new Error('sessionModify without sessionUp');
        session.sequencing = op.sequencing ?? session.sequencing;
        break;
      }
      case 'sessionDown':
        if (this.planeSessions.get(op.session)?.attached) throw new Error('sessionDown while attached');
        this.unsplice(op.session);
        if (!this.planeSessions.delete(op.session)) throw new Error('sessionDown without sessionUp');
        break;
      case 'pppoeUp':
        if (this.planeSessions.has(op.session)) throw new Error('pppoeUp twice');
        this.planeSessions.set(op.session, { tunnel: 0, remoteSessionId: 0, attached: false, peer: op.peer });
        break;
      case 'splice': {
        const [one, other] = [this.planeSessions.get(op.session), this.planeSessions.get(op.with)];
        if (!one || !other || one.attached || other.attached) throw new Error('splice of what is not there');
        one.splicedWith = op.with;
        other.splicedWith = op.session;
        break;
      }
      case 'attach': {
        const session = this.planeSessions.get(op.session);
        if (!session) throw new Error('attach without sessionUp');
        session.attached = true;
        const fact = {
          fact: 'attached',
          session: op.session,
          interface: op.attachment.interface.name ?? 'l2tp0',
        } as const;
        this.run(this.engine.planeFact(op.session, fact, this.world.now));
        break;
      }
      case 'detach': {
        const session = this.planeSessions.get(op.session);
        if (!session?.attached) throw new Error('detach without attach');
        session.attached = false;
        break;
      }
      case 'limit':
        this.limits.push(op);
        break;
      case 'encrypt':
      case 'pppoeOpen':
      case 'pppoeClose':
      case 'device':
      case 'removeDevice':
      case 'repair':
        break;
      default:
        op satisfies never;
    }
  }
}

export class World {
  now = 0;
  readonly random: SeededRandom;
  faults: Faults;
  readonly nodes: Node[] = [];
  /** Called with every control datagram that is put on the wire. */
  onDatagram: (from: Endpoint, to: Endpoint, datagram: Uint8Array) => void = () => undefined;
  private readonly happenings: Happening[] = [];
  private order = 0;
  private readonly alarms = new Map<Node, number>();

  constructor(seed: number, faults: Faults = noFaults) {
    this.random = new SeededRandom(seed);
    this.faults = faults;
  }

  node(address: string, gateway: GatewaySpec): Node {
    const node = new Node(this, address, gateway);
    this.nodes.push(node);
    return node;
  }

  after(delayMs: number, run: () => void): void {
    const happening = { at: this.now + delayMs, order: this.order++, run };
    let index = this.happenings.length;
    while (index > 0 && isLater(this.happenings[index - 1], happening)) index--;
    this.happenings.splice(index, 0, happening);
  }

  transmit(from: Endpoint, to: Endpoint, datagram: Uint8Array): void {
    this.onDatagram(from, to, datagram);
    const copy = datagram.slice();
    this.underFaults(() => this.nodes.find((node) => node.address === to.address)?.arrive(to, from, copy));
  }

  transmitFrame(address: string, key: SessionKey, frame: Uint8Array): void {
    const copy = frame.slice();
    this.underFaults(() => this.nodes.find((node) => node.address === address)?.frame(key, copy));
  }

  underFaults(arrive: () => void): void {
    const { loss, duplication, minDelayMs, maxDelayMs } = this.faults;
    const copies = this.random.chance(loss) ? 0 : this.random.chance(duplication) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      this.after(minDelayMs + this.random.next() * (maxDelayMs - minDelayMs), arrive);
    }
  }

  /** Runs the node's alarm at its engine's deadline. */
  wake(node: Node): void {
    const at = node.engine.deadline();
    if (at === undefined) return;
    const set = this.alarms.get(node);
    if (set !== undefined && set <= at) return;
    this.alarms.set(node, at);
    this.after(Math.max(0, at - this.now), () => {
      if (this.alarms.get(node) === at) this.alarms.delete(node);
      const { engine } = node;
      for (let due = engine.deadline(); due !== undefined && due <= this.now; due = engine.deadline()) {
        node.run(engine.tick(this.now));
      }
      this.wake(node);
    });
  }

  runFor(durationMs: number): void {
    const until = this.now + durationMs;
    for (;;) {
      const next = this.happenings[0];
      if (next === undefined || next.at > until) break;
      this.happenings.shift();
      this.now = next.at;
      next.run();
    }
    this.now = until;
  }
}

function isLater(a: Happening, b: Happening): boolean {
  return a.at > b.at || (a.at === b.at && a.order > b.order);
}

// ---------------------------------------------------------------- specs

export function tunnelParameters(changes: Partial<TunnelParameters> = {}): TunnelParameters {
  return {
    version: 'v2',
    digest: 'hmac-md5',
    hostName: 'host.example',
    authMode: 'none',
    hideAvps: false,
    useTieBreaker: true,
    framingCapabilities: ['sync', 'async'],
    bearerCapabilities: ['digital', 'analog'],
    helloIntervalMs: 60_000,
    maxRetries: 5,
    retryTimeoutMs: 1_000,
    receiveWindow: 10,
    transmitWindow: 10,
    maxSessions: 0,
    idleTimeoutMs: 0,
    allowPppProxy: false,
    controlDscp: 0,
    trace: [],
    mtu: 1460,
    interfaceName: 'l2tp0',
    ...changes,
  };
}

export const sessionParameters: SessionParameters = {
  type: 'lacIncoming',
  pseudowire: 'ppp',
  cookieLength: 8,
  l2SpecificSublayer: 'none',
  dataSequencing: 'none',
  reorderTimeoutMs: 0,
  minimumBps: 0,
  maximumBps: 0,
  usePppProxy: false,
  dscp: 0,
  trace: [],
  sequencingRequired: false,
  useSequenceNumbers: false,
  framingType: ['sync'],
  bearerType: ['digital'],
  connectSpeedBps: { tx: 1_000_000, rx: 1_000_000 },
};

const limits = { maxConfigRequests: 10, maxConfigNaks: 10, maxTerminateRequests: 3, retransmitMs: 3_000 };

export function pppSpec(role: 'client' | 'server', changes: Partial<PppSpec> = {}): PppSpec {
  return {
    role,
    profile: 'default',
    aaa: 'local',
    idleTimeoutMs: 0,
    maxConnectMs: 0,
    interimIntervalMs: 0,
    mssClamp: true,
    mppe: 'none',
    mtu: 1460,
    mru: 1460,
    acfc: false,
    pfc: false,
    magicNumber: true,
    authMethods: ['mschapv2', 'chap', 'pap'],
    authenticatePeer: role === 'server',
    userName: role === 'client' ? 'alice' : undefined,
    password: role === 'client' ? new Secret('wonderland') : undefined,
    localName: role,
    chapIntervalMs: 0,
    chapMaxChallenge: 10,
    chapRestartMs: 3_000,
    papMaxRequests: 10,
    papRestartMs: 3_000,
    papTimeoutMs: 0,
    lcp: limits,
    ipcp: limits,
    echoIntervalMs: 0,
    echoFailures: 5,
    ipv4: {
      local: role === 'server' ? 0x0a630001 : undefined,
      pool: role === 'server' ? 'pool' : undefined,
      dns: [],
      wins: [],
      defaultRoute: false,
      proxyArp: false,
    },
    ipv6: { enabled: true, dns: [] },
    ...changes,
  };
}

export const ethernetSpec: EthernetSpec = { vlanAction: 'keep', addresses: [] };

export function peerSpec(changes: Partial<PeerSpec> = {}): PeerSpec {
  return {
    name: 'default',
    match: { addresses: [] },
    role: 'both',
    quirks: [],
    tunnel: tunnelParameters(),
    session: sessionParameters,
    ppp: pppSpec('server'),
    clientPpp: pppSpec('client'),
    ethernet: ethernetSpec,
    ...changes,
  };
}

export function gatewaySpec(changes: Partial<GatewaySpec> = {}): GatewaySpec {
  return {
    listen: [{ address: '0.0.0.0', port: 1701, encapsulation: 'udp', pmtuDiscovery: false }],
    acceptTunnels: true,
    allowLocalTunnels: true,
    drain: false,
    maxTunnels: 0,
    maxSessions: 0,
    tunnelEstablishTimeoutMs: 120_000,
    sessionEstablishTimeoutMs: 120_000,
    vendorName: 'ProL2TP',
    routerId: 0x0a000001,
    requestRateLimit: { perPeer: 0, total: 0 },
    pppoeServers: [],
    filters: [],
    grantedTunnels: tunnelParameters(),
    peers: [peerSpec()],
    ...changes,
  };
}

export function tunnelSpec(remoteAddress: string, changes: Partial<TunnelSpec> = {}): TunnelSpec {
  return {
    name: 'to-peer',
    parameters: tunnelParameters(),
    remoteAddress,
    remotePort: 1701,
    localPort: 0,
    encapsulation: 'udp',
    pmtuDiscovery: false,
    persist: true,
    ...changes,
  };
}

export function sessionSpec(name: string, changes: Partial<SessionSpec> = {}): SessionSpec {
  return {
    name,
    tunnel: 'to-peer',
    parameters: sessionParameters,
    ppp: pppSpec('client'),
    ...changes,
  };
}
