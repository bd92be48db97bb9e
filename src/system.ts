/** Hooks, plugins and tracing, as a Gateway wants them. */
import type { MetricsServer } from './api/metrics-server.ts';
import { acceptedName } from './api/names.ts';
import { sessionObject, tunnelObject } from './api/objects.ts';
import type { ApiSource } from './api/source.ts';
import type { Notice } from './engine/effects.ts';
import type { Engine } from './engine/engine.ts';
import { type Life, Lives, type SessionLife, type TunnelLife } from './engine/lives.ts';
import type { SystemSpec } from './engine/spec.ts';
import { sessionEnvironment, told, tunnelEnvironment } from './hooks/environment.ts';
import type { HookRunner } from './hooks/runner.ts';
import type { ConfigurableSystem } from './live.ts';
import type { Plugins } from './plugins/plugins.ts';

export interface SystemParts {
  engine: Engine;
  hooks: HookRunner;
  plugins: Plugins;
  source: ApiSource;
  metrics: MetricsServer;
}

export class System implements ConfigurableSystem {
  private readonly parts: SystemParts;
  private readonly lives: Lives;

  constructor(parts: SystemParts) {
    this.parts = parts;
    this.lives = new Lives(parts.engine);
  }

  async configure({ hooks, plugins, trace, metrics }: SystemSpec): Promise<void> {
    this.parts.engine.traceSystem(trace);
    this.parts.hooks.configure(hooks);
    const outcomes = await Promise.allSettled([
      this.parts.plugins.configure(plugins),
      this.parts.metrics.configure(metrics),
    ]);
    this.lives.want(this.parts.hooks.wanted || this.parts.plugins.listening);
    const refused = outcomes.find((outcome) => outcome.status === 'rejected');
    if (refused) throw refused.reason;
  }

  notice(notice: Notice): void {
    for (const life of this.lives.notice(notice)) {
      if (isOfTunnel(life)) this.tunnel(life);
      else this.session(life);
    }
  }

  private tunnel({ event, view, message }: TunnelLife): void {
    const { hooks, plugins, source } = this.parts;
    const name = view.name ?? acceptedName(view.localId);
    plugins.tunnel({ event, name, view, message });
    if (!hooks.wants(event)) return;
    const environment = { ...tunnelEnvironment(name, view), ...told({ REASON: message }) };
    const input = JSON.stringify(tunnelObject(source, view));
    hooks.offer({ event, kind: 'Tunnel', name, environment, input });
  }

  private session({ event, view, message }: SessionLife): void {
    const { engine, hooks, plugins, source } = this.parts;
    const name = view.name ?? acceptedName(view.tunnelLocalId, view.localId);
    plugins.session({ event, name, view, message });
    if (!hooks.wants(event)) return;
    const tunnelName = view.tunnel ?? acceptedName(view.tunnelLocalId);
    const tunnel = engine.tunnelView(view.tunnel ?? `#${view.tunnelLocalId}`);
    const environment = {
      ...(tunnel ? tunnelEnvironment(tunnelName, tunnel) : told({ TUNNEL: tunnelName })),
      ...sessionEnvironment(name, view),
      ...told({ REASON: message }),
    };
    hooks.offer({ event, kind: 'Session', name, environment, input: JSON.stringify(sessionObject(source, view)) });
  }
}

function isOfTunnel(life: Life): life is TunnelLife {
  return life.event === 'tunnelUp' || life.event === 'tunnelDown';
}
