/** Declared Sessions that ended by themselves. Their last state is shown until they begin again. */
import { circuitEndId } from './session-origin.ts';
import { isPlaced, type SessionSpec, type SessionView } from './spec.ts';

export class EndedSessions {
  private readonly byName = new Map<string, SessionView>();
  /** Circuits, which the peer may ask for before we do so again. */
  private readonly circuits = new Map<string, SessionSpec>();

  get(name: string): SessionView | undefined {
    return this.byName.get(name);
  }

  all(): Iterable<SessionView> {
    return this.byName.values();
  }

  add(spec: SessionSpec, view: SessionView): void {
    this.byName.set(spec.name, view);
    const isCircuit = spec.parameters.pseudowire !== 'ppp' && isPlaced(spec.parameters.type) && !spec.static;
    if (isCircuit) this.circuits.set(circuitKey(spec.tunnel, circuitEndId(spec)), spec);
  }

  delete(name: string): void {
    const spec = this.byName.get(name)?.spec;
    this.byName.delete(name);
    if (!spec) return;
    const key = circuitKey(spec.tunnel, circuitEndId(spec));
    if (this.circuits.get(key)?.name === name) this.circuits.delete(key);
  }

  deleteAllOf(tunnel: string): void {
    for (const [name, view] of this.byName) if (view.tunnel === tunnel) this.delete(name);
  }

  /** The Session that declares the circuit that both ends of a tunnel know by that Remote End ID. */
  circuit(tunnel: string, endId: string): SessionSpec | undefined {
    return this.circuits.get(circuitKey(tunnel, endId));
  }
}

/** No name has a line's end in it. */
function circuitKey(tunnel: string, endId: string): string {
  return `${tunnel}\n${endId}`;
}
