/** The data plane that carries user packets through this process, over TUN devices. It needs no kernel module. */
import { PlaneError } from '../engine/errors.ts';
import {
  type Datagram,
  type DataPlane,
  type PlaneEvents,
  type PlaneFact,
  type PlaneOp,
  type SessionKey,
  sessionKeyText,
} from '../engine/ports.ts';
import { type PlaneDevice, pseudowires, type SessionCounters } from '../engine/spec.ts';
import { Circuits } from './circuits.ts';
import { DataPath } from './data-path.ts';
import { sweep, takeSnapshot } from './devices.ts';
import { EthernetPorts } from './ethernet-ports.ts';
import { Mppe } from './mppe.ts';
import { Pppoe } from './pppoe.ts';
import { Removals } from './removals.ts';
import { Rtnl } from './rtnl.ts';
import { type LinkChangeKind, RtnlMonitor } from './rtnl-monitor.ts';
import { countersOf, L2tpSession, type PlaneSession } from './sessions.ts';
import type { SocketTransport } from './sockets.ts';
import { TunDevices } from './tun-devices.ts';

type Op<Name extends PlaneOp['op']> = Extract<PlaneOp, { op: Name }>;

const done: PlaneFact = { fact: 'done' };

export class UserspacePlane implements DataPlane {
  readonly name = 'userspace';
  readonly capabilities = { pseudowires, kernelModules: [] };

  readonly #transport: SocketTransport;
  readonly #path: DataPath;
  readonly #rtnl = new Rtnl();
  readonly #pppoe: Pppoe;
  readonly #monitor: RtnlMonitor;
  readonly #removals = new Removals(this.#rtnl);
  readonly #devices: TunDevices;
  readonly #ports: EthernetPorts;
  readonly #circuits: Circuits;
  #closed = false;

  /** @throws PlaneError when netlink is refused */
  constructor(transport: SocketTransport, events: PlaneEvents) {
    this.#transport = transport;
    this.#path = new DataPath(transport, events);
    this.#devices = new TunDevices({ rtnl: this.#rtnl, removals: this.#removals, path: this.#path, events });
    this.#ports = new EthernetPorts({
      transport,
      rtnl: this.#rtnl,
      removals: this.#removals,
      path: this.#path,
      events,
    });
    this.#circuits = new Circuits({ path: this.#path, events });
    this.#pppoe = new Pppoe(this.#path, events, this.#rtnl);
    this.#monitor = new RtnlMonitor(
      (link, kind) => this.linkChanged(link, kind),
      (link) => this.#devices.device(link) ?? this.#ports.port(link),
    );
  }

  /**
   * Deletes devices that a crash left behind; to be called before the first session. Answers their names.
   * @throws PlaneError
   */
  sweep(): string[] {
    return sweep(this.#rtnl);
  }

  apply(op: PlaneOp, answer: (fact: PlaneFact) => void): void {
    answer(this.attempt(op));
  }

  private attempt(op: PlaneOp): PlaneFact {
    try {
      return this.run(op);
    } catch (error) {
      if (error instanceof PlaneError) return { fact: 'failed', error };
      throw error;
    }
  }

  private run(op: PlaneOp): PlaneFact {
    switch (op.op) {
      case 'tunnelUp':
        return this.tunnelUp(op);
      case 'tunnelDown':
        return this.tunnelDown(op);
      case 'sessionUp':
        return this.sessionUp(op);
      case 'sessionModify':
        return this.sessionModify(op);
      case 'sessionDown':
        this.sessionDown(op.session);
        return done;
      case 'pppoeOpen':
        this.#pppoe.open(op.interface);
        return done;
      case 'pppoeClose':
        this.#pppoe.close(op.interface);
        return done;
      case 'pppoeUp':
        this.#pppoe.up(op);
        return done;
      case 'splice':
        return this.splice(op);
      case 'attach':
        return this.attach(op);
      case 'detach':
        this.detach(op.session);
        return done;
      case 'attachEthernet':
        return this.attachEthernet(op);
      case 'attachCircuit':
        return this.attachCircuit(op);
      case 'peerCircuit':
        return this.peerCircuit(op);
      case 'limit':
        this.#path.limit(this.pppSession(op.session), op.rate, op.filter);
        return done;
      case 'encrypt':
        this.pppSession(op.session).mppe = op.keys && new Mppe(op.keys);
        return done;
      case 'device':
        this.#devices.share(op.device);
        return done;
      case 'removeDevice':
        this.#devices.remove(op.name);
        return done;
      case 'repair':
        return this.repair(op.name);
    }
  }

  // -------------------------------------------------------------- tunnels and sessions

  private tunnelUp(op: Op<'tunnelUp'>): PlaneFact {
    const { localTunnelId, remoteTunnelId, version, encapsulation, socket, from } = op;
    const remote = this.#transport.endpoints.raw(op.remote);
    const facts = { remoteId: remoteTunnelId, version, encapsulation, socket, remote, from };
    const known = this.#path.tunnels.get(localTunnelId);
    if (known) Object.assign(known, facts);
    else this.#path.tunnels.set(localTunnelId, { localId: localTunnelId, ...facts });
    return done;
  }

  private tunnelDown({ localTunnelId }: Op<'tunnelDown'>): PlaneFact {
    const tunnel = this.#path.tunnels.get(localTunnelId);
    this.#path.tunnels.delete(localTunnelId);
    // Sessions that are still there neither send nor receive.
    if (tunnel) tunnel.socket = -1;
    return done;
  }

  private sessionUp(op: Op<'sessionUp'>): PlaneFact {
    const tunnel = this.#path.tunnels.get(op.localTunnelId);
    if (!tunnel) throw new PlaneError('ENOENT', `tunnel ${op.localTunnelId}`);
    if (op.format === undefined && op.pseudowire !== 'ppp')
      throw new PlaneError('EINVAL', `${sessionText(op.session)}: L2TPv2 carries PPP only`);
    this.sessionDown(op.session);
    const session = new L2tpSession(op.session, tunnel, {
      remoteId: op.remoteSessionId,
      pseudowire: op.pseudowire,
      format: op.format,
      sequencing: op.sequencing,
      follows: op.followSequencing === true,
      reorderTimeoutMs: op.reorderTimeoutMs,
      dscp: op.dscp,
    });
    this.#path.add(session);
    return done;
  }

  private sessionModify({ session: key, sequencing, reorderTimeoutMs, dscp }: Op<'sessionModify'>): PlaneFact {
    const session = this.l2tpSession(key);
    if (sequencing !== undefined) session.sequencing = sequencing;
    session.dscp = dscp;
    session.reorderTimeoutMs = reorderTimeoutMs;
    this.#path.retime(session);
    return done;
  }

  private sessionDown(key: SessionKey): void {
    this.detach(key);
    this.#pppoe.down(key);
    const session = this.#path.sessions.get(key);
    if (session !== undefined) this.#path.end(session);
  }

  private splice({ session, with: other }: Op<'splice'>): PlaneFact {
    if (session === other) throw new PlaneError('EINVAL', `${sessionText(session)} with itself`);
    const [one, two] = [this.session(session), this.session(other)];
    for (const end of [one, two]) {
      if (end instanceof L2tpSession) requirePpp(end);
    }
    this.detach(session);
    this.detach(other);
    this.#path.splice(one, two);
    return done;
  }

  private session(key: SessionKey): PlaneSession {
    const session = this.#path.session(key);
    if (!session) throw new PlaneError('ENOENT', sessionText(key));
    return session;
  }

  private l2tpSession(key: SessionKey): L2tpSession {
    const session = this.session(key);
    if (!(session instanceof L2tpSession)) throw new PlaneError('EOPNOTSUPP', `${sessionText(key)} of PPPoE`);
    return session;
  }

  private pppSession(key: SessionKey): L2tpSession {
    const session = this.l2tpSession(key);
    requirePpp(session);
    return session;
  }

  // -------------------------------------------------------------- attachments

  private attach({ session: key, attachment, acfc, pfc }: Op<'attach'>): PlaneFact {
    const session = this.pppSession(key);
    if (session.spliced !== undefined) throw new PlaneError('EBUSY', `${sessionText(key)} is spliced`);
    session.acfc = acfc;
    session.pfc = pfc;
    try {
      return { fact: 'attached', session: key, interface: this.#devices.attach(session, attachment) };
    } catch (error) {
      this.detach(key);
      throw error;
    }
  }

  private attachEthernet({ session: key, attachment }: Op<'attachEthernet'>): PlaneFact {
    const session = this.l2tpSession(key);
    if (!isEthernet(session)) throw wrongPseudowire(session);
    return { fact: 'attached', session: key, ...this.#ports.attach(session, attachment) };
  }

  private attachCircuit({ session: key, attachment }: Op<'attachCircuit'>): PlaneFact {
    const session = this.l2tpSession(key);
    if (isPpp(session) || isEthernet(session)) throw wrongPseudowire(session);
    return { fact: 'attached', session: key, ...this.#circuits.attach(session, attachment) };
  }

  private peerCircuit({ session: key, active }: Op<'peerCircuit'>): PlaneFact {
    const session = this.l2tpSession(key);
    session.peerActive = active;
    if (isEthernet(session)) this.#ports.peerCircuit(session, active);
    else if (!isPpp(session)) this.#circuits.peerCircuit(session, active);
    return done;
  }

  private detach(key: SessionKey): void {
    const session = this.#path.sessions.get(key);
    if (session === undefined) return;
    if (isPpp(session)) this.#devices.detach(session);
    else if (isEthernet(session)) this.#ports.detach(session);
    else this.#circuits.detach(session);
  }

  // -------------------------------------------------------------- devices

  private repair(name: string): PlaneFact {
    if (this.#ports.has(name)) {
      this.#ports.repair(name);
      return done;
    }
    this.#devices.repair(name);
    return done;
  }

  async list(): Promise<PlaneDevice[]> {
    const snapshot = takeSnapshot(this.#rtnl);
    return [...this.#devices.list(snapshot), ...this.#ports.list(snapshot)];
  }

  private linkChanged(link: number | 'unknown', kind: LinkChangeKind): void {
    this.#pppoe.linkChanged(link);
    this.#devices.linkChanged(link, kind);
    this.#ports.linkChanged(link, kind);
  }

  // -------------------------------------------------------------- the rest

  deliver(datagram: Datagram): void {
    this.#path.receive(datagram);
  }

  sendControl(key: SessionKey, frame: Uint8Array): void {
    const session = this.#path.session(key);
    if (session) this.#path.sendFrame(session, frame);
  }

  sendDiscovery(interfaceName: string, peer: Uint8Array, packet: Uint8Array): void {
    this.#pppoe.sendDiscovery(interfaceName, peer, packet);
  }

  counters(key: SessionKey): SessionCounters | undefined {
    const session = this.#path.session(key);
    return session && countersOf(session);
  }

  dropped(): Readonly<Record<string, number>> {
    return { ...this.#path.dropped };
  }

  /** How much each table holds: all 0 when nothing is up. */
  tables(): Readonly<Record<string, number>> {
    return {
      ...this.#path.tables(),
      pppoeInterfaces: this.#pppoe.size,
      devices: this.#devices.size,
      ethernetPorts: this.#ports.size,
      circuits: this.#circuits.size,
      circuitMessages: this.#circuits.waiting,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#monitor.close();
    this.#devices.close();
    this.#removals.finish();
    this.#ports.close();
    this.#circuits.close();
    this.#pppoe.closeAll();
    this.#path.close();
    this.#rtnl.close();
  }
}

function isPpp({ pseudowire }: L2tpSession): boolean {
  return pseudowire === 'ppp';
}

function isEthernet({ pseudowire }: L2tpSession): boolean {
  return pseudowire === 'ethernet' || pseudowire === 'vlan';
}

/** @throws PlaneError EOPNOTSUPP */
function requirePpp(session: L2tpSession): void {
  if (!isPpp(session)) throw wrongPseudowire(session);
}

function wrongPseudowire({ key, pseudowire }: L2tpSession): PlaneError {
  return new PlaneError('EOPNOTSUPP', `${sessionText(key)} of pseudowire ${pseudowire}`);
}

function sessionText(key: SessionKey): string {
  return `session ${sessionKeyText(key)}`;
}
