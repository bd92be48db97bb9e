/** What is traced of one tunnel: its control datagrams, and what it says of itself. */
import type { Calls } from './calls.ts';
import type { ControlChannel, Incoming } from './control-channel.ts';
import type { EngineCore } from './core.ts';
import type { Datagram } from './ports.ts';
import type { Endpoint, TunnelParameters } from './spec.ts';
import { type TraceCategory, type TraceSubject, traceBit, traceMask } from './trace.ts';
import { datagramBits, type TracedDatagram, traceDatagram } from './trace-datagram.ts';
import type { Dialect } from './wire/dialect.ts';

/** What the traces need of their tunnel. */
export interface TracedTunnel {
  readonly core: EngineCore;
  readonly dialect: Dialect;
  readonly parameters: TunnelParameters;
  readonly calls: Calls;
  readonly channel: ControlChannel;
  /** A declared tunnel's name, also when it ends, or `#` and the local id. */
  readonly title: string;
  readonly path: { readonly remote: Endpoint };
  /** The address that the peer sends to. */
  readonly local: Endpoint;
}

export class TunnelTraces {
  /** What is traced of this tunnel, beside what is of everything. */
  mask = 0;
  private readonly tunnel: TracedTunnel;
  private retransmissionsTraced = 0;

  constructor(tunnel: TracedTunnel) {
    this.tunnel = tunnel;
    this.retrace();
  }

  /** Something may have changed that says what is traced. */
  retrace(): void {
    const { core, parameters, calls } = this.tunnel;
    this.mask = traceMask(parameters.trace) | core.tracing.watched('tunnel', () => this.tunnel.title);
    calls.retrace();
  }

  get subject(): TraceSubject {
    return { tunnel: this.tunnel.title, declared: traceMask(this.tunnel.parameters.trace) };
  }

  wants(category: TraceCategory): boolean {
    return ((this.tunnel.core.tracing.mask | this.mask) & traceBit[category]) !== 0;
  }

  record(category: TraceCategory, message: string, error?: true): void {
    this.tunnel.core.tracing.record(this.subject, { category, message, error });
  }

  /** Lets the channel take a datagram, and traces what it made of it. */
  received(datagram: Datagram, take: () => Incoming[]): Incoming[] {
    const { counters } = this.tunnel.channel;
    const { duplicates, outOfOrder } = counters;
    const incoming = take();
    const late = counters.duplicates > duplicates ? 'a duplicate' : undefined;
    const remark = counters.outOfOrder > outOfOrder ? 'too early' : late;
    const { bytes, start, end, from: remote } = datagram;
    this.datagram({ direction: 'received', local: this.tunnel.local, remote, bytes, start, end, remark });
    return incoming;
  }

  /** What goes out again stands before what is new. */
  sent(datagrams: readonly Uint8Array[]): void {
    const { channel, local, path } = this.tunnel;
    const { retransmitted } = channel.counters;
    const again = retransmitted - this.retransmissionsTraced;
    this.retransmissionsTraced = retransmitted;
    if (!this.wantsDatagrams) return;
    for (const [index, bytes] of datagrams.entries()) {
      const remark = index < again ? 'again' : undefined;
      this.datagram({ direction: 'sent', local, remote: path.remote, bytes, start: 0, end: bytes.length, remark });
    }
  }

  get wantsDatagrams(): boolean {
    const { core, calls } = this.tunnel;
    return ((core.tracing.mask | this.mask | calls.traceMask) & datagramBits) !== 0;
  }

  private datagram(datagram: TracedDatagram): void {
    const { core, dialect, parameters, calls } = this.tunnel;
    const options = { secretFor: () => parameters.secret, knows: core.knows };
    traceDatagram(core.tracing, dialect, options, datagram, (header, message) => {
      const session = calls.traced(datagram.direction, header.sessionId, message);
      const mask = core.tracing.mask | this.mask;
      return session ? { ...session.traceSubject, mask: mask | session.traceMask } : { ...this.subject, mask };
    });
  }
}
