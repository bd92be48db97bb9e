/**
 * The content of a pseudowire that is not PPP: the circuit that the data plane attaches to it, and the state of the
 * circuits at both ends, which these tell each other (RFC 3931 5.4.5, RFC 5641).
 */
import type { CallContent, ContentEffect, ContentEvent } from './call-content.ts';
import { circuitText } from './call-information.ts';
import type { EngineEffect, Notice } from './effects.ts';
import type { PlaneOp, SessionKey } from './ports.ts';
import type { CircuitSpec, EthernetSpec } from './spec.ts';
import { hangUp } from './usage.ts';
import type { AvpValues, CircuitStatus } from './wire/avp.ts';

/** A session as its circuit sees it. */
export interface CircuitCall {
  readonly key: SessionKey;
  readonly title: string;
  readonly attachment: CircuitFacts | undefined;
  /** What the peer has said of it. */
  readonly avps: AvpValues;
  /** Whether we speak for the line of an outgoing call. */
  readonly placesLine: boolean;
  notice(event: Notice['event'], message: string): EngineEffect;
}

/** What a circuit is attached to. */
export type CircuitFacts = { ethernet: EthernetSpec } | { circuit: CircuitSpec };

export const activeCircuit: CircuitStatus = { active: true, isNew: true };
const inactiveCircuit: CircuitStatus = { active: false, isNew: true };

/**
 * What the peer is told before the data plane has attached anything. A device of ours is there as soon as it is made; no
 * program can have come yet to a socket. PPP has no circuit of its own: it is there as long as its call.
 */
export function firstStatus(attachment: CircuitFacts | undefined): CircuitStatus {
  return attachment && 'circuit' in attachment ? inactiveCircuit : activeCircuit;
}

export class Circuit implements CallContent {
  /** As the peer was last told. */
  local: CircuitStatus;
  readonly switchedWith: undefined;
  private readonly call: CircuitCall;
  private attached: CircuitFacts | undefined;
  private peerActive = true;

  constructor(call: CircuitCall) {
    this.call = call;
    this.local = firstStatus(call.attachment);
  }

  handle(event: ContentEvent): ContentEffect[] {
    switch (event.event) {
      case 'open':
        return [...this.attach(), ...this.peerCircuit(), ...this.line()];
      case 'modified':
        return this.isAttached ? [] : this.attach();
      case 'circuit':
        return this.changed(event.status);
      case 'information':
        return this.peerCircuit();
      case 'disconnect':
        return [hangUp(event.cause, event.message)];
      case 'frame':
      case 'tick':
      case 'authenticated':
      case 'allocated':
      case 'limits':
      case 'dialled':
      case 'forwardChosen':
        return [];
      default:
        return event satisfies never;
    }
  }

  private get isAttached(): boolean {
    const [now, before] = [this.call.attachment, this.attached];
    if (now === undefined || before === undefined) return now === before;
    return 'ethernet' in now ? 'ethernet' in before && now.ethernet === before.ethernet : true;
  }

  private attach(): ContentEffect[] {
    const { key: session, attachment, title } = this.call;
    this.attached = attachment;
    if (!attachment) {
      return [
        { effect: 'over', end: { resultCode: { result: 5, error: 0, message: 'no circuit is declared for it' } } },
      ];
    }
    const owner = `Session/${title}`;
    const op: PlaneOp =
      'ethernet' in attachment
        ? { op: 'attachEthernet', session, attachment: { owner, ethernet: attachment.ethernet } }
        : { op: 'attachCircuit', session, attachment: { owner, circuit: agreed(attachment.circuit, this.call.avps) } };
    return [{ effect: 'plane', op }];
  }

  private line(): ContentEffect[] {
    return this.call.placesLine ? [{ effect: 'carrier', facts: {} }] : [];
  }

  /** Our circuit: the peer is told (RFC 3931 6.14). */
  private changed(status: CircuitStatus): ContentEffect[] {
    if (areEqual(status, this.local)) return [];
    this.local = status;
    return [
      this.call.notice('line', `our circuit: ${circuitText(status)}`),
      { effect: 'tell', information: { type: 'SLI', avps: { circuitStatus: status } } },
    ];
  }

  /** RFC 3931 5.4.5: towards a circuit that is not active no data goes; RFC 5641 2: nor towards one on standby. */
  private peerCircuit(): ContentEffect[] {
    const { active, standby = false } = this.call.avps.circuitStatus ?? activeCircuit;
    const isOpen = active && !standby;
    if (isOpen === this.peerActive) return [];
    this.peerActive = isOpen;
    return [{ effect: 'plane', op: { op: 'peerCircuit', session: this.call.key, active: isOpen } }];
  }

  end(): EngineEffect[] {
    return [];
  }

  deadline(): undefined {
    return undefined;
  }

  view(): undefined {
    return undefined;
  }
}

/** RFC 4454 6: as many cells in a message as the peer takes; one where it says nothing. */
function agreed(circuit: CircuitSpec, { atmMaxConcatenatedCells: theirs = 1 }: AvpValues): CircuitSpec {
  return theirs < circuit.maxCells ? { ...circuit, maxCells: Math.max(1, theirs) } : circuit;
}

/** The New bit says nothing any more (RFC 5641 2). */
const flags = [
  'active',
  'circuitRxFault',
  'circuitTxFault',
  'pseudowireRxFault',
  'pseudowireTxFault',
  'standby',
] as const satisfies readonly Exclude<keyof CircuitStatus, 'isNew'>[];

/** Whether the peer would learn nothing from it. */
function areEqual(one: CircuitStatus, other: CircuitStatus): boolean {
  return flags.every((flag) => (one[flag] ?? false) === (other[flag] ?? false));
}
