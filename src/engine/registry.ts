/**
 * Which tunnels there are, by all the keys under which they are looked for.
 */
import { type EngineCore, freeId } from './core.ts';
import type { EngineEffect } from './effects.ts';
import type { TunnelView } from './spec.ts';
import type { Tunnel } from './tunnel.ts';
import { type Dialect, dialectV2 } from './wire/dialect.ts';

export class TunnelRegistry {
  readonly core: EngineCore;
  readonly dialect: Dialect = dialectV2;
  readonly byLocalId = new Map<number, Tunnel>();
  /** Declared ones that have not ended. */
  readonly byName = new Map<string, Tunnel>();
  /** The last state of declared tunnels that ended by themselves. */
  readonly ended = new Map<string, TunnelView>();
  /** Accepted tunnels by the peer's endpoint and tunnel id, to know an SCCRQ that comes again. */
  readonly byRequest = new Map<string, Tunnel>();
  /** Those whose peer has not yet shown that it is there, in the order of their coming. */
  readonly halfOpen = new Set<Tunnel>();
  /** Why control datagrams were not taken, counted. */
  readonly drops: Record<string, number> = {};

  constructor(core: EngineCore) {
    this.core = core;
  }

  /** All of them, to be changed on the way. */
  all(): Tunnel[] {
    return [...this.byLocalId.values()];
  }

  freeId(): number | undefined {
    return freeId(this.core.random, this.dialect.maxId, this.byLocalId);
  }

  /** After anything happened to a tunnel: files its deadline, and forgets what has ended. */
  settle(tunnel: Tunnel, effects: EngineEffect[]): EngineEffect[] {
    const ended = tunnel.state === 'closing' || tunnel.state === 'closed';
    if (tunnel.state === 'established') this.halfOpen.delete(tunnel);
    if (ended && tunnel.name !== undefined) {
      this.ended.set(tunnel.name, { ...tunnel.view(), state: 'closed' });
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

  private forget(tunnel: Tunnel): void {
    this.core.deadlines.remove(tunnel);
    this.byLocalId.delete(tunnel.localId);
    this.halfOpen.delete(tunnel);
    const { requestKey } = tunnel;
    if (requestKey !== undefined && this.byRequest.get(requestKey) === tunnel) this.byRequest.delete(requestKey);
  }

  drop(reason: string): EngineEffect[] {
    this.count(reason);
    return [];
  }

  count(reason: string): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + 1;
  }
}
