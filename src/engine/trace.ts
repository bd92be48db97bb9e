/**
 * Traces: what the engine can tell of its work, by category, of everything or of one tunnel or session. Whether anybody
 * wants to know is a mask that is tested before anything is built.
 */
import type { Endpoint } from './spec.ts';

/** What can be traced, at system, tunnel and session level. */
export const traceCategories = [
  'protocol',
  'fsm',
  'api',
  'avpInfo',
  'avpHide',
  'avpData',
  'transport',
  'data',
  'system',
  'ppp',
] as const;

export type TraceCategory = (typeof traceCategories)[number];

/** A mask is the sum of these. */
export const traceBit: Readonly<Record<TraceCategory, number>> = {
  protocol: 1,
  fsm: 2,
  api: 4,
  avpInfo: 8,
  avpHide: 16,
  avpData: 32,
  transport: 64,
  data: 128,
  system: 256,
  ppp: 512,
};

export function traceMask(categories: readonly TraceCategory[]): number {
  let mask = 0;
  for (const category of categories) mask |= traceBit[category];
  return mask;
}

/**
 * A control message: over UDP the whole datagram, over IP (where ports are 0) what stands behind the session id 0. Its
 * octets are only borrowed: they are valid while the record is handed over.
 */
export interface TracedPacket {
  direction: 'sent' | 'received';
  local: Endpoint;
  remote: Endpoint;
  bytes: Uint8Array;
  start: number;
  end: number;
  /** The message in words, hidden AVPs revealed, without secrets. */
  describe(): string;
}

/** What a record is about. */
export interface TraceSubject {
  /** A declared tunnel's name, or `#` and the local id. Absent: the whole daemon. */
  tunnel?: string;
  /** A declared session's name, or `tunnelId/sessionId`. */
  session?: string;
  /** What is traced of it because a resource says so. */
  declared: number;
}

export interface TraceRecord {
  category: TraceCategory;
  tunnel?: string;
  session?: string;
  message: string;
  /** Something is wrong. */
  error?: true;
  fields?: Readonly<Record<string, unknown>>;
  packet?: TracedPacket;
}

/** What somebody wants to see for a while. */
export interface TraceScope {
  /** As in `TraceSubject`; a tunnel's calls belong to it. Neither: everything. */
  tunnel?: string;
  session?: string;
  categories: readonly TraceCategory[];
}

/** What traces need of the world. It must not throw. */
export interface TracePorts {
  /** Takes what resources want traced. */
  record(record: TraceRecord): void;
}

interface Watch {
  scope: TraceScope;
  mask: number;
  take(record: TraceRecord): void;
}

/** Who wants to know what. */
export class Tracing {
  /** What is traced of everything. */
  mask = 0;
  private declared = 0;
  private readonly watches = new Set<Watch>();
  readonly ports: TracePorts;

  constructor(ports: TracePorts) {
    this.ports = ports;
  }

  /** What the Gateway wants traced. */
  declare(categories: readonly TraceCategory[]): void {
    this.declared = traceMask(categories);
    this.sum();
  }

  watch(scope: TraceScope, take: (record: TraceRecord) => void): () => void {
    const watch: Watch = { scope, mask: traceMask(scope.categories), take };
    this.watches.add(watch);
    this.sum();
    return () => {
      this.watches.delete(watch);
      this.sum();
    };
  }

  private sum(): void {
    this.mask = this.declared;
    for (const { scope, mask } of this.watches) if (!scope.tunnel && !scope.session) this.mask |= mask;
  }

  /** What is watched of one tunnel, or of one session, beside all that is watched of everything. */
  watched(of: 'tunnel' | 'session', title: () => string): number {
    if (this.watches.size === 0) return 0;
    const name = title();
    let all = 0;
    for (const { scope, mask } of this.watches) if (scope[of] === name) all |= mask;
    return all;
  }

  traces(category: TraceCategory): boolean {
    return (this.mask & traceBit[category]) !== 0;
  }

  record({ tunnel, session, declared }: TraceSubject, record: TraceRecord): void {
    const bit = traceBit[record.category];
    const whole: TraceRecord = { ...record, tunnel, session };
    if (((this.declared | declared) & bit) !== 0) this.ports.record(whole);
    for (const { scope, mask, take } of this.watches) {
      if ((mask & bit) === 0) continue;
      if (scope.tunnel !== undefined && scope.tunnel !== tunnel) continue;
      if (scope.session === undefined || scope.session === session) take(whole);
    }
  }

  /** Of the daemon itself. */
  system(record: TraceRecord): void {
    this.record({ declared: 0 }, record);
  }
}
