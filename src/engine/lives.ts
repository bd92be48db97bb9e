/** What came up and what ended: tunnels that are established, and calls that carry user packets. */
import type { Notice } from './effects.ts';
import type { SessionView, TunnelView } from './spec.ts';

export type TunnelLife = { event: 'tunnelUp' | 'tunnelDown'; title: string; view: TunnelView; message: string };
export type SessionLife = { event: 'sessionUp' | 'sessionDown'; title: string; view: SessionView; message: string };
export type Life = TunnelLife | SessionLife;

/** What is looked at, by the names that notices give; accepted tunnels by `#` and their local id. */
export interface Views {
  tunnelView(title: string): TunnelView | undefined;
  sessionView(title: string): SessionView | undefined;
  /** All of them. */
  liveTunnels(): Iterable<{ title: string; view: TunnelView }>;
  liveSessions(): Iterable<{ title: string; view: SessionView }>;
}

/**
 * Turns the engine's notices into ups and downs: one down after each up, with what was known while it was up. Remembers
 * what is up, and so costs memory: only where somebody wants to know.
 */
export class Lives {
  private readonly views: Views;
  private tunnels: Map<string, TunnelView> | undefined;
  private sessions = new Map<string, SessionView>();

  constructor(views: Views) {
    this.views = views;
  }

  /** Whether anybody wants to know. What is up already ends with a down too. */
  want(wanted: boolean): void {
    if (wanted === (this.tunnels !== undefined)) return;
    this.tunnels = wanted ? new Map() : undefined;
    this.sessions = new Map();
    if (!this.tunnels) return;
    for (const { title, view } of this.views.liveTunnels()) if (isUp(view)) this.tunnels.set(title, view);
    for (const { title, view } of this.views.liveSessions()) if (carries(view)) this.sessions.set(title, view);
  }

  notice({ subject, name, event, message, declared }: Notice): Life[] {
    if (!this.tunnels) return [];
    if (subject === 'tunnel') return this.ofTunnel(this.tunnels, declared ? name : `#${name}`, event, message);
    if (subject !== 'session') return [];
    if (event === 'down') return this.sessionDown(name, message);
    // Of a circuit 'line' says that it is attached.
    return event === 'up' || event === 'ppp' || event === 'line' ? this.sessionUp(name, message) : [];
  }

  private ofTunnel(tunnels: Map<string, TunnelView>, title: string, event: Notice['event'], message: string): Life[] {
    const was = tunnels.get(title);
    if (event === 'up') {
      const view = this.views.tunnelView(title);
      if (!view || was) return [];
      tunnels.set(title, view);
      return [{ event: 'tunnelUp', title, view, message }];
    }
    // A tunnel that ends for another reason than authentication is down.
    if (!was || (event !== 'down' && event !== 'authFailed')) return [];
    tunnels.delete(title);
    const { failure } = this.views.tunnelView(title) ?? was;
    return [{ event: 'tunnelDown', title, view: { ...was, state: 'closed', failure }, message }];
  }

  /** With the second call of a switched one the first one carries packets too. */
  private sessionUp(title: string, message: string): Life[] {
    const view = this.views.sessionView(title);
    if (!view || !carries(view) || this.sessions.has(title)) return [];
    this.sessions.set(title, view);
    const up: Life = { event: 'sessionUp', title, view, message };
    const other = view.switched?.with;
    return other === undefined ? [up] : [up, ...this.sessionUp(other, `goes on as ${title}`)];
  }

  private sessionDown(title: string, message: string): Life[] {
    const was = this.sessions.get(title);
    if (!was) return [];
    this.sessions.delete(title);
    return [{ event: 'sessionDown', title, view: { ...was, state: 'closed' }, message }];
  }
}

function isUp({ state }: TunnelView): boolean {
  return state === 'established';
}

function carries({ state, interface: device, switched }: SessionView): boolean {
  return state === 'established' && (device !== undefined || switched !== undefined);
}
