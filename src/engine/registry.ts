/**
 * Which tunnels there are, by all the keys under which they are looked for.
 */
import { type EngineCore, freeId } from './core.ts';
import type { EngineEffect } from './effects.ts';
import type { Encapsulation, Endpoint, TunnelSpec, TunnelView } from './spec.ts';
import type { Tunnel } from './tunnel.ts';
import type { Dialect } from './wire/dialect.ts';

/** The result of a StopCCN by which a request is refused for another one. */
export const existsAlready = 3;

export class TunnelRegistry {
  readonly core: EngineCore;
  /** One that may yet become L2TPv2 or L2TPv3 stands here under both of its ids. */
  readonly byLocalId = new Map<number, Tunnel>();
  /** Declared ones that have not ended. */
  readonly byName = new Map<string, Tunnel>();
  /** The last state of declared tunnels that ended by themselves. */
  readonly ended = new Map<string, TunnelView>();
  /** Of these the last that the peer refused because of a request of its own, by its address. */
  private readonly outdone = new Map<string, string>();
  /** Accepted tunnels by the peer's endpoint and tunnel id, to know an SCCRQ that comes again. */
  readonly byRequest = new Map<string, Tunnel>();
  /** Dialled ones that wait for the answer to their SCCRQ, by the peer's address, in the order of their asking. */
  readonly asking = new Map<string, Set<Tunnel>>();
  /** Those whose peer writes 0 for their id, by the peer's endpoint. */
  private readonly withoutId = new Map<string, Set<Tunnel>>();
  /** Those whose peer has not yet shown that it is there, in the order of their coming. */
  readonly halfOpen = new Set<Tunnel>();
  /** Why control datagrams were not taken, counted. */
  readonly drops: Record<string, number> = {};

  constructor(core: EngineCore) {
    this.core = core;
  }

  /** All of them, to be changed on the way. */
  all(): Tunnel[] {
    return [...new Set(this.byLocalId.values())];
  }

  freeId(dialect: Dialect): number | undefined {
    return freeId(this.core.random, dialect.ids, this.byLocalId);
  }

  file(tunnel: Tunnel): void {
    for (const id of tunnel.localIds) this.byLocalId.set(id, tunnel);
    tunnel.filedIds = tunnel.localIds;
  }

  /** After anything happened to a tunnel: files its deadline, and forgets what has ended. */
  settle(tunnel: Tunnel, effects: EngineEffect[]): EngineEffect[] {
    this.fileAsking(tunnel);
    this.fileIds(tunnel);
    const ended = tunnel.state === 'closing' || tunnel.state === 'closed';
    if (tunnel.state === 'established') this.halfOpen.delete(tunnel);
    if (ended && this.withoutId.size > 0) take(this.withoutId, endpointKey(tunnel.path.remote), tunnel);
    if (ended && tunnel.name !== undefined) {
      if (!tunnel.isGranted) this.end(tunnel.name, tunnel);
      this.byName.delete(tunnel.name);
      tunnel.name = undefined;
    }
    if (!tunnel.finished) {
      this.core.deadlines.update(tunnel);
      return effects;
    }
    if (tunnel.ownsSocket) effects.push({ effect: 'closeSocket', socket: tunnel.path.socket });
    this.forget(tunnel);
    return effects;
  }

  private end(name: string, tunnel: Tunnel): void {
    const view: TunnelView = { ...tunnel.view(), state: 'closed' };
    this.ended.set(name, view);
    if (view.failure?.result === existsAlready) this.outdone.set(view.remote.address, name);
  }

  /** The ended tunnel that a request from there makes up for: the peer refused it for that (RFC 3931 5.4.3). */
  outdoneBy(address: string, encapsulation: Encapsulation, dialect: Dialect): TunnelSpec | undefined {
    const name = dialect.tellsTieLosers ? this.outdone.get(address) : undefined;
    const view = name === undefined ? undefined : this.ended.get(name);
    const isIt =
      view?.failure?.result === existsAlready &&
      view.remote.address === address &&
      view.encapsulation === encapsulation &&
      view.version === dialect.version;
    return isIt ? view.spec : undefined;
  }

  /** Once it is known which version it speaks, only one id is left. */
  private fileIds(tunnel: Tunnel): void {
    if (tunnel.filedIds.length === tunnel.localIds.length) return;
    for (const id of tunnel.filedIds) if (id !== tunnel.localId) this.byLocalId.delete(id);
    tunnel.filedIds = tunnel.localIds;
  }

  private fileAsking(tunnel: Tunnel): void {
    const asks = tunnel.state === 'waitReply' && !tunnel.finished ? tunnel.path.remote.address : undefined;
    const filed = tunnel.awaitedFrom;
    if (asks === filed) return;
    if (filed !== undefined) take(this.asking, filed, tunnel);
    if (asks !== undefined) put(this.asking, asks, tunnel);
    tunnel.awaitedFrom = asks;
  }

  /** Files a tunnel whose peer will name it by nothing but its own endpoint. */
  fileWithoutId(tunnel: Tunnel): void {
    put(this.withoutId, endpointKey(tunnel.path.remote), tunnel);
  }

  /** The one tunnel that a message to tunnel 0 from there can be for. */
  onlyWithoutId(from: Endpoint): Tunnel | undefined {
    if (this.withoutId.size === 0) return undefined;
    const filed = this.withoutId.get(endpointKey(from));
    if (filed?.size !== 1) return undefined;
    const [only] = filed;
    return only;
  }

  private forget(tunnel: Tunnel): void {
    this.core.deadlines.remove(tunnel);
    for (const id of tunnel.filedIds) this.byLocalId.delete(id);
    this.halfOpen.delete(tunnel);
    const { requestKey } = tunnel;
    if (requestKey !== undefined && this.byRequest.get(requestKey) === tunnel) this.byRequest.delete(requestKey);
  }

  /** A control datagram is not taken. */
  drop(reason: string, from: Endpoint): EngineEffect[] {
    this.count(reason);
    const { tracing } = this.core;
    if (tracing.traces('system')) {
      const message = `dropped a control message from ${from.address} port ${from.port}: ${reason}`;
      tracing.system({ category: 'system', message, fields: { reason } });
    }
    return [];
  }

  count(reason: string): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + 1;
  }
}

function endpointKey({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}

function put(index: Map<string, Set<Tunnel>>, key: string, tunnel: Tunnel): void {
  const filed = index.get(key);
  if (filed) filed.add(tunnel);
  else index.set(key, new Set([tunnel]));
}

function take(index: Map<string, Set<Tunnel>>, key: string, tunnel: Tunnel): void {
  const filed = index.get(key);
  if (filed?.delete(tunnel) && filed.size === 0) index.delete(key);
}
