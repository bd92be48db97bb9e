import type { Engine } from '../engine/engine.ts';
import type { SpecError } from '../engine/errors.ts';
import { PeerTable } from '../engine/peers.ts';
import { type DataPlane, sessionKeyOf } from '../engine/ports.ts';
import type {
  OtherAvp,
  PoolView,
  PppoeServerView,
  PppoeSessionView,
  RadiusView,
  SessionView,
  TunnelView,
} from '../engine/spec.ts';
import type { TraceRecord, TraceScope } from '../engine/trace.ts';
import type { Action } from '../reconciler/live.ts';
import type { Reconciler } from '../reconciler/reconciler.ts';
import type { Resource, Snapshot } from '../reconciler/resources.ts';
import { specWithoutCookies } from '../reconciler/static.ts';
import type { EventLog } from './events.ts';
import { acceptedName } from './names.ts';
import { plannedActions } from './planned.ts';
import type { ApiSource, DeclaredObject, PlanOutcome } from './source.ts';
import type { Explanation, ObjectKind, PlanRequest } from './types.ts';

/** The parts of a daemon that the API looks at. */
export interface LiveParts {
  reconciler: Pick<Reconciler, 'desired' | 'statuses' | 'errors' | 'explain' | 'planFor'>;
  engine: Pick<
    Engine,
    | 'declaredTunnels'
    | 'declaredSessions'
    | 'acceptedTunnels'
    | 'acceptedSessions'
    | 'accepted'
    | 'drops'
    | 'pppoeServers'
    | 'pppoeSessions'
    | 'watch'
  >;
  plane: Pick<DataPlane, 'name' | 'counters' | 'dropped' | 'list'>;
  aaa: { pools(): PoolView[]; radius(): RadiusView | undefined };
  events: EventLog;
  plugins: {
    describe(avp: OtherAvp): { label: string; text: string } | undefined;
    readonly errors: readonly SpecError[];
  };
  /** Reads documents as if they were what is declared. */
  read(documents: PlanRequest['documents']): Promise<Snapshot>;
}

/** The running daemon as the API shows it. */
export class LiveSource implements ApiSource {
  readonly #parts: LiveParts;

  constructor(parts: LiveParts) {
    this.#parts = parts;
  }

  get dataPlane(): string {
    return this.#parts.plane.name;
  }

  get events(): EventLog {
    return this.#parts.events;
  }

  /** Also what is only known by a wrong document that says whose it is. */
  *declared(kind: ObjectKind): Generator<DeclaredObject> {
    const { desired, statuses } = this.#parts.reconciler;
    const known = new Set<string>();
    for (const resource of desired?.resources ?? []) {
      if (resource.kind !== kind) continue;
      known.add(resource.id);
      const { file, line } = resource.locate([]);
      const origin = file === undefined || line === undefined ? file : `${file}:${line}`;
      const status = statuses.get(resource.id) ?? {};
      yield { name: resource.name, spec: shownSpec(resource), origin, status };
    }
    for (const [id, status] of statuses) {
      if (!known.has(id) && id.startsWith(`${kind}/`)) yield { name: id.slice(kind.length + 1), status };
    }
  }

  *tunnels(): Generator<TunnelView> {
    yield* this.#parts.engine.declaredTunnels();
    yield* this.#parts.engine.acceptedTunnels();
  }

  *sessions(): Generator<SessionView> {
    const { engine } = this.#parts;
    for (const view of engine.declaredSessions()) yield this.#counted(view);
    for (const view of engine.acceptedSessions()) yield this.#counted(view);
  }

  /** The engine does not see user packets: the plane counts them. */
  #counted(view: SessionView): SessionView {
    const key = sessionKeyOf(view.version, view.tunnelLocalId, view.localId);
    return { ...view, counters: this.#parts.plane.counters(key) };
  }

  pools(): PoolView[] {
    return this.#parts.aaa.pools();
  }

  radius(): RadiusView | undefined {
    return this.#parts.aaa.radius();
  }

  pppoeServers(): Iterable<PppoeServerView> {
    return this.#parts.engine.pppoeServers();
  }

  pppoeSessions(): Iterable<PppoeSessionView> {
    return this.#parts.engine.pppoeSessions();
  }

  counts() {
    const { engine, plane } = this.#parts;
    const accepted = engine.accepted();
    return {
      tunnels: { dialled: established(engine.declaredTunnels()), accepted: accepted.tunnels },
      sessions: { dialled: established(engine.declaredSessions()), accepted: accepted.sessions },
      dropped: { ...plane.dropped() },
      ignored: { ...engine.drops },
    };
  }

  errors() {
    return [...this.#parts.reconciler.errors, ...this.#parts.plugins.errors];
  }

  async plan(documents: PlanRequest['documents']): Promise<PlanOutcome> {
    const { reconciler, plane, read } = this.#parts;
    const { actions, impact, errors } = await reconciler.planFor(await read(documents));
    const devices = new Set((await plane.list()).map(({ name }) => name));
    const accepted = this.#acceptedDrops(actions);
    const drops = {
      tunnels: [...impact.tunnels, ...accepted.tunnels],
      sessions: [...impact.sessions, ...accepted.sessions],
    };
    return { actions: plannedActions(actions, impact, devices), drops, errors };
  }

  /** Accepted tunnels, with their sessions, whose peer would match no PeerProfile any more. */
  #acceptedDrops(actions: readonly Action[]): PlanOutcome['drops'] {
    const gateway = actions.find((action) => action.action === 'configureGateway');
    if (!gateway) return { tunnels: [], sessions: [] };
    const peers = new PeerTable(gateway.spec.peers);
    const lost = new Set<number>();
    for (const { localId, direction, peerHostName, remote } of this.#parts.engine.acceptedTunnels()) {
      // Those that the AAA granted need no profile.
      if (direction === 'accepted' && peerHostName !== undefined && !peers.find(peerHostName, remote.address))
        lost.add(localId);
    }
    const sessions: string[] = [];
    for (const { tunnelLocalId, localId } of lost.size > 0 ? this.#parts.engine.acceptedSessions() : []) {
      if (lost.has(tunnelLocalId)) sessions.push(acceptedName(tunnelLocalId, localId));
    }
    return { tunnels: Array.from(lost, (id) => acceptedName(id)), sessions };
  }

  describeOther(avp: OtherAvp): { label: string; text: string } | undefined {
    return this.#parts.plugins.describe(avp);
  }

  watch(scope: TraceScope, take: (record: TraceRecord) => void): () => void {
    return this.#parts.engine.watch(scope, take);
  }

  explain(kind: string, name: string): Explanation | undefined {
    const fields = this.#parts.reconciler.explain(`${kind}/${name}`);
    if (!fields) return undefined;
    const values = Object.entries(fields).map(([path, { value, from }]) => ({ path, value, from }));
    return { kind, name, values: values.sort((a, b) => a.path.localeCompare(b.path, 'en')) };
  }
}

function established(views: Iterable<{ state: string }>): number {
  let count = 0;
  for (const { state } of views) if (state === 'established') count++;
  return count;
}

function shownSpec({ kind, document }: Resource): object {
  return kind === 'Session' ? specWithoutCookies(document.spec) : document.spec;
}
