/** What RADIUS knows of each live call, from the first question about it until it is released. */
import type { SessionKey } from '../../engine/ports.ts';

export interface RadiusSession {
  /** Unique also among the sessions of the daemon's earlier lives. */
  readonly acctSessionId: string;
  /** The name that accounting tells: what the Access-Accept says (RFC 2865 5.1), or the user. */
  user?: string;
  /** Of the Access-Accept, to be given back in accounting (RFC 2865 5.25). */
  classes?: readonly Uint8Array[];
}

export class RadiusSessions {
  /** What no other life of the daemon has. */
  readonly life: string;
  readonly #sessions = new Map<SessionKey, RadiusSession>();
  #begun = 0;

  constructor(life: string) {
    this.life = life;
  }

  /** The session, which begins here if it has not yet. */
  of(session: SessionKey): RadiusSession {
    const known = this.#sessions.get(session);
    if (known) return known;
    this.#begun++;
    const begun: RadiusSession = { acctSessionId: `${this.life}-${this.#begun.toString(16).padStart(6, '0')}` };
    this.#sessions.set(session, begun);
    return begun;
  }

  get(session: SessionKey): RadiusSession | undefined {
    return this.#sessions.get(session);
  }

  delete(session: SessionKey): void {
    this.#sessions.delete(session);
  }

  get size(): number {
    return this.#sessions.size;
  }
}
