/** All access concentrators of a daemon, by their interfaces. */
import type { TerminateCause } from '../aaa.ts';
import type { EngineCore } from '../core.ts';
import { append, type EngineEffect, type Instant } from '../effects.ts';
import type { PppoeServerSpec, PppoeServerView } from '../spec.ts';
import { Concentrator } from './concentrator.ts';
import { decodeDiscovery } from './packet.ts';

export class Concentrators {
  private readonly core: EngineCore;
  private readonly byInterface = new Map<string, Concentrator>();

  constructor(core: EngineCore) {
    this.core = core;
  }

  /** Sessions stay as they are where the interface still has a server; those of others end. */
  configure(specs: readonly PppoeServerSpec[], now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    const wanted = new Map(specs.map((spec) => [spec.interface, spec]));
    for (const [name, concentrator] of this.byInterface) {
      if (wanted.has(name)) continue;
      append(out, concentrator.close('PPPoE is not served here any more', 'adminReset', now));
      this.byInterface.delete(name);
      out.push({ effect: 'plane', op: { op: 'pppoeClose', interface: name } });
    }
    for (const spec of specs) {
      const known = this.byInterface.get(spec.interface);
      if (known) known.spec = spec;
      else this.byInterface.set(spec.interface, new Concentrator(this.core, spec));
      if (known && known.failure === undefined) continue;
      out.push({ effect: 'plane', op: { op: 'pppoeOpen', interface: spec.interface } });
    }
    return out;
  }

  /** Whether the system lets us serve on an interface. */
  opened(interfaceName: string, failure: string | undefined): void {
    const concentrator = this.byInterface.get(interfaceName);
    if (concentrator) concentrator.failure = failure;
  }

  discovery(
    interfaceName: string,
    peer: Uint8Array,
    bytes: Uint8Array,
    start: number,
    end: number,
    now: Instant,
  ): EngineEffect[] {
    const packet = decodeDiscovery(bytes, start, end);
    return (packet && this.byInterface.get(interfaceName)?.discovery(packet, peer, now)) ?? [];
  }

  close(message: string, cause: TerminateCause, now: Instant): EngineEffect[] {
    const out: EngineEffect[] = [];
    for (const concentrator of this.byInterface.values()) append(out, concentrator.close(message, cause, now));
    return out;
  }

  *views(): Iterable<PppoeServerView> {
    for (const { spec, sessions, failure } of this.byInterface.values()) yield { name: spec.name, sessions, failure };
  }
}
