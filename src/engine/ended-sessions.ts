/** Declared Sessions that ended by themselves. Their last state is shown until they begin again. */
import { circuitKey, isCircuit } from './circuits.ts';
import type { Session } from './session.ts';
import { circuitEndId } from './session-origin.ts';
import type { SessionSpec, SessionView } from './spec.ts';

export class EndedSessions {
  private readonly byName = new Map<string, SessionView>();
  /** Circuits, which the peer may ask for before we do so again: by the peer and Remote End ID, and where each stands. */
  private readonly circuits = new Map<string, SessionSpec>();
  private readonly keys = new Map<string, string>();

  get(name: string): SessionView | undefined {
    return this.byName.get(name);
  }

  all(): Iterable<SessionView> {
    return this.byName.values();
  }

  add(spec: SessionSpec, session: Session): void {
    this.delete(spec.name);
    this.byName.set(spec.name, session.view());
    if (!isCircuit(spec)) return;
    const key = circuitKey(session.tunnel.peer, circuitEndId(spec));
    this.circuits.set(key, spec);
    this.keys.set(spec.name, key);
  }

  delete(name: string): void {
    this.byName.delete(name);
    const key = this.keys.get(name);
    if (key === undefined) return;
    this.keys.delete(name);
    if (this.circuits.get(key)?.name === name) this.circuits.delete(key);
  }

  deleteAllOf(tunnel: string): void {
    for (const [name, view] of this.byName) if (view.spec?.tunnel === tunnel) this.delete(name);
  }

  /** The Session that declares the circuit that this peer and we know by that Remote End ID. */
  circuit(peer: string, endId: string): SessionSpec | undefined {
    return this.circuits.get(circuitKey(peer, endId));
  }
}
