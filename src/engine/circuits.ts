/**
 * Which session is of which circuit. Both ends know a circuit by its Remote End ID, whichever control connection between
 * the two it is asked for in (RFC 3931 5.4.4).
 */
import type { Session } from './session.ts';
import { isPlaced, type SessionSpec } from './spec.ts';

export interface Circuits {
  /** What we ask for, and declared circuits as long as they live. */
  readonly ours: Map<string, Session>;
  /** What peers brought and nobody declares. */
  readonly brought: Map<string, Session>;
}

/** `peer`: as its tunnel says who it is. */
export function circuitKey(peer: string, endId: string): string {
  return `${peer}\n${endId}`;
}

/** Whether a Session declares a circuit that either end may ask for. */
export function isCircuit({ parameters, static: declared }: SessionSpec): boolean {
  return parameters.pseudowire !== 'ppp' && isPlaced(parameters.type) && !declared;
}

/** Takes a session out, unless another one has come in its place. */
export function forget(circuits: Map<string, Session>, key: string, session: Session): void {
  if (circuits.get(key) === session) circuits.delete(key);
}
